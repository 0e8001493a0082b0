"""What is claimed of layers as max-affine splines, see claims.toml."""
