"""Trees of half-spaces: as labels, and read out of trained gates."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
