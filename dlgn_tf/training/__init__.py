"""Training: the loop, its optimiser, checkpoints, logs, run directory."""
