"""Reference generators: what every entry on the board is compared with."""
