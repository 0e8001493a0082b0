"""Pictures of nonlinearities, partitions, priors and Gram matrices.

One file a picture; each makes `Picture`s, which `output.save` writes. Importing
it imports nothing.
"""
