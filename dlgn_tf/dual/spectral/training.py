"""Trainings of networks of vectors on one target."""

import dataclasses
import typing

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual.spectral import targets
from dlgn_tf.dual.spectral.command import PORTION
from dlgn_tf.tabular import fitting, networks
from dlgn_tf.tabular.networks import Form, Weights

FAMILIES = ("dnn", "dgn", "dlgn", "dlgn_sf")
# Biases of the network that makes the gates, at the start.
BIASES = ("drawn", "zero", "none")
BATCH = 256
# Of which each is drawn once in a portion of steps.
ROWS = PORTION * BATCH
HELD_OUT = 4096
# So steep that a sigmoid is 0 or 1 in float32 at all but a few points.
_HARD = 1e7


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is trained on what.

    Attributes:
        family: One of `FAMILIES`.
        frequency: Integer k >= 1, of the target.
        biases: One of `BIASES`, of the network that makes the gates: the gating
            network, or the DNN itself. `"drawn"` are uniform in +-1/sqrt(inputs
            of the layer), as weights are, `"zero"` begin at 0, and with
            `"none"` there are none. A value network has none in any case, so
            that what it computes is a sum over paths.
        depth: Integer >= 2, layers of weights.
        width: Integer >= 1, units of each hidden layer.
        beta: Float > 0, gates are sigmoid(beta q).
        value_input: `"ones"` or `"image"`, the point itself. A DNN sees the
            point.
        steps: Multiple of `PORTION`.
        learning_rate: Float > 0, of Adam.
    """

    family: str
    frequency: int
    biases: str = "drawn"
    depth: int = 4
    width: int = 64
    beta: float = 10.0
    value_input: str = "ones"
    steps: int = 1200
    learning_rate: float = 2e-3

    @property
    def form(self) -> Form:
        return Form(
            self.family,
            2,
            (self.width,) * (self.depth - 1),
            beta=self.beta,
            biases=True,
            value_input=self.value_input,
        )


class Network(typing.NamedTuple):
    """A network as it is at some step of a training."""

    form: Form
    weights: Weights

    def __call__(self, at: Array) -> Array:
        """Outputs `(n,)` at points `(n, 2)`."""
        found = networks.computed(
            self.form, self.weights, np.asarray(at, "float32")
        )
        return found[:, 0].astype(float)

    def preactivations(self, at: Array) -> list[Array]:
        """What gates are made of, `(n, width)` a layer, of a gated network."""
        found = networks.preactivations(
            self.form, self.weights.gating, np.asarray(at, "float32")
        )
        return [np.asarray(q, float) for q in found]

    def gates(self, at: Array) -> list[Array]:
        """Gates in [0, 1], `(n, width)` a layer, of a gated network."""
        found = networks.gates(
            self.form, self.weights.gating, np.asarray(at, "float32")
        )
        return [np.asarray(g, float) for g in found]

    @property
    def hardened(self) -> "Network":
        """The same network with gates that are 0 or 1."""
        return self._replace(form=dataclasses.replace(self.form, beta=_HARD))


def initial(setting: Setting, seed: int) -> Network:
    """The network of a setting before training."""
    weights = networks.initial(setting.form, seed)
    drawn = {
        "drawn": lambda kernel, bias: (kernel, bias),
        "zero": lambda kernel, bias: (kernel, np.zeros_like(bias)),
        "none": lambda kernel, bias: (kernel,),
    }[setting.biases]
    if setting.family == "dnn":
        value = [drawn(*layer) for layer in weights.value]
        return Network(setting.form, Weights([], value))
    gating = [drawn(*layer) for layer in weights.gating]
    value = [layer[:1] for layer in weights.value]
    return Network(setting.form, Weights(gating, value))


def train(
    setting: Setting, seed: int, watch_at: tuple[int, ...] = ()
) -> dict[int, Network]:
    """Trains a network on points that are drawn once.

    Args:
        setting: `Setting`.
        seed: Integer >= 0, from which points, weights and order follow.
        watch_at: Steps, multiples of `PORTION`, 0 included or not.

    Returns:
        Dict from each of these steps, and from the last one, to the network
        then, in order.
    """
    start = initial(setting, seed)
    x = targets.points(ROWS, np.random.default_rng([seed, 0]))
    y = targets.target(x, setting.frequency)[:, None]
    found = {0: start} if 0 in watch_at else {}

    def watch(epochs, weights, loss):
        del loss
        step = epochs * PORTION
        if step in watch_at or step == setting.steps:
            found[step] = Network(setting.form, weights)

    fitting.fit(
        setting.form,
        start.weights,
        fitting.Rows.of(x, y),
        fitting.Plan(
            "squared",
            epochs=setting.steps // PORTION,
            batches=PORTION,
            learning_rate=setting.learning_rate,
            seed=seed,
        ),
        watch=watch,
        watch_at=tuple(step // PORTION for step in watch_at if step),
    )
    return found


def held_out_share(network: Network, frequency: int, seed: int) -> float:
    """The share unexplained of a target on points that no training has."""
    x = targets.points(HELD_OUT, np.random.default_rng([seed, 1]))
    return targets.share_unexplained(network(x), targets.target(x, frequency))
