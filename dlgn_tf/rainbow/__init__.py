"""Rainbow networks: weight covariances, alignment, resampling.

Source: Guth, Menard, Rochette and Mallat, "A Rainbow in Deep Network Black
Boxes", arXiv 2305.18512.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
