"""smaso.1: the largest of affine maps is what layers compute."""

import keras
import numpy as np
from keras import layers

from dlgn_tf.claims.small_networks import floating_point, leave_initial_point
from dlgn_tf.layers import ApodizedConv2D, ApodizedOrthogonalConv2D
from dlgn_tf.splines import parameters
from dlgn_tf.splines.keras_layers import maso_of_layers
from dlgn_tf.splines.maso import MASO

POINTS = 64
IMAGE = (6, 5, 2)
# TensorFlow rounds the slope to float32 whatever the tensors are.
LEAKY_SLOPE = 0.125


def chains():
    """Unbuilt layers by the shape that enters them and by name."""
    vectors = {
        "dense": [layers.Dense(7)],
        "dense, ReLU": [layers.Dense(7, activation="relu")],
        "dense, leaky ReLU": [layers.Dense(7), layers.LeakyReLU(LEAKY_SLOPE)],
        "dense, abs": [layers.Dense(7, activation=keras.ops.abs)],
    }
    images = {
        "conv": [layers.Conv2D(3, 3, padding="same")],
        "conv, BN, ReLU": [
            layers.Conv2D(3, 3, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
        ],
        "apodised conv": [ApodizedConv2D(3, 3, padding="same")],
        "apodised orthogonal conv, ReLU": [
            ApodizedOrthogonalConv2D(3, 3, 2, "same"),
            layers.ReLU(),
        ],
        "max-pool": [layers.MaxPooling2D(2)],
        "max-pool 3/2 same": [layers.MaxPooling2D(3, 2, "same")],
        "average pool": [layers.AveragePooling2D(2)],
        "conv, max-pool": [layers.Conv2D(3, 2), layers.MaxPooling2D(2)],
        "conv, ReLU, max-pool": [
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(2),
        ],
        "depthwise conv, abs, average pool": [
            layers.DepthwiseConv2D(2, dilation_rate=2),
            layers.Activation(keras.ops.abs),
            layers.AveragePooling2D(2),
        ],
        "padding, conv with skip, ReLU": [
            layers.ZeroPadding2D(1),
            _residual((8, 7, 2)),
            layers.ReLU(),
        ],
    }
    return {(10,): vectors, IMAGE: images}


def _residual(shape):
    """A network: x + ReLU of a convolution of x."""
    x = keras.Input(shape)
    branch = layers.Conv2D(shape[-1], 3, padding="same", activation="relu")
    return keras.Model(x, layers.Add()([x, branch(x)]))


def measure(rng):
    # Of the layers' initial weights: their initialisers are Keras' own.
    keras.utils.set_random_seed(int(rng.integers(2**31)))
    differences, without_bias = {}, {}
    for dtype in ("float64", "float32"):
        with floating_point(dtype):
            found = {
                name: layer_difference(chain, shape, rng)
                for shape, by_name in chains().items()
                for name, chain in by_name.items()
            }
        differences[dtype] = {name: right for name, (right, _) in found.items()}
        without_bias |= {n: x for n, (_, x) in found.items() if x is not None}
    differences["float64"] |= {
        "maxout": maxout_difference(rng),
        "skip": skip_difference(rng),
    }
    return {"|difference|": differences, "without the bias": without_bias}


def layer_difference(chain, shape, rng):
    """max |MASO - Keras|, and the same without the bias (None: has none)."""
    inputs = keras.Input(shape)
    outputs = inputs
    for layer in chain:
        outputs = layer(outputs)
    network = keras.Model(inputs, outputs)
    leave_initial_point(network, rng)
    _put_biases(network, rng)
    x = rng.normal(size=(POINTS, *shape)).astype(keras.config.floatx())
    native = np.asarray(network(x, training=False)).reshape(POINTS, -1)
    maso, flat = maso_of_layers(chain, shape), x.reshape(POINTS, -1)
    right = float(np.abs(maso(flat) - native).max())
    bias = np.isfinite(maso.offsets) & (maso.offsets != 0)
    if not np.any(bias):
        return right, None
    bare = MASO(maso.slopes, np.where(bias, 0, maso.offsets))
    return right, float(np.abs(bare(flat) - native).max())


def _put_biases(network, rng):
    """Also of networks in it, and of Keras' own batch normalisation."""
    for variable in network.weights:
        if variable.name in ("bias", "beta", "moving_mean"):
            variable.assign(rng.normal(size=variable.shape))


def maxout_difference(rng):
    """Of maxout, and of the largest of all logits (one unit)."""
    x = rng.normal(size=(POINTS, 10))
    differences = []
    for units in (5, 1):
        kernels = rng.normal(size=(4, 10, units))
        biases = rng.normal(size=(4, units))
        native = (x @ kernels + biases[:, None]).max(axis=0)
        found = parameters.maxout(kernels, biases)(x)
        differences.append(np.abs(found - native).max())
    return differences


def skip_difference(rng):
    """Of relu(W x + b) + V x, also written with its own selection, A[T]."""
    x = rng.normal(size=(POINTS, 6))
    weights, skip = rng.normal(size=(2, 6, 6))
    bias = rng.normal(size=6)
    slopes = parameters.slopes_of("relu")
    layer = parameters.activated(parameters.dense(weights, bias), slopes)
    maso = layer.plus(parameters.dense(skip))
    native = np.maximum(x @ weights + bias, 0) + x @ skip
    slope, offset = maso.affine_form(maso.select(x[:1])[0])
    once = slope @ x[0] + offset - native[0]
    return [np.abs(maso(x) - native).max(), np.abs(once).max()]
