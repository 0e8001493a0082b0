"""Layers as max-affine spline operators: partitions, mixtures, soft choices.

Source: "From Hard to Soft: Understanding Deep Network Nonlinearities via Vector
Quantization and Statistical Inference" (arXiv 1810.09274). All of it is NumPy
in float64; Keras is imported only to read layers of its own.

Importing it imports nothing heavy; a function's module is imported when the
function is asked for.
"""

from dlgn_tf import lazy

__getattr__, __all__ = lazy.names(
    __name__,
    {
        "MASO": "maso",
        "activated": "parameters",
        "average_pool": "parameters",
        "convolution": "parameters",
        "dense": "parameters",
        "max_pool": "parameters",
        "maxout": "parameters",
        "maso_of_layers": "keras_layers",
        "beta_vq": "selection",
        "hard_vq": "selection",
        "soft_vq": "selection",
        "RegionMixture": "mixture",
        "region_prior": "mixture",
        "PowerDiagram": "power_diagram",
        "FactorialMixture": "factorial",
        "network_priors": "network_prior",
    },
)
