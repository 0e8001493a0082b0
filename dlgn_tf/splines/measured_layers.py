"""What layers do in evaluation mode, found by calling copies of them.

A layer of any class and with any options is asked, and not its options: so
nothing is assumed of what it is called or how it is set.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
from keras import ops
from numpy import ndarray as Array
from scipy import sparse

from dlgn_tf.inspection.autodiff import double_precision

# Of the points at which a function is compared with a simpler one: a bound, a
# threshold or a kink somewhere else than at 0 shows at one of them.
_SIZES = 10.0 ** np.arange(-12, 13)
# Basis vectors that are sent through a layer at once.
_BLOCK = 256


def in_float64(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A copy of a layer that computes in float64, without its weights yet.

    Operations of `keras.ops` compute in the dtype that they are given.

    Functions that are not Keras' own, which it would write down as code, are
    taken as they are.
    """
    if isinstance(layer, keras.layers.Lambda):
        return keras.layers.Lambda(
            layer.function, arguments=layer.arguments, dtype="float64"
        )
    config = layer.get_config()
    if not isinstance(layer, keras.layers.Layer):
        return type(layer).from_config(config)
    config["dtype"] = "float64"
    if "activation" in config:
        config["activation"] = layer.activation
    return type(layer).from_config(config)


def flattened(function: Callable, shapes: Sequence[tuple]) -> Callable:
    """A function of tensors as one of vectors.

    Args:
        function: Function of float64 tensors `(n, *shape)`, as many as shapes,
            whose rows do not depend on one another.
        shapes: Without the batch dimension.

    Returns:
        Function of a float64 array `(n, inputs)`, where all inputs are counted
        through; it returns an array `(n, outputs)`.
    """
    ends = np.cumsum([math.prod(shape) for shape in shapes])

    def on_vectors(x):
        parts = np.split(x, ends[:-1], axis=1)
        with double_precision():
            tensors = [
                ops.convert_to_tensor(part.reshape(len(x), *shape), "float64")
                for part, shape in zip(parts, shapes, strict=True)
            ]
            outputs = ops.convert_to_numpy(function(*tensors))
        return np.reshape(outputs, (len(x), -1)).astype("float64")

    return on_vectors


def probes(inputs: int, seed: int = 0) -> Array:
    """Random points of all sizes from 1e-12 to 1e12, `(points, inputs)`."""
    drawn = np.random.default_rng(seed).normal(size=(len(_SIZES), inputs))
    return drawn * _SIZES[:, None]


def agree(outputs: Array, expected: Array) -> bool:
    """Whether two arrays `(points, outputs)` are equal up to rounding.

    In float32: some layers compute in it whatever comes.
    """
    sizes = np.abs(expected)
    rounding = 1e-5 * sizes + 1e-7 * sizes.max(axis=1, keepdims=True) + 1e-15
    return bool(np.all(np.abs(outputs - expected) <= rounding))


def is_affine(function: Callable, inputs: int) -> bool:
    """Whether a function, see `flattened`, keeps weighted means of `probes`."""
    first, second = probes(inputs, 0), probes(inputs, 1)
    share = np.linspace(0.1, 0.9, len(first))[:, None]
    outputs = function(share * first + (1 - share) * second)
    return agree(
        outputs, share * function(first) + (1 - share) * function(second)
    )


def affine_map(function: Callable, inputs: int) -> tuple:
    """Matrix and offsets of an affine function, one basis vector a column.

    Returns:
        `scipy.sparse.csr_array` `(outputs, inputs)` and array `(outputs,)`,
        float64.
    """
    offsets = function(np.zeros((1, inputs)))[0]
    columns = [
        sparse.csr_array(function(vectors) - offsets)
        for vectors in basis(inputs)
    ]
    return sparse.vstack(columns).T.tocsr(), offsets


def basis(size: int) -> Iterator[Array]:
    """The rows of the identity of a size, an array of some of them a time."""
    for first in range(0, size, _BLOCK):
        yield np.eye(min(_BLOCK, size - first), size, first)
