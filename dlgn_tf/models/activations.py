"""Which nonlinearity a network has at its gate sites. Imports nothing heavy.

A DNN has one, and so has the gating network of a DGN. Every nonlinearity here
is a multiple of its pre-activation, `f(q) = q g(q)`, and `g` is the gate that a
DNN has: of the ReLU 1{q > 0}, of swish the sigmoid. To add one is to add an
entry to `ACTIVATIONS`.
"""

import dataclasses
from collections.abc import Callable

from dlgn_tf import choices, gate_kinds
from dlgn_tf.errors import UserError, check_choice


@dataclasses.dataclass(frozen=True)
class Nonlinearity:
    """A nonlinearity: its layer, and its gate.

    Attributes:
        layer: Function of the layer's name and of the resolved options that
            returns the Keras layer.
        gate: Function of that layer that returns its
            `dlgn_tf.gate_kinds.GateFunction`, with bounds that hold for any
            weights of the layer: compiled functions call it too.
        defaults: Dict from the names of the options that it takes to their
            defaults.
        limit: Name of the piecewise linear function that it is or tends to, as
            `dlgn_tf.splines.parameters.slopes_of` has them, or None.
    """

    layer: Callable
    gate: Callable
    defaults: dict = dataclasses.field(default_factory=dict)
    limit: str | None = None


def of_keras(
    function: str, gate: gate_kinds.GateFunction, limit: str | None = None
) -> Nonlinearity:
    """A nonlinearity that Keras knows by a name, with its gate.

    Args:
        function: As `keras.layers.Activation` takes it.
        gate: The gate, which has no weights.
        limit: See `Nonlinearity`.
    """

    def layer(name, options):
        import keras

        return keras.layers.Activation(function, name=name)

    def gate_of(layer):
        if not _is_plain(layer, function):
            raise ValueError(
                f"Expected the nonlinearity {function} at a gate site. "
                f"Received: {type(layer).__name__} {layer.get_config()}"
            )
        return gate

    return Nonlinearity(layer, gate_of, limit=limit)


def _is_plain(layer, function):
    """Whether a layer is a function that Keras knows, with nothing changed."""
    import keras

    if isinstance(layer, keras.layers.ReLU):
        changed = layer.negative_slope, layer.threshold, layer.max_value
        return function == "relu" and changed == (0, 0, None)
    activation = getattr(layer, "activation", None)
    return activation is keras.activations.get(function)


# Options in the order of the layer's arguments.
_BETA_VQ = ("beta", "beta_mode", "slope", "entropy")


def _beta_vq(activation, kind, **defaults):
    """A kind of `dlgn_tf.layers.BetaVQ`."""

    def layer(name, options):
        from dlgn_tf.layers import BetaVQ

        given = [options[f"activation_{option}"] for option in _BETA_VQ]
        return BetaVQ(kind, *given, name=name)

    def gate(layer):
        least, most = layer.slopes
        return gate_kinds.GateFunction(
            layer.gate,
            f"what {activation} multiplies q by",
            most,
            least,
            layer.hard and (least, most) == (0, 1),
        )

    # Assumed: the paper calls beta learnable and prints neither its first value
    # nor what has one of its own. 1/2 is swish.
    usual = {
        "activation_beta": 0.5,
        "activation_beta_mode": "per_layer",
        "activation_entropy": "shannon",
    }
    return Nonlinearity(layer, gate, {**usual, **defaults}, kind)


ACTIVATIONS = {
    "relu": of_keras("relu", gate_kinds.hard(), "relu"),
    "swish": of_keras("silu", gate_kinds.soft(1.0), "relu"),
    "beta_vq": _beta_vq("beta_vq", "relu"),
    "leaky_beta_vq": _beta_vq("leaky_beta_vq", "leaky", activation_slope=0.01),
    "abs_beta_vq": _beta_vq("abs_beta_vq", "abs"),
}

OPTIONS = (
    "activation",
    "activation_beta",
    "activation_beta_mode",
    "activation_slope",
    "activation_entropy",
)


def resolve(family, given, members=1, gate_sites=1):
    """Options of the nonlinearity, defaults filled in.

    Args:
        family: String, one of `dlgn_tf.models.registry.FAMILIES`.
        given: Dict from names of `OPTIONS` to values; None is no value.
        members: Integer, networks of an ensemble.
        gate_sites: Integer, or None where each has its nonlinearity, as in a
            network of one's own.

    Returns:
        Dict from each of `OPTIONS` to its value; None where it has no meaning.

    Raises:
        UserError: if one has no meaning, or lies outside its range.
    """
    given = {name: given.get(name) for name in OPTIONS}
    if gate_sites == 0:
        _refuse(given, "a network without ReLUs", "one that has some")
        return given
    if gate_sites is None:
        what = "a Keras model, whose nonlinearities are its own"
        _refuse(given, what, "an architecture of the zoo")
        return given
    if family not in ("dnn", "dgn"):
        why = f"a {family}, whose gating network is linear"
        _refuse(given, why, "a dnn or dgn")
        return given
    name = given["activation"] or "relu"
    check_choice("activation", name, ACTIVATIONS)
    if members > 1 and name != "relu":
        raise UserError(
            "Expected activation=relu for an ensemble, whose members are "
            f"computed at once. Received: activation={name}"
        )
    for option, value in given.items():
        if option not in ("activation", *ACTIVATIONS[name].defaults):
            _refuse({option: value}, f"activation={name}", _having(option))
    defaults = {"activation": name, **ACTIVATIONS[name].defaults}
    options = {k: defaults.get(k) if v is None else v for k, v in given.items()}
    _check_values(options)
    return options


def _having(option):
    """The nonlinearities that take an option, for a message."""
    names = [k for k, v in ACTIVATIONS.items() if option in v.defaults]
    return f"activation={' or '.join(names)}"


def _refuse(given, what, only):
    for name, value in given.items():
        if value is not None:
            raise UserError(
                f"Option {name} has no effect on {what}. Expected it with "
                f"{only} alone. Received: {name}={value}"
            )


def _check_values(options):
    beta, mode = options["activation_beta"], options["activation_beta_mode"]
    slope, entropy = options["activation_slope"], options["activation_entropy"]
    if mode is not None:
        check_choice("activation_beta_mode", mode, choices.BETA_MODES)
    if entropy is not None:
        check_choice("activation_entropy", entropy, choices.ENTROPIES)
    if beta is not None and not 0 <= beta <= 1:
        raise UserError(
            "Invalid activation_beta. Expected a number from 0 to 1. "
            f"Received: activation_beta={beta}"
        )
    if beta in (0, 1) and mode != "fixed":
        raise UserError(
            "A learned beta cannot leave 0 or 1. Expected another start or "
            f"activation_beta_mode=fixed. Received: activation_beta={beta}, "
            f"activation_beta_mode={mode}"
        )
    if slope is not None and not 0 < slope < 1:
        raise UserError(
            "Invalid activation_slope. Expected a number between 0 and 1. "
            f"Received: activation_slope={slope}"
        )
