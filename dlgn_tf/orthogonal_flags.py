"""The flags of orthogonal filters. Imports neither TensorFlow nor Keras."""

import math

from absl import flags

from dlgn_tf.errors import UserError
from dlgn_tf.models import orthogonal_options as options

# Those that describe the model; the last one is the penalty's, too.
MODEL_FLAGS = (
    "orthogonal_reparametrization",
    "orthogonal_scale",
    "orthogonal_overcomplete",
    "orthogonal_networks",
)
_PENALTY_FLAGS = ("orthogonality_reduction", "orthogonality_slopes")
_MAP_FLAGS = ("orthogonal_scale", "orthogonal_overcomplete")


def define_model_flags(values):
    """Defines the flags of `MODEL_FLAGS` in `absl.flags.FlagValues`."""
    for name, default, choices, meaning in (
        (
            "orthogonal_reparametrization",
            "none",
            options.REPARAMETRIZATIONS,
            "Make the filters of every dense layer and convolution orthogonal, "
            "as a function of free weights: gram_schmidt, the exact process; "
            "newton_schulz, the polar factor, and cayley, the transform of "
            "that name, are other maps and not Gram-Schmidt. --l2 acts on the "
            "free weights.",
        ),
        (
            "orthogonal_scale",
            None,
            options.SCALES,
            "Lengths of the filters: what the Gram-Schmidt process leaves, 1, "
            "or a weight each (one for all of a tight frame). Default: "
            "residual; gain for other maps (assumed).",
        ),
        (
            "orthogonal_overcomplete",
            None,
            options.OVERCOMPLETE,
            "More filters than inputs: a tight frame, orthogonal groups, left "
            "as they are, or refused. Default: tight (assumed).",
        ),
        (
            "orthogonal_networks",
            None,
            options.NETWORKS,
            "Which network of a gated model --orthogonal_reparametrization or "
            "--orthogonality_penalty is for. Default: both.",
        ),
    ):
        flags.DEFINE_enum(
            name, default, list(choices), meaning, flag_values=values
        )


def define_training_flags(values):
    """Defines the flags of the penalty in `absl.flags.FlagValues`."""
    flags.DEFINE_float(
        "orthogonality_penalty",
        0.0,
        "Coefficient of the squared inner products of different filters of "
        "each dense layer and convolution, in the loss; 1 as published.",
        0.0,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "orthogonality_reduction",
        None,
        ["sum", "mean_entries"],
        "Whether a layer's products are summed over ordered pairs or divided "
        "by the square of its filters, too. Default: sum (assumed).",
        flag_values=values,
    )
    flags.DEFINE_list(
        "orthogonality_slopes",
        None,
        "Slopes of the nonlinearity's regions: 0,1 of a ReLU, 0.01,1 of a "
        "leaky ReLU, -1,1 of the absolute value. They scale the penalty by the "
        "square of the sum of their squares. Default: 0,1.",
        flag_values=values,
    )


def resolve(values, family, gate_regime, members):
    """Fields of `Config`, defaults filled in.

    Args:
        values: `absl.flags.FlagValues`.
        family: String.
        gate_regime: String or None.
        members: Integer or None, networks of an ensemble.

    Returns:
        Dict from flag to value.

    Raises:
        UserError: if they contradict each other or have no effect.
    """
    penalty = values.orthogonality_penalty
    reparametrization = values.orthogonal_reparametrization
    _check(values, penalty, reparametrization)
    found = dict.fromkeys((*_PENALTY_FLAGS, *MODEL_FLAGS))
    found["orthogonality_penalty"] = penalty
    found["orthogonal_reparametrization"] = reparametrization
    if not penalty and reparametrization == "none":
        return found
    networks = values.orthogonal_networks
    if family == "dnn" and networks in ("gating", "value"):
        raise UserError(
            "--orthogonal_networks has no effect on a ReLU network (family "
            "dnn), which is a single one. Expected no such flag. Received: "
            f"--orthogonal_networks={networks}"
        )
    networks = networks or "both"
    options.check_networks(networks, family, members or 1)
    found["orthogonal_networks"] = networks
    if penalty:
        _check_trained(networks, gate_regime)
        found["orthogonality_reduction"] = (
            values.orthogonality_reduction or "sum"
        )
        found["orthogonality_slopes"] = _slopes(values.orthogonality_slopes)
    else:
        filters = options.OrthogonalFilters(
            reparametrization,
            values.orthogonal_scale,
            values.orthogonal_overcomplete or "tight",
            networks,
        )
        filters.check_model(family, gate_regime, members or 1)
        found["orthogonal_scale"] = filters.scale
        found["orthogonal_overcomplete"] = filters.overcomplete
    return found


def _check(values, penalty, reparametrization):
    if not math.isfinite(penalty):
        raise UserError(
            "Invalid --orthogonality_penalty. Expected a finite number. "
            f"Received: {penalty}"
        )
    mapped = reparametrization != "none"
    if penalty and mapped:
        raise UserError(
            "Filters that are orthogonal by construction have no penalty. "
            "Expected --orthogonality_penalty or "
            "--orthogonal_reparametrization. Received: both"
        )
    for names, needed, switch in (
        (_PENALTY_FLAGS, penalty, "--orthogonality_penalty"),
        (_MAP_FLAGS, mapped, "--orthogonal_reparametrization"),
        (
            ("orthogonal_networks",),
            penalty or mapped,
            "--orthogonality_penalty or --orthogonal_reparametrization",
        ),
    ):
        for name in names:
            if values[name].value is not None and not needed:
                raise UserError(
                    f"--{name} has no effect without {switch}. Expected both "
                    f"or none. Received: --{name}={_text(values[name].value)}"
                )


def _check_trained(networks, gate_regime):
    if networks == "gating" and gate_regime != "joint":
        raise UserError(
            "A penalty has no effect on a frozen gating network. Expected "
            "--orthogonal_networks=value. Received: gating with "
            f"--gate_regime={gate_regime}"
        )


def _text(value):
    return ",".join(value) if isinstance(value, list) else value


def _slopes(texts):
    try:
        slopes = tuple(map(float, (0, 1) if texts is None else texts))
    except ValueError:
        slopes = ()
    if not any(slopes) or not all(map(math.isfinite, slopes)):
        raise UserError(
            "Invalid --orthogonality_slopes. Expected comma-separated numbers, "
            f"not all of them 0. Received: {','.join(texts)}"
        )
    return slopes
