"""What is claimed of DLGNs and of their dual view, see claims.toml."""
