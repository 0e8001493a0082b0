"""What models there are, by name. Imports nothing heavy.

A model's name is ARCHITECTURE_FAMILY. To add an architecture, write a function
`(x, site, classes, **options) -> logits` and an entry of `dlgn_tf.models.zoo`;
it then has every family.
"""

from dlgn_tf import choices
from dlgn_tf.errors import UserError, check_choice, nearest
from dlgn_tf.gate_kinds import GATES
from dlgn_tf.models import user_networks
from dlgn_tf.models.architecture import FAMILIES as FAMILIES
from dlgn_tf.models.zoo import ARCHITECTURES


def names():
    """Names of all models, architecture by architecture."""
    return [
        f"{name}_{family}"
        for name, architecture in ARCHITECTURES.items()
        for family in architecture.families
    ]


def parse(name, network=None):
    """Splits a model's name into `(Architecture, family)`.

    Args:
        name: String, ARCHITECTURE_FAMILY, or keras:PATH_FAMILY of a Keras model
            of one's own.
        network: Of the latter, what `user_networks.read` returned; the file is
            read where it is None.

    Raises:
        UserError: if there is no such model; its text names the nearest.
    """
    if own := user_networks.split(name):
        path, family = own
        return user_networks.architecture(path, network), family
    for family in FAMILIES:
        architecture = name.removesuffix(f"_{family}")
        if architecture in ARCHITECTURES and architecture != name:
            return _with_family(ARCHITECTURES[architecture], family), family
    raise UserError(
        "Unknown model. Expected ARCHITECTURE_FAMILY as --list_models prints "
        "them, or keras:PATH.keras_FAMILY. "
        f"{nearest(name, names())}Received: model={name}"
    )


def called(name):
    """What a model is called that was made by a name."""
    architecture, family = parse(name)
    return f"{architecture.name}_{family}"


def _with_family(architecture, family):
    if family not in architecture.families:
        raise UserError(
            f"Expected {architecture.name}_dnn: an architecture without gate "
            "sites has no gates. Received: "
            f"model={architecture.name}_{family}"
        )
    return architecture


def resolve_gates(family, regime=None, gate=None):
    """Gate regime and kind of gate of a gated family, defaults filled in.

    Args:
        family: One of `FAMILIES` other than dnn.
        regime: One of `dlgn_tf.choices.GATE_REGIMES`, or None: `"joint"`, or
            `"frozen_random"` where the gate passes no gradient.
        gate: One of `dlgn_tf.gate_kinds.GATES`, or None: soft where gates are
            learned jointly, hard where they are frozen.

    Returns:
        `(regime, gate)`.

    Raises:
        UserError: if gates of the family cannot be learned so.
    """
    if gate is not None:
        check_choice("gate", gate, GATES)
    stuck = gate is not None and not GATES[gate].differentiable
    regime = regime or ("frozen_random" if stuck else "joint")
    check_choice("gate_regime", regime, choices.GATE_REGIMES)
    # Of a nonlinearity's own gates, whoever makes them knows.
    if regime == "joint" and stuck and gate != "own":
        raise UserError(
            f"{gate.capitalize()} gates pass no gradient. Expected soft gates "
            f"where they are learned jointly. Received: gate={gate}, "
            "gate_regime=joint"
        )
    if regime == "frozen_dependent" and family == "dlgn_sf":
        raise UserError(
            "The gating network of a dlgn_sf has other layers than its value "
            "network, of which it cannot be a copy. Expected another gate "
            "regime. Received: gate_regime=frozen_dependent"
        )
    return regime, gate or ("soft" if regime == "joint" else "hard")


def default_value_input(family):
    """What the value network of a family sees unless told otherwise."""
    return "ones" if family == "dlgn_sf" else "image"
