"""One job a file, for a process of its own, perhaps of another Python."""
