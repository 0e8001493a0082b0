"""An ensemble of small networks that are trained as one model."""

import keras
import numpy as np
from keras import ops

from dlgn_tf import gate_kinds
from dlgn_tf.choices import ENSEMBLE_RULES
from dlgn_tf.layers import PooledReLUConvolution, arguments
from dlgn_tf.models.classifier import ImageClassifier, serialize


@keras.saving.register_keras_serializable(package="dlgn_tf")
class EnsembleNetwork(ImageClassifier):
    """Networks of one convolution, GAP and a dense layer, side by side.

    Its logits are the ensemble's. The loss is the sum of the members' own
    cross-entropies and no weight is shared, so with an optimiser that treats
    every weight by itself (SGD, Adam) each member is trained as if it were
    alone. All members see the same batches, which is what makes one model of
    them pay; those of the paper were trained apart.

    Source: C1GAP-16-ENS of the DLGN paper (arXiv 2110.03403), Table III. How
    its members are combined is assumed: the paper only says that they are.

    Args:
        network: Functional `keras.Model`, normalised image -> logits of every
            member `(batch, members, classes)`, whose layer `conv1` is a
            `PooledReLUConvolution`.
        normalization: `PixelNormalization` or `PerImageStandardization`.
        site_names: List of strings, one gate site per member.
        rule: `"mean_softmax"`, the mean of the members' probabilities, or
            `"mean_logits"`. Defaults to `"mean_softmax"`.

    Raises:
        ValueError: if there is no such rule.
    """

    def __init__(
        self, network, normalization, site_names, rule="mean_softmax", **kwargs
    ):
        super().__init__(normalization, site_names, **kwargs)
        arguments.check_choice("rule", rule, ENSEMBLE_RULES)
        self.network = network
        self.rule = rule

    @classmethod
    def of(cls, networks, rule="mean_softmax", name=None):
        """The ensemble of c1gap_dnn of the same options, with their weights."""
        first = networks[0]
        convs = [each.network.get_layer("conv1") for each in networks]
        heads = [each.network.get_layer("logits") for each in networks]
        pooled = PooledReLUConvolution(
            len(networks),
            convs[0].filters,
            convs[0].kernel_size[0],
            name="conv1",
            dtype=convs[0].dtype_policy,
        )
        head = keras.layers.EinsumDense(
            "bmf,mfc->bmc",
            (len(networks), heads[0].units),
            bias_axes="mc",
            kernel_initializer="zeros",
            name="logits",
            dtype=heads[0].dtype_policy,
        )
        image = keras.Input(first.image_shape, name="image")
        network = keras.Model(image, head(pooled(image)), name="network")
        for stacked, layers in ((pooled, convs), (head, heads)):
            weights = zip(*(each.get_weights() for each in layers), strict=True)
            stacked.set_weights([np.stack(of_all) for of_all in weights])
        sites = [f"member{index}_conv1" for index in range(len(networks))]
        return cls(network, first.normalization, sites, rule, name=name)

    @property
    def site_shapes(self):
        height, width, _ = self.image_shape
        filters = self.network.get_layer("conv1").filters
        return {name: (height, width, filters) for name in self.site_names}

    @property
    def members(self):
        return len(self.site_names)

    def prediction(self, member_logits):
        if self.rule == "mean_logits":
            return ops.mean(member_logits, axis=1)
        log_probabilities = ops.log_softmax(member_logits, axis=-1)
        # The logarithm of a mean, taken without leaving the logarithms.
        return ops.logsumexp(log_probabilities, axis=1) - ops.log(
            ops.cast(self.members, log_probabilities.dtype)
        )

    def preactivations(self, images):
        pixels = self.normalization(self._looked_at(images))
        stacked = self.network.get_layer("conv1")
        return self._named(stacked.preactivations(pixels))

    def network_to(self, site):
        # The convolution of one member.
        stacked = self.network.get_layer("conv1")
        image = keras.Input(self.image_shape)
        convolution = keras.layers.Conv2D(
            stacked.filters,
            stacked.kernel_size,
            padding="same",
            data_format="channels_last",
            name="conv1",
        )
        network = keras.Model([image], convolution(image))
        index = self.site_names.index(site)
        network.set_weights([w[index] for w in stacked.get_weights()])
        return network

    @property
    def preactivation_network(self):
        # Made anew each time: it has copies of the weights as they are.
        image = keras.Input(self.image_shape)
        made = [self.network_to(site)(image) for site in self.site_names]
        return keras.Model([image], made)

    def gate_at(self, site):
        return gate_kinds.hard()

    def get_config(self):
        return {
            **super().get_config(),
            "network": serialize(self.network),
            "rule": self.rule,
        }
