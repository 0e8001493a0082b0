"""Claims 1 to 13 on locally connected networks, see claims.toml."""
