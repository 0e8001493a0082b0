"""The zoo: architectures, families, and the models made of them."""
