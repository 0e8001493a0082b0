"""Claims 19 and 20 of the SMASO paper."""
