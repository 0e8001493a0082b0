"""Orthogonal filters of a run: defaults, and what fits together.

Imports neither TensorFlow nor Keras.
"""

from dlgn_tf import choices
from dlgn_tf.command import fields
from dlgn_tf.config.config import Config
from dlgn_tf.errors import UserError
from dlgn_tf.models import orthogonal_options as options

_PENALTY_FLAGS = ("orthogonality_reduction", "orthogonality_slopes")
_MAP_FLAGS = ("orthogonal_scale", "orthogonal_overcomplete")


def resolve(flags, family, gate_regime, members):
    """Fields of `Config`, defaults filled in.

    Args:
        flags: `TrainingFlags`.
        family: String.
        gate_regime: String or None.
        members: Integer or None, networks of an ensemble.

    Returns:
        Dict from flag to value.

    Raises:
        UserError: if they contradict each other or have no effect.
    """
    penalty = flags.orthogonality_penalty
    reparametrization = flags.orthogonal_reparametrization
    _check(flags, penalty, reparametrization)
    found = dict.fromkeys(fields.names(Config, "orthogonal filters"))
    found["orthogonality_penalty"] = penalty
    found["orthogonal_reparametrization"] = reparametrization
    if not penalty and reparametrization == "none":
        return found
    networks = flags.orthogonal_networks
    if family == "dnn" and networks in choices.NETWORKS:
        what = "on a ReLU network (family dnn), which is a single one"
        fields.refuse_given({"orthogonal_networks": networks}, what)
    networks = networks or "both"
    options.check_networks(networks, family, members or 1)
    found["orthogonal_networks"] = networks
    if penalty:
        _check_trained(networks, gate_regime)
        found["orthogonality_reduction"] = (
            flags.orthogonality_reduction or "sum"
        )
        found["orthogonality_slopes"] = _slopes(flags.orthogonality_slopes)
    else:
        filters = options.OrthogonalFilters(
            reparametrization,
            flags.orthogonal_scale,
            flags.orthogonal_overcomplete or "tight",
            networks,
        )
        filters.check_model(family, gate_regime, members or 1)
        found["orthogonal_scale"] = filters.scale
        found["orthogonal_overcomplete"] = filters.overcomplete
    return found


def _check(flags, penalty, reparametrization):
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
            value = getattr(flags, name)
            if value is not None and not needed:
                raise UserError(
                    f"--{name} has no effect without {switch}. Expected both "
                    f"or none. Received: --{name}={fields.text(value)}"
                )


def _check_trained(networks, gate_regime):
    if networks == "gating" and gate_regime != "joint":
        raise UserError(
            "A penalty has no effect on a frozen gating network. Expected "
            "--orthogonal_networks=value. Received: gating with "
            f"--gate_regime={gate_regime}"
        )


def _slopes(slopes):
    slopes = (0.0, 1.0) if slopes is None else slopes
    if not any(slopes):
        raise UserError(
            "Invalid --orthogonality_slopes. Expected comma-separated numbers, "
            f"not all of them 0. Received: {fields.text(slopes)}"
        )
    return slopes
