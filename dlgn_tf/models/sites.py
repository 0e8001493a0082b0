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

f is the ReLU, or another of `dlgn_tf.models.activations`.

Source: the DLGN paper (arXiv 2110.03403), section 3; a site's pre-activation
is what would enter the ReLU, so it comes after batch normalisation.
"""

import keras

from dlgn_tf.models.activations import ACTIVATIONS


class _Sites:
    """Keeps the names of the sites, in the order in which they were met."""

    def __init__(self):
        self.names = []

    def _add(self, name):
        if name in self.names:
            raise ValueError(
                "Expected a new name for each gate site: one site is one "
                f"gate. Received: name={name!r} twice"
            )
        self.names.append(name)


class Activate(_Sites):
    """Applies the nonlinearity: `(...) -> (...)`.

    Args:
        activation: Options as `dlgn_tf.models.activations.resolve` returns
            them, or None: the ReLU.
    """

    def __init__(self, activation=None):
        super().__init__()
        self._activation = activation

    def __call__(self, preactivation, name):
        self._add(name)
        return _activation_layer(name, self._activation)(preactivation)


class RecordAndPass(_Sites):
    """Keeps the pre-activation and hands it on unchanged."""

    def __init__(self):
        super().__init__()
        self.preactivations = []

    def __call__(self, preactivation, name):
        self._add(name)
        self.preactivations.append(preactivation)
        return preactivation


class RecordAndActivate(RecordAndPass):
    """Keeps the pre-activation and applies the nonlinearity.

    Args:
        activation: See `Activate`.
    """

    def __init__(self, activation=None):
        super().__init__()
        self._activation = activation

    def __call__(self, preactivation, name):
        kept = super().__call__(preactivation, name)
        return _activation_layer(name, self._activation)(kept)


class MultiplyByGate(_Sites):
    """Multiplies by a gate that comes from outside: the GaLU.

    `gates` holds one `keras.Input` a site, of the site's shape.
    """

    def __init__(self):
        super().__init__()
        self.gates = []

    def __call__(self, preactivation, name):
        self._add(name)
        gate = keras.Input(
            preactivation.shape[1:],
            name=f"{name}_gate",
            dtype=preactivation.dtype,
        )
        self.gates.append(gate)
        return keras.layers.Multiply(name=galu_layer(name))(
            [preactivation, gate]
        )


def activation_layer(site_name, activation="relu"):
    """Name of the layer of a nonlinearity at a site."""
    return f"{site_name}_{activation}"


def _activation_layer(site_name, options):
    options = options or {"activation": "relu"}
    activation = options["activation"]
    name = activation_layer(site_name, activation)
    return ACTIVATIONS[activation].layer(name, options)


def activation_of(network, site_names):
    """Name of the nonlinearity whose layers stand at gate sites.

    None where there is no one of which each site has a layer.
    """
    names = {layer.name for layer in network.layers}
    for activation in ACTIVATIONS:
        wanted = {activation_layer(site, activation) for site in site_names}
        if wanted and wanted <= names:
            return activation
    return None


def galu_layer(site_name):
    """Name of the layer at a site of a value network: its GaLU."""
    return f"{site_name}_galu"
