"""Claims 1 to 22 of the SMASO paper, see claims.toml."""
