"""The dual view: paths, their features and values, and their kernels.

Importing it imports nothing heavy; a function's module is imported when the
function is asked for.
"""

from dlgn_tf import lazy

__getattr__, __all__ = lazy.names(
    __name__,
    {
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
    },
)
