"""Gates of a run: defaults, and what fits together. Nothing heavy."""

import math
import re

from dlgn_tf.command import fields
from dlgn_tf.config.network import GATE_FLAGS
from dlgn_tf.errors import UserError
from dlgn_tf.gate_kinds import GATES
from dlgn_tf.models import registry

# More runs than those of five sites of one shape nobody waits for.
MOST_PERMUTATIONS = math.factorial(5) - 1


def resolve(flags, architecture, family, options):
    """Fields of `Config`, defaults filled in.

    Args:
        flags: `TrainingFlags`.
        architecture: `dlgn_tf.models.architecture.Architecture`.
        family: String.
        options: Dict of the architecture's options, resolved.

    Returns:
        Dict from each of `GATE_FLAGS` to its value.

    Raises:
        UserError: if they contradict each other or have no effect.
    """
    given = {name: getattr(flags, name) for name in GATE_FLAGS}
    if family == "dnn":
        what = "on a ReLU network (family dnn), which gates itself"
        fields.refuse_given(given, what)
        return given
    given["gate_permutation"] = _permutation(
        given["gate_permutation"], architecture, options
    )
    given["gate_regime"], given["gate"] = registry.resolve_gates(
        family, given["gate_regime"], given["gate"]
    )
    _check_origins(given["gate_regime"], given["gates_from"], flags.init_from)
    defaults = {"value_input": registry.default_value_input(family)}
    for option in ("gate_beta", "gate_epsilon"):
        if option.removeprefix("gate_") in GATES[given["gate"]].options:
            defaults[option] = getattr(architecture, option)
        else:
            what = f"on a {given['gate']} gate"
            fields.refuse_given({option: given[option]}, what)
    return {k: defaults.get(k) if v is None else v for k, v in given.items()}


def _check_origins(regime, gates_from, init_from):
    """Refuses a gating network that comes from nowhere, or from two places."""
    if (regime == "frozen_learned") != (gates_from is not None):
        raise UserError(
            "Expected --gates_from=PATH with --gate_regime=frozen_learned, and "
            f"only there. Received: --gate_regime={regime} and "
            f"--gates_from={gates_from or 'nothing'}"
        )
    if init_from and regime in ("frozen_dependent", "frozen_learned"):
        raise UserError(
            f"--init_from and --gate_regime={regime} both say where the gating "
            "network comes from. Expected one of the two. Received: both"
        )


def _permutation(text, architecture, options):
    """A tuple, `"all"`, or None for the identity."""
    if text is None:
        return None
    count = architecture.site_count(options)
    # A program may give the tuple.
    text = fields.text(text)
    if text == "all":
        alike = architecture.alike_sites(options)
        runs = math.prod(map(math.factorial, alike)) - 1
        if not 1 <= runs <= MOST_PERMUTATIONS:
            raise UserError(
                f"Expected 1 to {MOST_PERMUTATIONS} ways to permute gates of "
                "one shape for --gate_permutation=all. Received: an "
                f"architecture of {count} gate sites with "
                f"{'more' if runs else 'none'}"
            )
        return text
    numbers = [n for n in text.split(",") if re.fullmatch(r"\d{1,4}", n)]
    identity = tuple(range(count))
    permutation = tuple(map(int, numbers))
    if len(text.split(",")) != count or sorted(permutation) != list(identity):
        example = f"0 to {count - 1}" if count > 1 else "0"
        raise UserError(
            f"Invalid --gate_permutation. Expected the {count} numbers "
            f"{example} in some order, or all. Received: {text}"
        )
    return None if permutation == identity else permutation
