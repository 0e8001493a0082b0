"""The ReLU network: gates and values in one."""

import functools

import keras

from dlgn_tf.models.activations import ACTIVATIONS
from dlgn_tf.models.classifier import ImageClassifier, serialize
from dlgn_tf.models.nonlinearities import gate_of
from dlgn_tf.models.sites import OWN, activation_layer, activations_at


@keras.saving.register_keras_serializable(package="dlgn_tf")
class ReLUNetwork(ImageClassifier):
    """A plain network (DNN) whose own ReLUs say which units are on.

    Other nonlinearities may stand in place of the ReLUs, see
    `dlgn_tf.models.activations`. They too are `f(q) = q g(q)`, and the gates
    are then g(q): with its gates held fixed the network is linear, whatever f
    is.

    Args:
        network: Functional `keras.Model`, normalised image -> logits, whose
            gate sites are layers of nonlinearities (see
            `models.sites.Activate`).
        normalization: `PixelNormalization` or `PerImageStandardization`.
        site_names: List of strings.
    """

    def __init__(self, network, normalization, site_names, **kwargs):
        super().__init__(normalization, site_names, **kwargs)
        self.network = network

    @functools.cached_property
    def activation(self):
        """Name of the nonlinearity, of `dlgn_tf.models.activations`.

        None where there are no gate sites, `"own"` where several stand at them
        or another one.
        """
        if not self.site_names:
            return None
        names = set(self._activations.values())
        return names.pop() if len(names) == 1 else OWN

    @functools.cached_property
    def _activations(self):
        """Dict from gate site to the name of its nonlinearity."""
        activations = activations_at(self.network, self.site_names)
        if len(activations) == len(self.site_names):
            return activations
        raise ValueError(
            "Expected at each gate site a layer of its own, of one "
            "nonlinearity, such as "
            f"{activation_layer(self.site_names[0], 'relu')!r}: none serves "
            f"two sites. Received: sites {self.site_names}, layers "
            f"{[layer.name for layer in self.network.layers]}"
        )

    def layer_at(self, site):
        name = activation_layer(site, self._activations[site])
        return self.network.get_layer(name)

    def network_to(self, site):
        return keras.Model(self.network.inputs, self.value_at(site))

    def gate_at(self, site):
        activation, layer = self._activations[site], self.layer_at(site)
        if activation == OWN:
            return gate_of(layer)
        return ACTIVATIONS[activation].gate(layer)

    @functools.cached_property
    def preactivation_network(self):
        entering = [self.value_at(name) for name in self.site_names]
        return keras.Model(self.network.inputs, entering)

    def get_config(self):
        return {**super().get_config(), "network": serialize(self.network)}
