"""Numbers from arrays: one metric a file, each with a card. Nothing here reads a dataset or prints."""
