"""What is claimed of networks of vectors, see claims.toml."""
