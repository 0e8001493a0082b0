"""Which nonlinearity a network has at its gate sites. Imports nothing heavy.

A DNN has one, and so has the gating network of a DGN. Every nonlinearity here
is a multiple of its pre-activation, `f(q) = q g(q)`, and `g` is the gate that a
DNN has: of the ReLU 1{q > 0}, of swish the sigmoid.
"""

from dlgn_tf.errors import UserError

# Name -> kind of `dlgn_tf.layers.BetaVQ`, if it is one.
ACTIVATIONS = {
    "relu": None,
    "swish": None,
    "beta_vq": "relu",
    "leaky_beta_vq": "leaky",
    "abs_beta_vq": "abs",
}
BETA_MODES = ("fixed", "per_layer", "per_channel")

# Assumed: the paper calls beta learnable and prints neither its first value nor
# what has one of its own. 1/2 is swish.
_BETA, _BETA_MODE, _SLOPE = 0.5, "per_layer", 0.01

OPTIONS = (
    "activation",
    "activation_beta",
    "activation_beta_mode",
    "activation_slope",
)


def resolve(family, given, members=1, gate_sites=None):
    """Options of the nonlinearity, defaults filled in.

    Args:
        family: String, one of `dlgn_tf.models.registry.FAMILIES`.
        given: Dict from names of `OPTIONS` to values; None is no value.
        members: Integer, networks of an ensemble.
        gate_sites: Integer, or None where there are some.

    Returns:
        Dict from each of `OPTIONS` to its value; None where it has no meaning.

    Raises:
        UserError: if one has no meaning, or lies outside its range.
    """
    given = {name: given.get(name) for name in OPTIONS}
    if gate_sites == 0:
        _refuse(given, "a network without ReLUs", "one that has some")
        return given
    if family not in ("dnn", "dgn"):
        why = f"a {family}, whose gating network is linear"
        _refuse(given, why, "a dnn or dgn")
        return given
    name = given["activation"] or "relu"
    _check_choice("activation", name, ACTIVATIONS)
    if members > 1 and name != "relu":
        raise UserError(
            "Expected activation=relu for an ensemble, whose members are "
            f"computed at once. Received: activation={name}"
        )
    kind = ACTIVATIONS[name]
    if kind is None:
        of_beta = {**given, "activation": None}
        _refuse(of_beta, f"activation={name}", "activation=beta_vq")
        return {**given, "activation": name}
    if kind != "leaky":
        slope = {"activation_slope": given["activation_slope"]}
        _refuse(slope, f"activation={name}", "activation=leaky_beta_vq")
    defaults = {
        "activation_beta": _BETA,
        "activation_beta_mode": _BETA_MODE,
        "activation_slope": _SLOPE if kind == "leaky" else None,
    }
    options = {k: defaults.get(k) if v is None else v for k, v in given.items()}
    _check_values(options)
    return options


def _refuse(given, what, only):
    for name, value in given.items():
        if value is not None:
            raise UserError(
                f"Option {name} has no effect on {what}. Expected it with "
                f"{only} alone. Received: {name}={value}"
            )


def _check_choice(option, value, choices):
    if value not in choices:
        raise UserError(
            f"Invalid {option}. Expected one of {', '.join(choices)}. "
            f"Received: {option}={value}"
        )


def _check_values(options):
    beta, mode = options["activation_beta"], options["activation_beta_mode"]
    slope = options["activation_slope"]
    _check_choice("activation_beta_mode", mode, BETA_MODES)
    if not 0 <= beta <= 1:
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
