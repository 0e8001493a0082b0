"""The zoo: architectures, families, and the models made of them."""

from dlgn_tf import lazy

__getattr__, __all__ = lazy.names(
    __name__,
    {
        "Bernoulli": "initializers",
        "EnsembleNetwork": "ensemble",
        "GatedNetwork": "gated",
        "ReLUNetwork": "relu",
        "create_model": "build",
        "load_model": "build",
    },
)
