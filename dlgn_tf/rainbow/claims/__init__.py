"""Claims 1 to 16 on rainbow networks, see claims.toml."""
