"""Claims 1 to 23 of the DLGN paper, see claims.toml."""
