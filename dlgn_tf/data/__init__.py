"""Data sets as uint8 arrays, their augmentation and their batches."""
