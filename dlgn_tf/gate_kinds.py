"""What is to be known of each kind of gate, said once. Imports nothing heavy.

A gate is a function g(q) of a unit's pre-activation that grows with it and
crosses the middle of its range at q = 0: a unit is "on" where q > 0. To add a
kind is to add an entry to `GATES`; flags, layers, statistics, interventions,
kernels and the page of a network ask the entry.
"""

import dataclasses
from collections.abc import Callable

from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class GateFunction:
    """What pre-activations are multiplied by, and what is known of it.

    Attributes:
        function: Function of a floating tensor of pre-activations that returns
            gates of the same shape and dtype.
        formula: String, the gate as a function of q.
        most: Float, the largest value or its least upper bound; infinite where
            there is none.
        least: Float, the same from below.
        indicator: Boolean. Whether each gate is 0 or 1.
    """

    function: Callable
    formula: str
    most: float = 1.0
    least: float = 0.0
    indicator: bool = False

    def __call__(self, preactivations):
        """The gates.

        Raises:
            UserError: if they have another shape, which would be broadcast.
        """
        gates = self.function(preactivations)
        expected, found = (
            tuple(getattr(x, "shape", ())) for x in (preactivations, gates)
        )
        if len(found) != len(expected) or not all(
            None in sizes or len({*sizes}) == 1
            for sizes in zip(expected, found, strict=True)
        ):
            raise UserError(
                f"Expected gates ({self.formula}) of the shape of their "
                f"pre-activations, {expected}. Received: shape {found}"
            )
        return gates


@dataclasses.dataclass(frozen=True)
class GateKind:
    """A kind of gate of the gated families.

    Attributes:
        make: Function of the options by name that returns a `GateFunction`.
        options: Tuple of those of `beta` and `epsilon` that have a meaning.
        differentiable: Boolean. Whether gradients reach the gating network, so
            that gates can be learned jointly with the values.
    """

    make: Callable
    options: tuple[str, ...] = ()
    differentiable: bool = True


def soft(beta, epsilon=0.0):
    """(1 + epsilon) sigmoid(beta q)."""
    scale = "" if epsilon == 0 else f"{1 + epsilon:g} · "

    def gates(preactivations):
        from keras import ops

        found = ops.sigmoid(beta * preactivations)
        return found if epsilon == 0 else (1 + epsilon) * found

    return GateFunction(gates, f"soft: {scale}sigmoid({beta:g} q)", 1 + epsilon)


def hard():
    """1{q > 0}."""

    def gates(preactivations):
        from keras import ops

        return ops.cast(preactivations > 0, preactivations.dtype)

    return GateFunction(gates, "hard: 1 if q > 0, else 0", indicator=True)


GATES = {
    "soft": GateKind(soft, ("beta", "epsilon")),
    "hard": GateKind(hard, differentiable=False),
    # Of the ReLU; `dlgn_tf.models.own_gates` has those of others.
    "own": GateKind(hard, differentiable=False),
}
