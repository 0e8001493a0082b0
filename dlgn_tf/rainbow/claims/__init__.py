"""What is claimed of rainbow networks, see claims.toml."""
