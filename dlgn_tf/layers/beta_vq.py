"""Nonlinearities between hard and linear: beta-VQ."""

import keras
from keras import ops

from dlgn_tf.layers import arguments
from dlgn_tf.layers.beta import BetaLayer

KINDS = ("relu", "leaky", "abs")


@keras.saving.register_keras_serializable(package="dlgn_tf")
class BetaVQ(BetaLayer):
    """ReLU, leaky ReLU or absolute value with a soft choice of their slope.

    Such a function is `max(s1 z, s2 z)`. Taking each of the two slopes with
    probability `softmax(eta (s1 z, s2 z))` gives

        z (s1 + (s2 - s1) sigmoid(eta (s2 - s1) z)),   eta = beta / (1 - beta)

    | kind | slopes | beta = 0 | beta = 1/2 | beta = 1 |
    |---|---|---|---|---|
    | relu | 0, 1 | z / 2 | swish, z sigmoid(z) | relu(z) |
    | leaky | slope, 1 | z (1 + slope) / 2 | | max(slope z, z) |
    | abs | -1, 1 | 0 | z tanh(z) | abs(z) |

    It is at most 0.278465 / eta away from the hard function.

    With Tsallis' entropy the sigmoid is a clipped line,

        z ((s1 + s2) / 2 + (s2 - s1) / 2 clip(eta (s2 - s1) z, -1, 1))

    which for beta = 1/4 and the ReLU is Keras' `hard_silu`. It is the hard
    function where `|z| >= 1 / (eta (s2 - s1))`, and at most 1 / (8 eta) away.

    Source: "From Hard to Soft" (arXiv 1810.09274), Theorem 3 and Proposition 7
    (swish). The slope of the leaky ReLU is assumed.

    Example:

    >>> BetaVQ("relu", beta=1.0)(numpy.float32([-1, 2])).numpy()
    array([0., 2.], dtype=float32)

    Args:
        kind: `"relu"`, `"leaky"` or `"abs"`.
        beta, beta_mode, entropy: See `BetaLayer`.
        slope: Float in (0, 1), the smaller slope of `"leaky"`; None otherwise.
            Defaults to `0.01` there.

    Call arguments:
        preactivations: Floating tensor of any shape.

    Returns:
        Tensor of the same shape and dtype.

    Raises:
        ValueError: if an argument lies outside its range.
    """

    def __init__(
        self,
        kind="relu",
        beta=0.5,
        beta_mode="fixed",
        slope=None,
        entropy="shannon",
        **kwargs,
    ):
        super().__init__(beta, beta_mode, entropy, **kwargs)
        arguments.check_choice("kind", kind, KINDS)
        if kind == "leaky":
            slope = 0.01 if slope is None else float(slope)
            arguments.check(
                0 < slope < 1, "slope", slope, "a number between 0 and 1"
            )
        elif slope is not None:
            raise ValueError(
                "Invalid value for argument `slope`. Expected none but with "
                f"kind='leaky'. Received: slope={slope}, kind={kind!r}"
            )
        self.kind = kind
        self.slope = slope
        self.supports_masking = True

    @property
    def slopes(self):
        """The slopes of the two regions, the smaller one first."""
        smaller = {"relu": 0.0, "leaky": self.slope, "abs": -1.0}
        return smaller[self.kind], 1.0

    def call(self, preactivations):
        z = self._widened(preactivations)
        if self.hard:
            first, _ = self.slopes
            outputs = ops.maximum(z, first * z if first else 0.0)
        else:
            outputs = z * self._gate(z)
        return ops.cast(outputs, self.compute_dtype)

    def gate(self, preactivations):
        """What the layer multiplies pre-activations by: their mean slope.

        In `[0, 1]`, `[slope, 1]` or `[-1, 1]`. With beta = 1 it is the hard
        gate, of which 0 belongs to the region of the smaller slope.
        """
        z = self._widened(preactivations)
        return ops.cast(self._gate(z), self.compute_dtype)

    def _gate(self, z):
        first, second = self.slopes
        if self.hard:
            return ops.where(
                z > 0, ops.full_like(z, second), ops.full_like(z, first)
            )
        if self.linear:
            return ops.full_like(z, (first + second) / 2)
        difference = second - first
        if self.entropy == "tsallis":
            turned = ops.clip(self._eta() * difference * z, -1.0, 1.0)
            gate = (first + second) / 2 + difference / 2 * turned
            # Rounding leaves a bound by a bit.
            return ops.clip(gate, first, second)
        if self.kind == "abs":
            return ops.tanh(self._eta() * z)
        return first + difference * ops.sigmoid(self._eta() * difference * z)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"kind": self.kind, "slope": self.slope}
        return {**super().get_config(), **config}
