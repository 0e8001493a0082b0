"""Weights of one model of the zoo for another, if they mean the same there.

Weights fit wherever their shapes do, and shapes say little: a network with max
pooling has those of one with average pooling, a DGN's gating network those of a
DLGN's. So models are compared by name, input normalisation and sites first, and
then layer by layer.
"""

from dlgn_tf.errors import UserError
from dlgn_tf.gate_kinds import GATES
from dlgn_tf.models import registry
from dlgn_tf.models.gated import copy_weights
from dlgn_tf.models.own_gates import copy_learned_slopes

# Families whose gates are made as those of a family are.
_SAME_GATES = {
    "dgn": ("dnn", "dgn"),
    "dlgn": ("dlgn",),
    "dlgn_sf": ("dlgn_sf",),
}
# What a layer's configuration holds besides what it computes.
_INCIDENTAL = ("dtype", "trainable", "synchronized", "as_keras", "shape")


def copy_gates(source, target):
    """Gives `target` the gating network that `source` has learned.

    Whether the gating network is trained further is not touched. Source: the
    neural path kernel paper (arXiv 2006.10529), frozen learned gates (FLNPF).

    Args:
        source: `ReLUNetwork` or `GatedNetwork`.
        target: `GatedNetwork` of the same architecture. A dgn takes the gates
            of a dnn or dgn, a dlgn those of a dlgn, a dlgn_sf of a dlgn_sf.

    Raises:
        UserError: if the gating part of `source` computes something else;
            `target` is then as it was.
    """
    architecture, family = registry.parse(target.name)
    _check_name(
        source, [f"{architecture.name}_{f}" for f in _SAME_GATES[family]]
    )
    _check_inputs(source, target)
    # An ensemble ends here: its members have a site each.
    _check_sites(source, target)
    gating = source.gates_network
    _check_layers(gating, target.gating_network, source.name)
    copy_weights(gating, target.gating_network)
    copy_learned_slopes(source, target)


def copy_model(source, target):
    """Gives `target` all weights of `source`, a model of the same name.

    Gates may be soft in one and hard in the other, or permuted.

    Args:
        source: `ReLUNetwork` or `GatedNetwork`.
        target: Of the same class.

    Raises:
        UserError: if the networks of `source` compute something else; `target`
            is then as it was.
    """
    _check_name(source, [target.name])
    _check_inputs(source, target)
    networks = source.networks.values(), target.networks.values()
    pairs = list(zip(*networks, strict=True))
    _check_sites(source, target)
    for ours, theirs in pairs:
        _check_layers(ours, theirs, source.name)
    for ours, theirs in pairs:
        copy_weights(ours, theirs)
    copy_learned_slopes(source, target)


def check_same_gates(source, target):
    """Raises a `UserError` unless both make and use gates alike."""
    if not target.gated:
        return
    _check_name(source, [target.name])
    for what in ("kind", "beta", "epsilon"):
        _check_equal(
            f"gate {what}",
            getattr(source.gate, what),
            getattr(target.gate, what),
            # A hard gate has no steepness.
            ignored=what != "kind"
            and what not in GATES[target.gate.kind].options,
        )
    for what in ("value_input", "gate_permutation"):
        _check_equal(what, getattr(source, what), getattr(target, what))


def _check_equal(what, received, expected, ignored=False):
    if received != expected and not ignored:
        raise UserError(
            f"Expected a model with {what} {expected}. Received: one with "
            f"{received}"
        )


def _check_name(source, expected):
    if source.name not in expected:
        raise UserError(
            f"Expected a {' or a '.join(expected)}. Received: a {source.name}"
        )


def _check_inputs(source, target):
    _check_equal("image shape", source.image_shape, target.image_shape)
    received, expected = source.normalization, target.normalization
    _check_equal(
        "input normalisation", type(received).__name__, type(expected).__name__
    )
    for what in ("mean", "std"):
        _check_equal(
            f"input normalisation {what}",
            getattr(received, what, None),
            getattr(expected, what, None),
        )


def _check_sites(source, target):
    received, expected = source.site_shapes, target.site_shapes
    if len(received) != len(expected):
        raise UserError(
            f"Expected {len(expected)} gate sites. Received: {len(received)} "
            f"in {source.name}"
        )
    for name, shape in expected.items():
        if received.get(name) != shape:
            raise UserError(
                f"Expected gates of shape {shape} at gate site {name!r}. "
                f"Received: {received.get(name, 'no such site')} in "
                f"{source.name}"
            )


def _check_layers(source, target, name):
    """Raises a `UserError` unless `source` holds all that `target` computes."""
    given, wanted = _layers(source), _layers(target)
    for layer, expected in wanted.items():
        received = given.get(layer)
        if received != expected:
            raise UserError(
                f"Expected a {name} of the same options: {len(wanted)} layers "
                f"as {target.name} has them. Received: "
                f"{_difference(layer, received, expected)}"
            )


def _difference(layer, received, expected):
    """Says how a layer differs from the one that is expected."""
    if received is None:
        return f"no {layer!r}"
    (kind, options, _), (wanted_kind, wanted, _) = received, expected
    if kind != wanted_kind:
        return f"{layer!r} of class {kind} in place of {wanted_kind}"
    for option in sorted({*options, *wanted}):
        if options.get(option) != wanted.get(option):
            return (
                f"{layer!r} with {option} {options.get(option)} in place of "
                f"{wanted.get(option)}"
            )
    return f"{layer!r} after other layers"


def _layers(network):
    """Dict from a layer's name to what it computes from which layers."""
    return {
        layer["name"]: (
            layer["class_name"],
            _essence(layer["config"]),
            _essence(layer["inbound_nodes"]),
        )
        for layer in network.get_config()["layers"]
    }


def _essence(config):
    """A configuration without what does not change the function."""
    if isinstance(config, dict):
        # Where a learned beta starts is an initial value as others are.
        learned = config.get("beta_mode", "fixed") != "fixed"
        incidental = (*_INCIDENTAL, "beta") if learned else _INCIDENTAL
        return {
            key: _essence(value)
            for key, value in config.items()
            if key not in incidental and not key.endswith("_initializer")
        }
    if isinstance(config, (list, tuple)):
        return [_essence(value) for value in config]
    return config
