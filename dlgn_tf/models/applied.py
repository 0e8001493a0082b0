"""An architecture applied to an image: the networks that a model is made of."""

import keras

from dlgn_tf.models import sites
from dlgn_tf.models.head import Head
from dlgn_tf.models.initializers import as_pytorch
from dlgn_tf.models.orthogonal import with_orthogonal_filters
from dlgn_tf.models.shallow import linear_maps_like, shallow_gating_network


class Applied:
    """An architecture's function with everything but its gate site fixed.

    Args:
        function: See `dlgn_tf.models.architecture.Architecture.builder`.
        image_shape: Tuple `(height, width, channels)`.
        classes: Integer.
        options: Dict of further arguments of the function.
        head: `Head`. Defaults to `None`: logits of classes.
        initializer: See `dlgn_tf.models.create_model`.
    """

    def __init__(
        self,
        function,
        image_shape,
        classes,
        options,
        head=None,
        initializer="published",
    ):
        self.function = function
        self.image_shape = tuple(image_shape)
        self.classes = classes
        self.options = options
        self.head = head or Head()
        self.initializer = initializer

    def __call__(self, site, name):
        image = keras.Input(self.image_shape, name="image")
        outputs = self.head.outputs(self.classes)
        made = self.function(image, site, outputs, **self.options)
        inputs = [image]
        if isinstance(site, (sites.Activate, sites.MultiplyByGate)):
            inputs += getattr(site, "gates", ())
            made = self.head(made)
        else:
            # No pre-activation depends on the head, so a model that ends in
            # the pre-activations has none.
            made = site.preactivations
        return self.drawn(keras.Model(inputs, made, name=name))

    def drawn(self, network):
        """A network with weights as asked for."""
        of_pytorch = self.initializer == "pytorch"
        return as_pytorch(network) if of_pytorch else network


def two_networks(apply, family, activation, orthogonal, constant=False):
    """Gating network, value network and the sites of the latter."""
    value_sites = sites.MultiplyByGate(activation, constant)
    if family == "dlgn_sf":
        value_network = apply(value_sites, "value_network")
        of_sites = zip(value_sites.names, value_sites.gates, strict=True)
        gating_network = apply.drawn(
            shallow_gating_network(
                apply.image_shape,
                {name: gate.shape[1:] for name, gate in of_sites},
                linear_maps_like(
                    value_network, apply.options, value_sites.rescaling
                ),
            )
        )
    else:
        linear = family == "dlgn"
        kind = sites.RecordAndPass if linear else sites.RecordAndActivate
        gating_network = apply(kind(activation), "gating_network")
        value_network = apply(value_sites, "value_network")
    if orthogonal and orthogonal.networks in ("both", "gating"):
        gating_network = with_orthogonal_filters(gating_network, orthogonal)
    if orthogonal and orthogonal.networks in ("both", "value"):
        value_network = with_orthogonal_filters(value_network, orthogonal)
    _draw_alike(gating_network, value_network)
    return gating_network, value_network, value_sites


def _draw_alike(gating_network, value_network):
    """Makes random flips and dropouts of training the same in both networks."""
    first = {layer.name: layer for layer in gating_network.layers}
    for layer in value_network.layers:
        if layer.name in first:
            generators = map(_seed_generators, (first[layer.name], layer))
            for one, other in zip(*generators, strict=False):
                other.state.assign(one.state)


def _seed_generators(layer):
    """Those of a layer and of all that it is made of, in one order."""
    return [
        x for each in layer._flatten_layers() for x in each._seed_generators
    ]
