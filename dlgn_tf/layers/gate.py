"""The gate: which units are on, as a function of their pre-activations."""

import keras

from dlgn_tf.gate_kinds import GATES
from dlgn_tf.layers import arguments


@keras.saving.register_keras_serializable(package="dlgn_tf")
class Gate(keras.layers.Layer):
    """Turns pre-activations into gates.

    A soft gate is `(1 + epsilon) * sigmoid(beta * q)` and lets gradients flow
    into the network that made `q`. A hard gate is `1 if q > 0 else 0`, with no
    gradient; a unit whose pre-activation is exactly 0 is off.

    Source: the DLGN paper (arXiv 2110.03403), section 3; the factor 1 + epsilon
    is that of its predecessor (arXiv 2006.10529), which uses
    `beta=4, epsilon=0.1`. The value `beta=10` is assumed.

    Example:

    >>> Gate("hard")(numpy.array([-1.0, 0.0, 2.0])).numpy()
    array([0., 0., 1.], dtype=float32)

    Args:
        kind: String, one of `dlgn_tf.gate_kinds.GATES`: `"soft"`, `"hard"` or
            `"own"`, that of the ReLU, which is hard. Defaults to `"soft"`.
        beta: Float > 0. Steepness of the soft gate. Defaults to `10.0`.
        epsilon: Float >= 0. The soft gate lies in (0, 1 + epsilon).

    Call arguments:
        preactivations: Floating tensor of any shape.

    Returns:
        Gates of the same shape and dtype.

    Attributes:
        function: `dlgn_tf.gate_kinds.GateFunction`, which knows the bounds of
            the gates, whether they are indicators, and their formula.

    Raises:
        ValueError: if an argument lies outside its range.
    """

    def __init__(self, kind="soft", beta=10.0, epsilon=0.0, **kwargs):
        super().__init__(**kwargs)
        arguments.check_choice("kind", kind, tuple(GATES))
        valid = 0 < beta < float("inf")
        arguments.check(valid, "beta", beta, "a number > 0")
        valid = 0 <= epsilon < float("inf")
        arguments.check(valid, "epsilon", epsilon, "a number >= 0")
        self.kind = kind
        self.beta = float(beta)
        self.epsilon = float(epsilon)
        entry = GATES[kind]
        options = {name: getattr(self, name) for name in entry.options}
        self.function = entry.make(**options)
        self.supports_masking = True

    def of_site(self, index):
        """The gate of a site, counted from 0: of all the same."""
        return self

    def call(self, preactivations):
        return self.function(preactivations)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {
            "kind": self.kind,
            "beta": self.beta,
            "epsilon": self.epsilon,
        }
        return {**super().get_config(), **config}
