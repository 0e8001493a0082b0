"""Keras models as people write them, drawn from a seed."""

import keras
import numpy as np
from keras import layers, ops

from dlgn_tf.layers import BetaVQ

FUSED = ("relu", "silu", "gelu", "relu6", "leaky_relu", "hard_silu", "mish")
CALLED = (
    ops.relu,
    ops.silu,
    ops.abs,
    lambda x: ops.maximum(x, 0),
    lambda x: ops.leaky_relu(x, negative_slope=0.3),
    keras.activations.gelu,
    lambda x: keras.activations.relu(x, negative_slope=0.2, max_value=1.0),
)
AS_LAYERS = (
    layers.ReLU,
    lambda: layers.ReLU(max_value=2.0, negative_slope=0.1),
    layers.LeakyReLU,
    lambda: layers.PReLU(alpha_initializer="random_normal"),
    lambda: layers.PReLU("random_normal", shared_axes=[1, 2]),
    lambda: BetaVQ("relu", 0.5, "per_layer"),
    lambda: layers.Activation("swish"),
    lambda: layers.Activation(layers.LeakyReLU(0.1)),
)


class Drawn:
    """A model, and how many gate sites it has.

    Attributes:
        model: Functional or sequential `keras.Model`.
        sites: Integer, counted while it was drawn.
    """

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)
        self.sites = 0
        keras.utils.set_random_seed(seed)
        shape = (*self._rng.integers(5, 9, 2).tolist(), self._pick((1, 3)))
        image = keras.Input(shape)
        h = layers.Rescaling(1 / 255)(image)
        h = layers.Conv2D(4, 3, padding="same")(h)
        kinds = self._rng.permutation(len(self._stages))[:3]
        for kind in kinds:
            h = self._activated(h)
            h = self._stages[kind](self, h)
        self.model = keras.Model(image, self._head(self._activated(h)))
        self._draw_weights()

    def _pick(self, among):
        return among[self._rng.integers(len(among))]

    def _activated(self, h):
        self.sites += 1
        if self._rng.random() < 0.5:
            return self._pick(CALLED)(h)
        return self._pick(AS_LAYERS)()(h)

    def _fused(self):
        self.sites += 1
        return self._pick(FUSED)

    def _plain(self, h):
        h = layers.Conv2D(3, (3, 2), padding="same", use_bias=False)(h)
        return layers.BatchNormalization()(h)

    def _separable(self, h):
        h = layers.SeparableConv2D(4, 2, activation=self._fused())(h)
        h = layers.DepthwiseConv2D(2, activation=self._fused())(h)
        return layers.ZeroPadding2D(((1, 0), (0, 1)))(h)

    def _skip(self, h):
        filters = h.shape[-1]
        branch = layers.Conv2D(filters, 3, padding="same")(h)
        branch = layers.Conv2D(
            filters, 1, activation=self._fused(), kernel_regularizer="l2"
        )(branch)
        return layers.Add()([h, branch]) if self.sites % 2 else h + branch

    def _branches(self, h):
        first = layers.Conv2D(2, 1, activation=self._fused())(h)
        second = layers.AveragePooling2D(3, 1, padding="same")(h)
        return layers.Concatenate()([first, second * 0.5, h - 0.25])

    def _shared(self, h):
        filters = h.shape[-1]
        twice = layers.Conv2D(
            filters, 3, padding="same", activation=self._fused()
        )
        self.sites += 1
        relu = layers.ReLU()
        self.sites += 2
        return relu(twice(relu(twice(h)) / 2.0))

    def _nested(self, h):
        inner = keras.Input(h.shape[1:])
        k = layers.Conv2D(3, 2, activation=self._fused())(inner)
        k = self._activated(layers.GroupNormalization(1)(k))
        inside = keras.Model(inner, k)
        outside = keras.Sequential(
            [
                keras.Input(h.shape[1:]),
                layers.Dropout(0.1),
                inside,
                layers.UpSampling2D(2),
                layers.Cropping2D(1),
            ]
        )
        return outside(h)

    def _pooled(self, h):
        h = layers.MaxPooling2D(2, padding="same")(h)
        return layers.Conv2D(4, 1)(h)

    _stages = (_plain, _separable, _skip, _branches, _shared, _nested, _pooled)

    def _head(self, h):
        if self._rng.random() < 0.5:
            h = layers.GlobalAveragePooling2D()(h)
        else:
            h = layers.Reshape((-1,))(h)
        h = layers.Dense(6, activation=self._fused())(h)
        return layers.Dense(3, activation=self._pick(("softmax", None)))(h)

    def _draw_weights(self):
        """Weights of some size, and statistics that are not the first ones."""
        for weight in self.model.weights:
            spread = 1.5 / np.sqrt(max(1, np.prod(weight.shape[:-1])))
            drawn = self._rng.normal(size=weight.shape) * spread
            if weight.name in ("moving_variance", "gamma"):
                drawn = self._rng.uniform(0.5, 1.5, weight.shape)
            if weight.name != "u":
                weight.assign(drawn)

    def images(self, count=5):
        shape = count, *self.model.input_shape[1:]
        return self._rng.integers(0, 256, shape).astype("uint8")


def logits_of(model, images):
    """What enters a softmax at the end: of a last dense layer, multiplied out.

    The logarithm of a softmax has lost what float32 holds of the logits.
    """
    last = model.layers[-1]
    h = keras.Model(model.input, last.input)(images, training=False)
    if not isinstance(last, layers.Activation):
        # As Keras multiplies: NumPy rounds otherwise.
        h = ops.matmul(h, last.kernel) + last.bias
    return ops.convert_to_numpy(h)


def difference(logits, expected):
    """The largest, relative to what is largest."""
    size = np.abs(expected).max()
    return np.abs(ops.convert_to_numpy(logits) - expected).max() / size


def centred(logits):
    """Without what a softmax does not see."""
    logits = ops.convert_to_numpy(logits)
    return logits - logits.mean(axis=1, keepdims=True)
