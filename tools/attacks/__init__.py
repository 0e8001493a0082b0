"""Hostile files, flags, names and file systems, drawn from seeds."""
