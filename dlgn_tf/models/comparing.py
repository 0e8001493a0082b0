"""Whether two functions of tensors compute the same: tried, not looked up."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from dlgn_tf.layers.affine import tried_shape

_NUMBERS, _SPREAD = 1000, 4
# Relative and absolute deviations that are taken for rounding.
_OF_HALF, _OF_OTHERS = (0.03, 0.03), (1e-4, 1e-5)


def same_function(one: Callable, other: Callable, args: Sequence[Any]) -> bool:
    """Whether two functions agree at random points.

    Args:
        one: Function of `args` that returns a tensor.
        other: The same.
        args: What they are called with; each symbolic tensor `(batch, ...)` in
            it stands for at least a thousand normal numbers of standard
            deviation 4.
    """
    tensors = [x for x in keras.tree.flatten(args) if _is_symbolic(x)]
    fewest = min(math.prod(tried_shape(x)) for x in tensors)
    rng, batch = np.random.default_rng(0), -(-_NUMBERS // max(1, fewest))

    def filled(x):
        if not _is_symbolic(x):
            return x
        numbers = _SPREAD * rng.normal(size=(batch, *tried_shape(x)))
        return ops.convert_to_tensor(numbers, x.dtype)

    points = keras.tree.map_structure(filled, list(args))
    made = [function(*points) for function in (one, other)]
    half = any(
        keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")
        for x in made
    )
    relative, absolute = _OF_HALF if half else _OF_OTHERS
    found = [ops.convert_to_numpy(ops.cast(x, "float64")) for x in made]
    return found[0].shape == found[1].shape and np.allclose(
        *found, rtol=relative, atol=absolute, equal_nan=True
    )


def _is_symbolic(x):
    return isinstance(x, keras.KerasTensor)
