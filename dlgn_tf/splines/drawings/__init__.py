"""Pictures of nonlinearities, partitions, priors and Gram matrices.

One file per picture; each function that draws returns a `Picture`, which
`output.save` writes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
