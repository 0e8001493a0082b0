"""What commands leave: files, tables and pictures."""
