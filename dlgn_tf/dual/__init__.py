"""The dual view: paths, their features and values, and their kernels.

Importing it imports nothing heavy; a function's module is imported when the
function is asked for.
"""

import importlib

_MODULES = {
    "empirical_ntk": "tangent_kernel",
    "gate_kernels": "closed_forms",
    "convolutional": "kernels",
    "fully_connected": "kernels",
    "residual": "kernels",
    "sub_network": "kernels",
    "neural_path_kernel": "network_kernel",
    "convolutional_paths": "paths",
    "fully_connected_paths": "paths",
    "residual_paths": "paths",
}
__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    return getattr(module, name)
