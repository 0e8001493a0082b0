"""Claims 1 to 18 on rainbow networks, see claims.toml."""
