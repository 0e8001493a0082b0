"""Trees of half-spaces: as labels, and read out of trained gates."""
