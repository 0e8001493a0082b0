"""Speed beside named alternatives: what comparisons of it share."""
