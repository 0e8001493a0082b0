"""Gates that are those of the nonlinearities in whose places they stand."""

from collections.abc import Sequence

import keras

from dlgn_tf.models.nonlinearities import gate_of


@keras.saving.register_keras_serializable(package="dlgn_tf")
class OwnGate(keras.layers.Layer):
    """g(q) = f(q) / q of a nonlinearity f: of the ReLU the hard gate.

    Args:
        nonlinearity: `keras.layers.Layer`, see
            `dlgn_tf.models.nonlinearities.gate_of`. Of a PReLU the slopes are
            weights of this layer.

    Call arguments:
        preactivations: Floating tensor of any shape.

    Returns:
        Gates of the same shape and dtype.

    Attributes:
        function: `dlgn_tf.gate_kinds.GateFunction`.
    """

    def __init__(self, nonlinearity, **kwargs):
        super().__init__(**kwargs)
        self.nonlinearity = nonlinearity

    @property
    def function(self):
        return gate_of(self.nonlinearity)

    def build(self, input_shape):
        if not self.nonlinearity.built:
            self.nonlinearity.build(input_shape)

    def call(self, preactivations):
        return self.function(preactivations)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.nonlinearity)
        return {**super().get_config(), "nonlinearity": layer}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["nonlinearity"])
        return cls(**{**config, "nonlinearity": layer})


@keras.saving.register_keras_serializable(package="dlgn_tf")
class OwnGates(keras.layers.Layer):
    """A gate for each site, of the nonlinearity that stood there.

    With them, and tied weights, a DGN is the network that it was made of.
    Source: the DLGN paper (arXiv 2110.03403), section 3, for ReLUs.

    Args:
        gates: List of `OwnGate`, one for each site.
    """

    kind, beta, epsilon = "own", None, None

    def __init__(self, gates: Sequence[OwnGate], **kwargs):
        super().__init__(**kwargs)
        self.gates = list(gates)
        # Each is built for its own site.
        self.built = True

    @classmethod
    def of(cls, nonlinearities, shapes):
        """Gates like those of layers, for sites of shapes without the batch."""
        gates = []
        for layer, shape in zip(nonlinearities, shapes, strict=True):
            own = OwnGate(layer, name=f"{layer.name}_gate")
            own.build((None, *shape))
            gates.append(own)
        return cls(gates, name="gate")

    def of_site(self, index):
        """The gate of a site, counted from 0."""
        return self.gates[index]

    def get_config(self):
        gates = [keras.saving.serialize_keras_object(x) for x in self.gates]
        return {**super().get_config(), "gates": gates}

    @classmethod
    def from_config(cls, config):
        gates = map(keras.saving.deserialize_keras_object, config["gates"])
        return cls(**{**config, "gates": list(gates)})


def copy_learned_slopes(source, target):
    """Gives `OwnGates` of a target what gates of a source have learned.

    Of a ReLU network, and of a gating network, that is what its nonlinearities
    at the sites have. Gates of other kinds have nothing to learn.

    Args:
        source: `ReLUNetwork` or `GatedNetwork`.
        target: Model with sites of the source's.
    """
    gates = getattr(target, "gate", None)
    if not isinstance(gates, OwnGates):
        return
    given = {layer.name: layer for layer in source.gates_network.layers}
    if isinstance(getattr(source, "gate", None), OwnGates):
        own = [each.nonlinearity for each in source.gate.gates]
        given |= {layer.name: layer for layer in own}
    for each in gates.gates:
        layer = each.nonlinearity
        if layer.weights and layer.name in given:
            layer.set_weights(given[layer.name].get_weights())
