"""dataset -> generator -> volumes -> scores -> result: the harness itself."""
