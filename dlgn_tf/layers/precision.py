"""Precision of what 16 bits are too few for, or 32."""

import contextlib

import keras
from keras import ops


def wide(dtype):
    """`"float64"` for that, `"float32"` for every dtype of fewer bits."""
    return "float64" if dtype == "float64" else "float32"


def widened(tensor, dtype=None):
    """A tensor or variable in at least 32 bits: cast to `wide(dtype)`.

    `dtype` may be a layer's compute dtype; by default it is the tensor's.
    """
    tensor = ops.convert_to_tensor(tensor)
    own = keras.backend.standardize_dtype(tensor.dtype)
    return ops.cast(tensor, wide(dtype or own))


def double_precision():
    """Context in which the backend keeps float64, which JAX rounds else."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)
