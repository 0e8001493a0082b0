"""Claims 1 to 13 on rainbow networks, see claims.toml."""
