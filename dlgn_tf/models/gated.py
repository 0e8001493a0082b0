"""Two networks in one model: gates from one, values from the other."""

import keras
from keras import ops

from dlgn_tf.choices import VALUE_INPUTS
from dlgn_tf.errors import UserError
from dlgn_tf.layers import arguments
from dlgn_tf.models.classifier import ImageClassifier, listed, serialize
from dlgn_tf.models.sites import galu_layer


@keras.saving.register_keras_serializable(package="dlgn_tf")
class GatedNetwork(ImageClassifier):
    """A deep gated network: DGN, DLGN or DLGN with shallow features.

    The gating network (also: feature network) turns an image into the
    pre-activations of every gate site; `gate` turns them into gates; the value
    network (also: weight network) multiplies its own pre-activations by the
    gates where a ReLU network has its ReLUs. Both are trained through one loss.
    Frozen gates are `gating_network.trainable = False`.

    Source: the DLGN paper (arXiv 2110.03403), section 3.

    Args:
        gating_network: Functional `keras.Model`, normalised image -> list of
            pre-activations, one per gate site.
        value_network: Functional `keras.Model`, `[image or ones, gates...]` ->
            logits.
        gate: `dlgn_tf.layers.Gate`, or `OwnGates`.
        normalization: `PixelNormalization` or `PerImageStandardization`.
        site_names: List of strings.
        value_input: `"image"`, DGN(x, x) in the paper's notation, or
            `"ones"`, DGN(x, 1): the value network sees a constant that does
            not depend on the image.
        gate_permutation: Sequence of integers counted from 0: site l of the
            value network uses the gate of the gating network's site
            `gate_permutation[l]`. Defaults to `None`: every site its own.
            Source: the DLGN paper, section 4.

    Raises:
        ValueError: if `value_input` is neither of them, or the networks differ
            in their number of sites or their shapes.
        UserError: if `gate_permutation` is none of the sites, or leads a gate
            to a site of another shape.
    """

    def __init__(
        self,
        gating_network,
        value_network,
        gate,
        normalization,
        site_names,
        value_input="image",
        gate_permutation=None,
        **kwargs,
    ):
        super().__init__(normalization, site_names, **kwargs)
        arguments.check_choice("value_input", value_input, VALUE_INPUTS)
        made, taken = len(gating_network.outputs), len(value_network.inputs) - 1
        if not made == taken == len(self.site_names):
            raise ValueError(
                f"Expected {len(self.site_names)} gate sites in both networks. "
                f"Received: a gating network with {made} and a value network "
                f"with {taken}"
            )
        _check_shapes(self.site_names, gating_network, value_network)
        self.gating_network = gating_network
        self.value_network = value_network
        self.gate = gate
        self.value_input = value_input
        if gate_permutation is not None:
            self.gate_permutation = tuple(gate_permutation)
            _check_permutation(self.gate_permutation, self.site_shapes)

    @property
    def networks(self):
        return {"gating": self.gating_network, "value": self.value_network}

    @property
    def site_shapes(self):
        gates = self.value_network.inputs[1:]
        shapes = [tuple(gate.shape[1:]) for gate in gates]
        return dict(zip(self.site_names, shapes, strict=True))

    def layer_at(self, site):
        return self.value_network.get_layer(galu_layer(site))

    def network_to(self, site):
        made = listed(self.gating_network.outputs)
        index = self.site_names.index(site)
        return keras.Model(self.gating_network.inputs, made[index])

    @property
    def preactivation_network(self):
        return self.gating_network

    def of_pixels(self, pixels, training=None):
        preactivations = self.gating_network(pixels, training=training)
        return self.value_network(
            self.value_inputs(pixels, preactivations), training=training
        )

    def value_inputs(self, pixels, preactivations):
        """What enters the value network: image or ones, then the gates.

        Of normalised images, and of what the gating network makes of them.
        """
        gates = self.gates_of(self.routed(self._named(preactivations)))
        entering = (
            pixels if self.value_input == "image" else ops.ones_like(pixels)
        )
        return [entering, *gates.values()]

    def entering(self, images):
        pixels = self.normalization(images)
        preactivations = self.gating_network(pixels, training=False)
        return self.value_inputs(pixels, preactivations)

    def routed(self, preactivations):
        if self.gate_permutation is None:
            return preactivations
        of_sites = list(preactivations.values())
        return self._named([of_sites[k] for k in self.gate_permutation])

    def with_networks(self, function):
        made = super().with_networks(function)
        # Slopes of a PReLU whose gate it is.
        made.gate.set_weights(self.gate.get_weights())
        return made

    def gate_at(self, site):
        return self.gate.of_site(self.site_names.index(site)).function

    def gates_of(self, preactivations):
        return {
            name: self.gate.of_site(index)(q)
            for index, (name, q) in enumerate(preactivations.items())
        }

    def get_config(self):
        config = {
            "gating_network": serialize(self.gating_network),
            "value_network": serialize(self.value_network),
            "gate": serialize(self.gate),
            "value_input": self.value_input,
            "gate_permutation": self.gate_permutation
            and list(self.gate_permutation),
        }
        return {**super().get_config(), **config}


def _check_shapes(site_names, gating_network, value_network):
    """A gate must have the very shape of its site: nothing is broadcast."""
    made = [tuple(q.shape[1:]) for q in gating_network.outputs]
    taken = [tuple(gate.shape[1:]) for gate in value_network.inputs[1:]]
    for name, gate, site in zip(site_names, made, taken, strict=True):
        if gate != site:
            raise ValueError(
                f"Expected gates of shape {site} at gate site {name!r} of the "
                f"value network. Received: shape {gate} from the gating network"
            )


def _check_permutation(permutation, shapes):
    """Raises a `UserError` unless every gate comes to a site of its shape."""
    names = list(shapes)
    if sorted(permutation) != list(range(len(names))):
        raise UserError(
            "Expected a gate permutation of the numbers 0 to "
            f"{len(names) - 1}, each once. Received: {permutation}"
        )
    for name, source in zip(names, permutation, strict=True):
        made_at = names[source]
        if shapes[name] != shapes[made_at]:
            raise UserError(
                f"Expected gates of shape {shapes[name]} at gate site "
                f"{name!r}. Received: a permutation that takes them from "
                f"site {made_at!r}, where their shape is {shapes[made_at]}"
            )


def copy_weights(source, target, except_for=()):
    """Copies every layer's weights to the layer of the same name.

    Layers of `source` that `target` lacks are passed over: a gating network has
    no head. So `copy_weights(value_network, gating_network)` gives the
    dependent initialisation (DI) of the neural path kernel paper, and copying a
    trained ReLU network gives learned gates.

    Layers of `target` named in `except_for` stay as they are.

    Raises:
        ValueError: if `target` has a layer with weights that `source` lacks,
            or of another shape.
    """
    available = {layer.name: layer for layer in source.layers}
    pairs = [
        (layer, available.get(layer.name))
        for layer in target.layers
        if layer.weights and layer.name not in except_for
    ]
    # All are looked at first, so that a refusal leaves the target as it was.
    for layer, twin in pairs:
        shapes = [tuple(w.shape) for w in layer.weights]
        twins = twin and [tuple(w.shape) for w in twin.weights]
        if shapes != twins:
            raise ValueError(
                f"Expected a layer {layer.name!r} with weights of shapes "
                f"{shapes} in the source network. Received: {twins}"
            )
    for layer, twin in pairs:
        layer.set_weights(twin.get_weights())
