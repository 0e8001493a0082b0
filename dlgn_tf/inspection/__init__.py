"""Opening trained networks up."""
