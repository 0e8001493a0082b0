"""Claims 1 to 11 on networks of vectors, see claims.toml."""
