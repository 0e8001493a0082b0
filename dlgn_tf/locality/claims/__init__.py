"""What is claimed of locally connected networks, see claims.toml."""
