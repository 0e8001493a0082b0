"""Back and forth between networks: what all of them use stays.

psi is a feature that several networks share; network k makes its own feature
g_k(psi) of it, and h_k leads back. All maps are linear in the channels, so one
cycle, the mean over the networks of h_k(g_k(psi)), is a matrix T. Where h_k is
the best way back, a direction of psi that q of N networks use is multiplied by
about q / N in a cycle: what all use stays, the rest fades.

Kernels act from the right: g_k(psi) = psi G_k.

Source: Ren et al. (arXiv 2006.15920), section 5, equations (3) to (5).
"""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf import factorizations
from dlgn_tf.command import startup
from dlgn_tf.errors import check_choice
from dlgn_tf.models.graphs import graph_of

tf = startup.tensorflow()

METHODS = ("budgeted", "truncated_svd")


@dataclasses.dataclass(frozen=True)
class CycleSettings:
    """How the back maps h_k are found.

    The defaults are the authors' (text and code).

    Attributes:
        method: `"budgeted"`, with Adam and so many epochs, as the paper does;
            or `"truncated_svd"`, least squares in closed form. Where every g_k
            can be inverted the exact optimum removes nothing, and what is
            published then depends on the budget, or here on the cutoff.
        epochs: Each is a sweep over all phases.
        phases: M. Phase t trains the back maps of cycle t - 1.
        draws: Images of a phase of an epoch.
        batch_size: Images of a step.
        first_rate: > 0, learning rate of the first epoch.
        last_rate: > 0, that of the last.
        cutoff: Singular values below this share of the largest count as 0, of
            `"truncated_svd"` (assumed).
    """

    method: str = "budgeted"
    epochs: int = 100
    phases: int = 10
    draws: int = 2000
    batch_size: int = 64
    first_rate: float = 1e-3
    last_rate: float = 1e-4
    cutoff: float = 1e-2

    def __post_init__(self):
        check_choice("method", self.method, METHODS)

    @property
    def rates(self) -> Array:
        """Learning rate of each epoch."""
        return np.geomspace(self.first_rate, self.last_rate, self.epochs)


def cycle_matrix(forward: Sequence[Array], back: Sequence[Array]) -> Array:
    """T, what one cycle multiplies psi by: float64 array `(C, C)`.

    Args:
        forward: Arrays `(C, C_k)`, the kernels G_k.
        back: Arrays `(C_k, C)`, the kernels H_k.
    """
    there_and_back = [
        np.asarray(g, "float64") @ np.asarray(h, "float64")
        for g, h in zip(forward, back, strict=True)
    ]
    return np.mean(there_and_back, axis=0)


def reliable_matrix(
    forward: Sequence[Array], back: Sequence[Array], cycles: int
) -> Array:
    """What leads from psi to the reliable feature of the first network.

    A float64 array `(C, C_1)`, of kernels as `cycle_matrix` takes them. Of U =
    0 `cycles` it leads to the first network's feature of the shared one.
    """
    cycled = np.linalg.matrix_power(cycle_matrix(forward, back), cycles)
    return cycled @ np.asarray(forward[0], "float64")


def truncated_back_maps(
    forward: Sequence[Array], moment: Array, cutoff: float
) -> list[Array]:
    """The back maps of least squares over given psi.

    h_k minimises E |h_k(g_k(psi)) - psi|^2 over directions of g_k(psi) that are
    not too small.

    Args:
        forward: Arrays `(C, C_k)`.
        moment: float64 array `(C, C)`, E[psi psi'] over images and
            positions.
        cutoff: See `CycleSettings`.

    Returns:
        float64 arrays `(C_k, C)`.
    """
    sizes, axes = factorizations.eigh(moment)
    root = (axes * np.sqrt(np.clip(sizes, 0, None))) @ axes.T
    return [
        factorizations.pinv(root @ np.asarray(g, "float64"), cutoff) @ root
        for g in forward
    ]


def train_back_maps(
    psi_at: Callable,
    forward: Sequence[Array],
    settings: CycleSettings,
    start: Sequence[Array],
    after_epoch: Callable | None = None,
) -> list[Array]:
    """Trains the back maps with Adam, phase by phase.

    Phase t minimises its own sum over the networks, the mean squared distance
    of h_k(g_k(psi_{t-1})) from psi_{t-1}, which is computed anew with the h_k
    of the moment and taken as given.

    Args:
        psi_at: Function from an index to psi of that draw of images, float32
            array `(draws, ..., C)`.
        forward: Arrays `(C, C_k)`.
        settings: How they are trained.
        start: Arrays `(C_k, C)`, the h_k to start from.
        after_epoch: Function of the number of epochs done and of the last
            phase's mean error, or None.

    Returns:
        float32 arrays `(C_k, C)`.
    """
    phase = _Phase(forward, start)
    for epoch, rate in enumerate(settings.rates):
        for number in range(settings.phases):
            psi = psi_at(epoch * settings.phases + number)
            error = phase(psi, number, rate, settings.batch_size)
        if after_epoch:
            after_epoch(epoch + 1, error)
    return [np.array(h) for h in phase.back]


class _Phase:
    """Adam over the batches of a phase, in one graph.

    A batch enters by its second moment M alone: after t cycles that is
    (T^t)' M T^t, and the mean squared distance of psi G H from psi is the trace
    of (G H - 1)' M (G H - 1) over C. So a step takes products of C x C
    matrices, however large the batch.
    """

    def __init__(self, forward, start):
        self._forward = [tf.constant(g, tf.float32) for g in forward]
        self.back = [keras.Variable(h, dtype="float32") for h in start]
        self._adam = keras.optimizers.Adam(1e-3)
        self._adam.build(self.back)
        self._graph = graph_of(self._run, reduce_retracing=True)

    def __call__(self, psi, cycles, rate, batch_size):
        """Trains on psi after so many cycles; returns the mean error."""
        self._adam.learning_rate.assign(rate)
        moments = [
            _moment(psi[first : first + batch_size])
            for first in range(0, len(psi), batch_size)
        ]
        errors = self._graph(
            tf.constant(np.array(moments)), tf.constant(cycles)
        )
        return float(errors) / len(moments)

    def _run(self, moments, cycles):
        total = tf.constant(0.0)
        for moment in moments:
            cycle = tf.add_n(self._there_and_back()) / len(self.back)
            for _ in tf.range(cycles):
                moment = tf.matmul(cycle, moment @ cycle, transpose_a=True)
            total += self._step(tf.stop_gradient(moment))
        return total

    def _there_and_back(self):
        return [
            g @ h.value for g, h in zip(self._forward, self.back, strict=True)
        ]

    def _step(self, moment):
        channels = moment.shape[-1]
        with tf.GradientTape() as tape:
            off = [way - tf.eye(channels) for way in self._there_and_back()]
            error = tf.add_n([tf.reduce_sum(a * (moment @ a)) for a in off])
            error /= channels
        gradients = tape.gradient(error, [h.value for h in self.back])
        self._adam.apply(gradients, self.back)
        return error


def _moment(psi):
    rows = psi.reshape(-1, psi.shape[-1])
    return rows.T @ rows / np.float32(len(rows))
