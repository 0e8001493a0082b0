"""Pooling between maximum and average: beta-VQ."""

import keras
import numpy as np
from keras import ops

from dlgn_tf.layers import arguments
from dlgn_tf.layers.beta import BetaLayer
from dlgn_tf.layers.sparsemax import sparsemax

# By the entropy that is weighed against the scores.
_CHOICES = {"shannon": ops.softmax, "tsallis": sparsemax}


@keras.saving.register_keras_serializable(package="dlgn_tf")
class BetaVQPooling(BetaLayer):
    """Max pooling with a soft choice of the maximum.

    Each window gives `sum_i softmax(eta x)_i x_i`, eta = beta / (1 - beta): its
    mean for beta = 0, softmax pooling for 1/2, its maximum for 1. For a 2x2
    window it is at most 0.603546 / eta below the maximum. It is not the
    log-sum-exp of the window.

    With Tsallis' entropy the weights are sparsemax(eta x), which leaves out
    all pixels that are 1 / eta or more below the maximum; for a 2x2 window it
    is at most 3 / (16 eta) below it.

    Source: "From Hard to Soft" (arXiv 1810.09274), Proposition 4, Theorem 3.

    Args:
        pool_size: Integer or pair of integers >= 1, height and width of a
            window. Defaults to `2`.
        strides: The same, or None: the windows lie side by side.
        padding: `"valid"`, or `"same"`: windows may reach over the edge, where
            there is nothing to choose.
        beta, beta_mode, entropy: See `BetaLayer`.

    Call arguments:
        inputs: Floating tensor `(batch, height, width, channels)`; height and
            width known in advance.

    Returns:
        Tensor `(batch, pooled height, pooled width, channels)`.

    Raises:
        ValueError: if an argument lies outside its range, or an image is
            smaller than a window.
    """

    def __init__(
        self,
        pool_size=2,
        strides=None,
        padding="valid",
        beta=0.5,
        beta_mode="fixed",
        entropy="shannon",
        **kwargs,
    ):
        super().__init__(beta, beta_mode, entropy, **kwargs)
        self.pool_size = _pair("pool_size", pool_size)
        strides = self.pool_size if strides is None else strides
        self.strides = _pair("strides", strides)
        arguments.check_choice("padding", padding, ("valid", "same"))
        self.padding = padding
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape):
        sides = self.compute_output_shape(input_shape)[1:3]
        if any(side is None or side < 1 for side in sides):
            raise ValueError(
                "Expected images whose height and width are known and at least "
                f"the window's, {self.pool_size}. Received: "
                f"input_shape={tuple(input_shape)}"
            )
        super().build(input_shape)

    def call(self, inputs):
        place = (self.pool_size, self.strides, self.padding, "channels_last")
        if self.hard:
            return ops.max_pool(inputs, *place)
        if self.linear:
            return ops.average_pool(inputs, *place)
        values = self._windows(self._widened(inputs))
        scores = self._eta() * values
        if self.padding == "same":
            inside = self._windows(np.ones((1, *inputs.shape[1:3], 1), "bool"))
            scores = ops.where(inside, scores, -np.inf)
        weights = _CHOICES[self.entropy](scores, axis=-2)
        pooled = ops.sum(weights * values, axis=-2)
        return ops.cast(pooled, self.compute_dtype)

    def _windows(self, images):
        """`(batch, pooled height, pooled width, window, channels)`.

        Beyond the edge there is 0 (False).
        """
        (before_h, after_h, height), (before_w, after_w, width) = (
            self._extent(side, axis)
            for axis, side in enumerate(images.shape[1:3])
        )
        margins = ((0, 0), (before_h, after_h), (before_w, after_w), (0, 0))
        if any(map(any, margins)):
            images = ops.pad(images, margins)
        step_h, step_w = self.strides
        return ops.stack(
            [
                images[
                    :,
                    row : row + (height - 1) * step_h + 1 : step_h,
                    column : column + (width - 1) * step_w + 1 : step_w,
                ]
                for row in range(self.pool_size[0])
                for column in range(self.pool_size[1])
            ],
            axis=-2,
        )

    def _extent(self, side, axis):
        """Margins before and after, and how many windows there are."""
        window, step = self.pool_size[axis], self.strides[axis]
        if self.padding == "valid":
            return 0, 0, (side - window) // step + 1
        count = -(-side // step)
        margin = max((count - 1) * step + window - side, 0)
        return margin // 2, margin - margin // 2, count

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        pooled = (
            None if side is None else self._extent(side, axis)[2]
            for axis, side in enumerate(sides)
        )
        return (batch, *pooled, channels)

    def get_config(self):
        config = {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }
        return {**super().get_config(), **config}


def _pair(name, value):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    whole = all(type(side) is int and side >= 1 for side in pair)
    valid = len(pair) == 2 and whole
    arguments.check(valid, name, value, "an integer >= 1 or two of them")
    return pair
