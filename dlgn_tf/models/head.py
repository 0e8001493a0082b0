"""The last layers, which have no gate."""

import dataclasses

import keras

from dlgn_tf.layers import TwoLogits
from dlgn_tf.models.objectives import CLASSES, Classes


def logits(h, classes, biases=True, initializer="glorot_uniform"):
    """A dense layer `(batch, features) -> (batch, classes)`.

    Under a mixed policy it computes in float32: a softmax over 16-bit logits
    loses the small probabilities.
    """
    half = keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16")
    return keras.layers.Dense(
        classes,
        use_bias=biases,
        kernel_initializer=initializer,
        name="logits",
        dtype="float32" if half else None,
    )(h)


@dataclasses.dataclass(frozen=True)
class Head:
    """What stands behind an architecture's own last layer.

    Attributes:
        objective: See `dlgn_tf.models.objectives`. For the logistic loss
            the architecture has one output, of which two logits are made.
        own: Boolean. Whether the network is of one's own: its one output is
            then that of a sigmoid, and it says numbers by itself.
        targets: Pair of mean and standard deviation of each target of a
            regression: the network says numbers in their units.
    """

    objective: Classes = CLASSES
    own: bool = False
    targets: tuple | None = None

    def outputs(self, classes):
        """How many outputs the architecture shall have."""
        return 1 if self.objective.loss == "logistic" else classes

    def __call__(self, outputs):
        if self.objective.loss == "logistic":
            scale = 0.5 if self.own else 1.0
            made = TwoLogits(scale, name="two_logits", dtype=outputs.dtype)
        elif self.targets and not self.own:
            mean, std = ([float(x) for x in part] for part in self.targets)
            made = keras.layers.Rescaling(
                std, mean, name="targets", dtype=outputs.dtype
            )
        else:
            return outputs
        return made(outputs)


def last_with_weights(network):
    """The layer whose outputs `Head` has made those of a network of."""
    last = network.outputs[0]._keras_history.operation
    while isinstance(last, (TwoLogits, keras.layers.Rescaling)):
        last = last.input._keras_history.operation
    return last
