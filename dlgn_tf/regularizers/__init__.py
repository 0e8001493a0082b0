"""Terms of a training loss that depend on weights alone."""

from dlgn_tf.regularizers.orthogonality import Orthogonality
from dlgn_tf.regularizers.orthogonality import largest_cosine
from dlgn_tf.regularizers.orthogonality import least_penalty
from dlgn_tf.regularizers.orthogonality import orthogonality_penalty

__all__ = [
    "Orthogonality",
    "largest_cosine",
    "least_penalty",
    "orthogonality_penalty",
]
