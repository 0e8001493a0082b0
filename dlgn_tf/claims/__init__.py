"""Claims: what the papers state, as experiments that run."""
