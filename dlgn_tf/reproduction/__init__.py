"""Published tables, measured again: which cells, which runs, what came out."""
