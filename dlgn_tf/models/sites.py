"""Gate sites: the places where a ReLU network has its ReLUs.

An architecture is written once, as a function that calls
`site(preactivation, name)` wherever the ReLU network applies its ReLU. What
happens there is decided by the site object that is passed in, and that makes
the difference between the families:

| network | site | what it returns |
|---|---|---|
| ReLU network (DNN) | `Activate` | f(q) |
| gating network of a DGN | `RecordAndActivate` | f(q), keeping q |
| gating network of a DLGN | `RecordAndPass` | q, keeping q |
| value network | `MultiplyByGate` | q * gate, the gate being an input |

f is the ReLU, or another of `dlgn_tf.models.activations`; a builder may say of
a site which nonlinearity stands there, `site(preactivation, name, layer)`, as
that of a network of one's own does.

Source: the DLGN paper (arXiv 2110.03403), section 3; a site's pre-activation
is what would enter the ReLU, so it comes after batch normalisation.
"""

import keras

from dlgn_tf.models.activations import ACTIVATIONS

# In the name of a layer at a gate site: a nonlinearity of no other name.
OWN = "own"


class _Sites:
    """Keeps what the sites are called, in the order in which they were met.

    Args:
        activation: Options of the nonlinearity as
            `dlgn_tf.models.activations.resolve` returns them, or None: the
            ReLU.

    Attributes:
        constant: Boolean. Whether the network sees ones in place of an image;
            a builder leaves out then what puts pixels on a scale.
        rescaling: Tuple of the layers that do so, set by a builder.
        names: List of strings.
        nonlinearities: List of the layers that builders gave, None where none.
    """

    constant, rescaling = False, ()

    def __init__(self, activation=None):
        self.names, self.nonlinearities = [], []
        self._activation = activation

    def _add(self, name, layer):
        if name in self.names:
            raise ValueError(
                "Expected a new name for each gate site: one site is one "
                f"gate. Received: name={name!r} twice"
            )
        self.names.append(name)
        self.nonlinearities.append(layer)

    def _layer(self, name, layer):
        """The nonlinearity that a builder gave, or that of the options."""
        return layer or layer_for(name, self._activation)


class Activate(_Sites):
    """Applies the nonlinearity: `(...) -> (...)`."""

    def __call__(self, preactivation, name, layer=None):
        self._add(name, layer)
        return self._layer(name, layer)(preactivation)


class RecordAndPass(_Sites):
    """Keeps the pre-activation and hands it on unchanged."""

    def __init__(self, activation=None):
        super().__init__(activation)
        self.preactivations = []

    def __call__(self, preactivation, name, layer=None):
        self._add(name, layer)
        self.preactivations.append(preactivation)
        return preactivation


class RecordAndActivate(RecordAndPass):
    """Keeps the pre-activation and applies the nonlinearity."""

    def __call__(self, preactivation, name, layer=None):
        kept = super().__call__(preactivation, name, layer)
        return self._layer(name, layer)(kept)


class MultiplyByGate(_Sites):
    """Multiplies by a gate that comes from outside: the GaLU.

    `gates` holds one `keras.Input` a site, of the site's shape.

    Args:
        activation: As for all sites.
        constant: See the attribute.
    """

    def __init__(self, activation=None, constant=False):
        super().__init__(activation)
        self.gates, self.constant = [], constant

    def __call__(self, preactivation, name, layer=None):
        self._add(name, layer)
        gate = keras.Input(
            preactivation.shape[1:],
            name=f"{name}_gate",
            dtype=preactivation.dtype,
        )
        self.gates.append(gate)
        return keras.layers.Multiply(name=galu_layer(name))(
            [preactivation, gate]
        )

    def own_nonlinearities(self):
        """The layers that would stand at the sites without gates."""
        return list(map(self._layer, self.names, self.nonlinearities))


def activation_layer(site_name, activation="relu"):
    """Name of the layer of a nonlinearity at a site."""
    return f"{site_name}_{activation}"


def layer_for(site_name, options=None):
    """The layer of a nonlinearity at a site.

    Args:
        site_name: String.
        options: See `activation` of the sites.
    """
    activation = (options or {}).get("activation") or "relu"
    name = activation_layer(site_name, activation)
    return ACTIVATIONS[activation].layer(name, options)


def activations_at(network, site_names):
    """Dict from gate site to the name of the nonlinearity that stands there.

    Sites where none of `ACTIVATIONS`, nor `OWN`, has a layer are left out.
    """
    names = {layer.name for layer in network.layers}
    return {
        site: activation
        for site in site_names
        for activation in (*ACTIVATIONS, OWN)
        if activation_layer(site, activation) in names
    }


def galu_layer(site_name):
    """Name of the layer at a site of a value network: its GaLU."""
    return f"{site_name}_galu"
