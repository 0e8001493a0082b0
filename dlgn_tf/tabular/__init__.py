"""DLGNs on vectors and tables: half-spaces, value tensors, trees, estimators.

Source: Yadav et al., "Half-Space Feature Learning in Neural Networks"
(arXiv 2404.04312); Banerjee et al., "Deep Networks Learn Features From Local
Discontinuities in the Label Function" (ICLR 2025).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
