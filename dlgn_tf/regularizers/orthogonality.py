"""How far filters are from being orthogonal to each other."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from dlgn_tf.choices import PENALTY_REDUCTIONS
from dlgn_tf.layers import arguments
from dlgn_tf.layers.precision import widened

# Of the two regions of a ReLU.
RELU_SLOPES = (0.0, 1.0)


def orthogonality_penalty(
    kernel: Any,
    reduction: str = "sum",
    slopes: Sequence[float] = RELU_SLOPES,
    filter_axes: int | Sequence[int] = -1,
    groups: int = 1,
) -> Any:
    """Squared inner products of different filters, both orders counted.

    A filter is all weights of a unit as one vector; positions of a convolution
    are left out. With regions of slopes s_r on a filter's output, the vectors
    are s_r times the filter, and the sum over pairs of filters and of regions
    is (sum of s_r^2)^2 times that over filters. Lengths are free: a single
    filter costs nothing. Filters of different groups see different channels, so
    they are orthogonal.

    | kernel of | `filter_axes` | `groups` |
    |---|---|---|
    | `Dense`, `Conv*D`, pointwise of `SeparableConv*D` | -1 | the layer's |
    | `Conv*DTranspose` | -2 | 1 |
    | `DepthwiseConv*D`, depthwise of the others | (-2, -1) | its channels |
    | `EinsumDense` | those of its outputs | 1 |

    It is computed in at least 32 bits.

    Source: the SMASO paper (arXiv 1810.09274), section 5, with condition (11).
    Whether it sums or takes means is not printed: the sum is the formula as it
    stands, the mean over all K x K entries is what earlier code of its author
    has. Gradient for `"sum"`: 4 W (G - diag G), G = W'W, one filter a column.

    Args:
        kernel: Floating tensor.
        reduction: `"sum"` or `"mean_entries"`, that divided by filters^2.
        slopes: Sequence of floats: 0, 1 for a ReLU, nu, 1 for a leaky ReLU,
            -1, 1 for the absolute value.
        filter_axes: Integer or sequence of them, the axes of the kernel along
            which filters lie. A regulariser cannot see of which layer a kernel
            is.
        groups: Integer >= 1, of a convolution's channels.

    Returns:
        Scalar tensor >= 0, which is 0 where all filters are orthogonal.

    Raises:
        ValueError: if there is no such reduction or axis, or filters do not
            split into so many groups.
    """
    matrices = _by_group(kernel, filter_axes, groups)
    gram = _gram(matrices)
    # Not the difference of two large sums, which would lose a small one.
    different = 1 - ops.eye(gram.shape[-1], dtype=gram.dtype)
    total = ops.sum((gram * different) ** 2)
    return total * _factor(matrices, reduction, slopes)


def least_penalty(
    kernel: Any,
    reduction: str = "sum",
    slopes: Sequence[float] = RELU_SLOPES,
    filter_axes: int | Sequence[int] = -1,
    groups: int = 1,
) -> Any:
    """The least that the penalty can be for filters of these lengths.

    Welch's bound (sum |w|^2)^2 / D - sum |w|^4 where it is positive, as it is
    for more filters of equal length than inputs D; 0 otherwise; summed over
    groups. Arguments are those of `orthogonality_penalty`.
    """
    matrices = _by_group(kernel, filter_axes, groups)
    squares = ops.sum(matrices**2, axis=1)
    bound = ops.sum(squares, axis=-1) ** 2 / matrices.shape[1]
    bound = ops.maximum(bound - ops.sum(squares**2, axis=-1), 0.0)
    return ops.sum(bound) * _factor(matrices, reduction, slopes)


def largest_cosine(
    kernel: Any, filter_axes: int | Sequence[int] = -1, groups: int = 1
) -> Any:
    """The largest |cosine| of the angle between two different filters.

    A scalar tensor in [0, 1], of float64 on TensorFlow: graphics cards may
    round float32 products to TF32, whose errors would be taken for cosines. A
    filter of length 0 is orthogonal to all, and so is a single one. Arguments
    are those of `orthogonality_penalty`.
    """
    matrices = _by_group(kernel, filter_axes, groups)
    if keras.backend.backend() == "tensorflow":
        matrices = ops.cast(matrices, "float64")
    lengths = ops.sqrt(ops.sum(matrices**2, axis=1, keepdims=True))
    cosines = _gram(matrices / ops.where(lengths > 0, lengths, 1.0))
    different = 1 - ops.eye(cosines.shape[-1], dtype=cosines.dtype)
    return ops.max(ops.abs(cosines) * different)


def _by_group(kernel, filter_axes, groups):
    """`(groups, inputs, filters of a group)`, in at least 32 bits."""
    kernel = widened(kernel)
    rank = len(kernel.shape)
    axes = [filter_axes] if isinstance(filter_axes, int) else [*filter_axes]
    if not axes or not all(-rank <= axis < rank for axis in axes):
        raise ValueError(
            f"Expected axes of a kernel of shape {tuple(kernel.shape)}. "
            f"Received: filter_axes={filter_axes}"
        )
    axes = sorted(axis % rank for axis in axes)
    count = math.prod(kernel.shape[axis] for axis in axes)
    if groups < 1 or count % groups:
        raise ValueError(
            f"Expected groups into which {count} filters split. Received: "
            f"groups={groups}"
        )
    inputs = [axis for axis in range(rank) if axis not in axes]
    if axes[0] != len(inputs):
        kernel = ops.transpose(kernel, inputs + axes)
    matrices = ops.reshape(kernel, (-1, groups, count // groups))
    return ops.transpose(matrices, (1, 0, 2))


def _gram(matrices):
    return ops.matmul(ops.swapaxes(matrices, 1, 2), matrices)


def _factor(matrices, reduction, slopes):
    arguments.check_choice("reduction", reduction, PENALTY_REDUCTIONS)
    filters = matrices.shape[0] * matrices.shape[2]
    of_slopes = math.fsum(slope**2 for slope in slopes) ** 2
    return of_slopes / (filters**2 if reduction == "mean_entries" else 1)


@keras.saving.register_keras_serializable(package="dlgn_tf")
class Orthogonality(keras.regularizers.Regularizer):
    """`orthogonality_penalty` as a Keras regulariser of any kernel.

    Unlike `keras.regularizers.OrthogonalRegularizer` it takes kernels of
    convolutions, squares inner products and not cosines, and sums them.

    Example:

    >>> keras.layers.Conv2D(8, 3, kernel_regularizer=Orthogonality())
    >>> transposed = Orthogonality(filter_axes=-2)
    >>> keras.layers.Conv2DTranspose(8, 3, kernel_regularizer=transposed)

    Args:
        factor: Float >= 0. Defaults to `1.0`, as published.
        reduction: See `orthogonality_penalty`, and so the others.
    """

    def __init__(
        self,
        factor=1.0,
        reduction="sum",
        slopes=RELU_SLOPES,
        filter_axes=-1,
        groups=1,
    ):
        arguments.check_choice("reduction", reduction, PENALTY_REDUCTIONS)
        valid = 0 <= factor < float("inf")
        arguments.check(valid, "factor", factor, "a number >= 0")
        self.factor = float(factor)
        self.reduction = reduction
        self.slopes = tuple(float(slope) for slope in slopes)
        single = isinstance(filter_axes, int)
        self.filter_axes = filter_axes if single else list(filter_axes)
        self.groups = groups

    def __call__(self, kernel):
        return self.factor * orthogonality_penalty(
            kernel, self.reduction, self.slopes, self.filter_axes, self.groups
        )

    def get_config(self):
        return {
            "factor": self.factor,
            "reduction": self.reduction,
            "slopes": list(self.slopes),
            "filter_axes": self.filter_axes,
            "groups": self.groups,
        }
