"""Locally connected ReLU networks on nested receptive fields.

Teachers that see an event in every region, students that are locally connected,
and what their training has to do with one another.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
