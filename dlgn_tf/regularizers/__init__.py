"""Terms of a training loss that depend on weights alone."""

from dlgn_tf import lazy

__getattr__, __all__ = lazy.names(
    __name__,
    {
        "Orthogonality": "orthogonality",
        "largest_cosine": "orthogonality",
        "least_penalty": "orthogonality",
        "orthogonality_penalty": "orthogonality",
    },
)
