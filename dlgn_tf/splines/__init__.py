"""Layers as max-affine spline operators: partitions, mixtures, soft choices.

Source: "From Hard to Soft: Understanding Deep Network Nonlinearities via Vector
Quantization and Statistical Inference" (arXiv 1810.09274). All of it is NumPy
in float64; Keras is asked only what layers compute.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
