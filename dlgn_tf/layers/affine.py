"""Whether a layer is affine in evaluation: measured, where it may bend."""

import math

import keras
import numpy as np
from keras import layers, ops

from dlgn_tf.layers.batch_norm import BatchNorm
from dlgn_tf.layers.circular_padding import CircularPadding
from dlgn_tf.layers.subsample_and_pad import SubsampleAndPad

# Affine but for their activation, whatever weights and options they have. Of
# a deep network they are most layers, and trying each takes seconds.
KNOWN = (
    layers.InputLayer,
    layers.Dense,
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.BatchNormalization,
    layers.Add,
    layers.Concatenate,
    layers.ZeroPadding2D,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.Flatten,
    layers.Reshape,
    layers.Dropout,
    layers.Rescaling,
    BatchNorm,
    CircularPadding,
    SubsampleAndPad,
)
# Standard deviations of the inputs at which a layer is tried. A ReLU that a
# bias keeps shut at small ones opens at large ones; what saturates at large
# ones bends at small ones.
_SCALES = (1.0, 1e3, 1e6)
# Of each, so many numbers that a layer puts out are on lines, at least: one
# unit alone may well have three points on one side of its kink.
_OUTPUTS = 1000
# Of two points a and b the weights of a third: on their line, and on b's ray.
_ON_LINE = (-0.7, 1.7)
_ON_RAY = (0.0, 1.7)
# Relative deviations that are taken for rounding. Some operations, such as
# TensorFlow's resizing, compute in float32 even if asked for float64.
_TOLERANCES = {"float64": 1e-6, "float32": 3e-4}
_OF_HALF = 0.03
_LINEAR = (None, keras.activations.linear)


def is_affine(layer):
    """Whether a layer computes `A x + b` in evaluation mode, as it is now.

    One of `KNOWN` does without an activation; others are tried.

    Args:
        layer: As for `keeps_lines`.

    Returns:
        Boolean.
    """
    bends = getattr(layer, "activation", None) not in _LINEAR
    if type(layer) in KNOWN and not bends and _takes_floats(layer):
        return True
    return keeps_lines(layer)


def keeps_lines(layer):
    """Whether a layer is found affine by trying it.

    An affine function maps points on a line to points on a line, in the same
    proportions. Such random points are tried at each of several scales, the
    inputs of a layer that takes several together. Dropout and layers that
    augment images are the identity in evaluation, and batch normalisation is
    affine there. Where a layer cannot take floating inputs it is not affine.

    Args:
        layer: `keras.layers.Layer` that has been called once, as the layers of
            a functional model have been. Best in float64: relative deviations
            below 1e-6, in float32 3e-4, are taken for rounding, and what
            overflows in 16 bits is not affine.

    Returns:
        Boolean.
    """
    return _keeps(layer, _ON_LINE)


def is_homogeneous(layer):
    """Whether a layer computes f with `f(t x) = t f(x)` for t > 0.

    Max pooling does. Of such a layer `f(x) = J(x) x` with its derivative J
    (Euler), so what it makes is a sum over what enters it, exactly. The layer
    is as for `is_affine`, and tried as there.

    Returns:
        Boolean.
    """
    return _keeps(layer, _ON_RAY)


def _keeps(layer, weights):
    """Whether f(v a + w b) = v f(a) + w f(b), of random a and b."""
    # Self-attention takes one tensor more than once.
    tensors = list({id(x): x for x in keras.tree.flatten(layer.input)}.values())
    if not tensors:
        # An input layer.
        return True
    if not _takes_floats(layer):
        return False
    rng = np.random.default_rng(0)
    outputs = keras.tree.flatten(layer.output)
    fewest = min(math.prod(tried_shape(tensor)) for tensor in outputs)
    lines = -(-_OUTPUTS // max(1, fewest))
    points = [_points(rng, tensor, lines, weights) for tensor in tensors]
    if isinstance(layer.input, (list, tuple, dict)):
        layer = keras.Model(tensors, layer.output)
    made = layer(points if points[1:] else points[0], training=False)
    return all(_are_kept(x, weights) for x in keras.tree.flatten(made))


def _takes_floats(layer):
    tensors = keras.tree.flatten(layer.input)
    return all(keras.backend.is_float_dtype(x.dtype) for x in tensors)


def tried_shape(tensor):
    """What a symbolic tensor is tried with: a free side has length 2."""
    return [side or 2 for side in tensor.shape[1:]]


def _points(rng, tensor, lines, weights):
    """Two points and their sum, so many times: `(scales 3 lines, ...)`."""
    first, second = rng.normal(size=(2, lines, *tried_shape(tensor)))
    third = weights[0] * first + weights[1] * second
    three = np.stack([first, second, third])
    three = three.reshape(-1, *tried_shape(tensor))
    points = np.concatenate([scale * three for scale in _SCALES])
    return ops.convert_to_tensor(points, tensor.dtype)


def _are_kept(outputs, weights):
    """Whether what comes of the third point is the sum of the others'."""
    if not keras.backend.is_float_dtype(outputs.dtype):
        return False
    dtype = keras.backend.standardize_dtype(outputs.dtype)
    tolerance = _TOLERANCES.get(dtype, _OF_HALF)
    values = ops.convert_to_numpy(outputs).astype("float64")
    values = values.reshape(len(_SCALES), 3, -1)
    first, second, third = np.moveaxis(values, 1, 0)
    with np.errstate(invalid="ignore"):
        expected = weights[0] * first + weights[1] * second
        apart = np.abs(third - expected).max(-1)
    size = np.abs(values).max((1, 2))
    # NaN fails.
    return bool(np.all(apart <= tolerance * size))
