"""Feature components of graded complexity.

A feature of a trained network is split by the number of nonlinear layers that
it takes to compute it; the parts are then measured: how large they are, how
much they help, how far they over-fit, how reliable they are.

Source: Ren, Li, Liu and Zhang, "Interpreting and Disentangling Feature
Components of Various Complexity from DNNs" (arXiv 2006.15920).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
