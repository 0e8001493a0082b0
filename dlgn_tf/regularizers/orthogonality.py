"""How far filters are from being orthogonal to each other."""

import math

import keras
from keras import ops

REDUCTIONS = ("sum", "mean_entries")
# Of the two regions of a ReLU.
RELU_SLOPES = (0.0, 1.0)


def orthogonality_penalty(kernel, reduction="sum", slopes=RELU_SLOPES):
    """Squared inner products of different filters, both orders counted.

    A filter is all weights of a unit as one vector; positions of a convolution
    are left out. With regions of slopes s_r on a filter's output, the vectors
    are s_r times the filter, and the sum over pairs of filters and of regions
    is (sum of s_r^2)^2 times that over filters. Lengths are free: a single
    filter costs nothing.

    Source: the SMASO paper (arXiv 1810.09274), section 5, with condition (11).
    Whether it sums or takes means is not printed: the sum is the formula as it
    stands, the mean over all K x K entries is what earlier code of its author
    has. Gradient for `"sum"`: 4 W (G - diag G), G = W'W, one filter a column.

    Args:
        kernel: Floating tensor `(..., filters)`.
        reduction: `"sum"` or `"mean_entries"`, that divided by filters^2.
        slopes: Sequence of floats: 0, 1 for a ReLU, nu, 1 for a leaky ReLU,
            -1, 1 for the absolute value.

    Returns:
        Scalar tensor >= 0, which is 0 where all filters are orthogonal.

    Raises:
        ValueError: if there is no such reduction.
    """
    _check_reduction(reduction)
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    gram = ops.matmul(ops.transpose(matrix), matrix)
    # Not the difference of two large sums, which would lose a small one.
    different = 1 - ops.eye(gram.shape[0], dtype=gram.dtype)
    total = ops.sum((gram * different) ** 2)
    return total * _factor(gram.shape[0], reduction, slopes)


def least_penalty(kernel, reduction="sum", slopes=RELU_SLOPES):
    """The least that the penalty can be for filters of these lengths.

    Welch's bound (sum |w|^2)^2 / D - sum |w|^4 where it is positive, as it is
    for more filters of equal length than inputs D; 0 otherwise.

    Args:
        kernel: As for `orthogonality_penalty`, and so the others.

    Returns:
        Scalar tensor.
    """
    _check_reduction(reduction)
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    inputs, filters = matrix.shape
    squares = ops.sum(matrix**2, axis=0)
    bound = ops.sum(squares) ** 2 / inputs - ops.sum(squares**2)
    return ops.maximum(bound, 0.0) * _factor(filters, reduction, slopes)


def largest_cosine(kernel):
    """The largest |cosine| of the angle between two different filters.

    Args:
        kernel: Floating tensor `(..., filters)`.

    Returns:
        Scalar tensor in [0, 1], of float64 on TensorFlow: graphics cards may
        round float32 products to TF32, whose errors would be taken for
        cosines. A filter of length 0 is orthogonal to all, and so is a single
        one.
    """
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    if keras.backend.backend() == "tensorflow":
        matrix = ops.cast(matrix, "float64")
    lengths = ops.sqrt(ops.sum(matrix**2, axis=0))
    matrix = matrix / ops.where(lengths > 0, lengths, 1.0)
    cosines = ops.matmul(ops.transpose(matrix), matrix)
    different = 1 - ops.eye(cosines.shape[0], dtype=cosines.dtype)
    return ops.max(ops.abs(cosines) * different)


def _check_reduction(reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(
            "Invalid value for argument `reduction`. Expected one of "
            f"{REDUCTIONS}. Received: reduction={reduction!r}"
        )


def _factor(filters, reduction, slopes):
    of_slopes = math.fsum(slope**2 for slope in slopes) ** 2
    return of_slopes / (filters**2 if reduction == "mean_entries" else 1)


@keras.saving.register_keras_serializable(package="dlgn_tf")
class Orthogonality(keras.regularizers.Regularizer):
    """`orthogonality_penalty` as a Keras regulariser of any kernel.

    Unlike `keras.regularizers.OrthogonalRegularizer` it takes kernels of
    convolutions, squares inner products and not cosines, and sums them.

    Example:

    >>> keras.layers.Conv2D(8, 3, kernel_regularizer=Orthogonality())

    Args:
        factor: Float >= 0. Defaults to `1.0`, as published.
        reduction: See `orthogonality_penalty`, and so `slopes`.
    """

    def __init__(self, factor=1.0, reduction="sum", slopes=RELU_SLOPES):
        _check_reduction(reduction)
        if not 0 <= factor < float("inf"):
            raise ValueError(
                "Invalid value for argument `factor`. Expected a number >= 0. "
                f"Received: factor={factor}"
            )
        self.factor = float(factor)
        self.reduction = reduction
        self.slopes = tuple(float(slope) for slope in slopes)

    def __call__(self, kernel):
        return self.factor * orthogonality_penalty(
            kernel, self.reduction, self.slopes
        )

    def get_config(self):
        return {
            "factor": self.factor,
            "reduction": self.reduction,
            "slopes": list(self.slopes),
        }
