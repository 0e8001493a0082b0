"""The ReLU network: gates and values in one."""

import functools

import keras

from dlgn_tf.layers import Gate
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.models.classifier import serialize
from dlgn_tf.models.sites import relu_layer


@keras.saving.register_keras_serializable(package="dlgn_tf")
class ReLUNetwork(ImageClassifier):
    """A plain network (DNN) whose own ReLUs say which units are on.

    Args:
        network: Functional `keras.Model`, normalised image -> logits, whose
            gate sites are activation layers (see `models.sites.Activate`).
        normalization: `PixelNormalization`.
        site_names: List of strings.
    """

    def __init__(self, network, normalization, site_names, **kwargs):
        super().__init__(normalization, site_names, **kwargs)
        self.network = network

    @property
    def image_shape(self):
        return tuple(self.network.input_shape[1:])

    @property
    def site_shapes(self):
        return {
            name: tuple(self._entering(name).shape[1:])
            for name in self.site_names
        }

    def _entering(self, name):
        """What enters the ReLU of a site, as a Keras tensor."""
        return self.network.get_layer(relu_layer(name)).input

    def member_logits(self, images, training=None):
        return self.network(self.normalization(images), training=training)

    def preactivations(self, images):
        outputs = self._gating_part(self.normalization(images), training=False)
        return self._named(outputs)

    def gates_of(self, preactivations):
        hard = Gate("hard")
        return {name: hard(q) for name, q in preactivations.items()}

    @functools.cached_property
    def _gating_part(self):
        """The same layers, ending in what enters the ReLUs."""
        entering = [self._entering(name) for name in self.site_names]
        return keras.Model(self.network.inputs, entering)

    def get_config(self):
        return {**super().get_config(), "network": serialize(self.network)}
