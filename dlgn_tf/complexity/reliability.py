"""Which part of a component other networks of the same task compute too.

For each order one disentangler net psi is trained with a linear map g_k for
each of several networks, so that g_k(psi) is the feature of network k. Cycles
through all of them (see `dlgn_tf.complexity.cycle`) leave what they share: the
reliable part. Features are in their units, see `dlgn_tf.complexity.unit`, so
that each network weighs as much as the others (assumed: the authors' error is
that of the features themselves).

Source: Ren et al. (arXiv 2006.15920), section 5.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.command.progress import Progress
from dlgn_tf.complexity import cycle as cycles_of
from dlgn_tf.complexity import disentangler as nets
from dlgn_tf.complexity.covariance import PartCovariance
from dlgn_tf.complexity.cycle import CycleSettings
from dlgn_tf.complexity.distillation import Draws, distil, outputs_of
from dlgn_tf.complexity.features import Feature
from dlgn_tf.complexity.finished_nets import FinishedNets, described_by
from dlgn_tf.complexity.ladder import Ladder, LadderSettings
from dlgn_tf.complexity.shared_feature import CYCLES, SharedFeature
from dlgn_tf.complexity.unit import MEASURED, InUnit, unit_of
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import initial_weights_from
from dlgn_tf.models.evaluation import batches

_AT_A_TIME = 1000
# Apart from the draws of the ladder, and of each other.
_SHARED_STREAM, _CYCLE_STREAM = 10_000, 20_000


@dataclasses.dataclass(frozen=True)
class ReliabilitySettings:
    """How the shared nets are trained, and the ways back.

    Attributes:
        shared: `LadderSettings` of the nets psi.
        cycle: `CycleSettings` of the back maps.
    """

    shared: LadderSettings = LadderSettings(batch_sizes=((8, 64), (32, 32)))
    cycle: CycleSettings = CycleSettings()

    @classmethod
    def seconds(cls, seed: int = 0, **changes: Any) -> "ReliabilitySettings":
        """Nets as `LadderSettings.seconds`, back maps of 30 short epochs."""
        return cls(
            LadderSettings.seconds(seed, **changes),
            CycleSettings(epochs=30, draws=256, batch_size=16),
        )


def train_shared(
    features: Sequence[Feature],
    images: Array,
    settings: ReliabilitySettings,
    directory: str | os.PathLike | None = None,
    progress: bool = True,
) -> dict:
    """Trains what several networks share, order after order.

    Args:
        features: List of `Feature` of one height and width; the first is the
            network under study, the others are exemplary ones.
        images: uint8 array `(n, height, width, channels)`; no labels are used.
        settings: `ReliabilitySettings`.
        directory: Path-like where finished orders are kept, as by
            `dlgn_tf.complexity.ladder.train_ladder`, or None.
        progress: Boolean. Whether to show it.

    Returns:
        Dict from order to `SharedFeature`.

    Raises:
        UserError: if there are fewer than two features, one is constant, they
            do not fit together, or the directory holds other nets.
    """
    _check(features)
    description = dataclasses.asdict(settings)
    description["shared"].pop("orders")
    units = [unit_of(feature, images[:MEASURED]) for feature in features]
    finished = FinishedNets(
        directory, {**described_by(features, images), **description}
    )
    draws, lower = None, None
    shared_nets: dict = {}
    for order in settings.shared.orders:
        net = finished.read(order, lower)
        if net is None:
            draws = draws or Draws(
                [InUnit(f, u) for f, u in zip(features, units, strict=True)],
                images,
                settings.shared.training,
                progress,
            )
            net = _new_net(features, units, order, settings.shared)
            shared, below = SharedFeature(net), shared_nets.get(lower)
            if settings.shared.warm_start and below:
                nets.warm_start(below.psi, shared.psi)
                shared.back = below.back
            line = _train(shared, order, images, draws, settings, progress)
            finished.write(order, lower, net, line)
        shared_nets[order], lower = SharedFeature(net), order
    return shared_nets


def _check(features):
    if len(features) < 2:
        raise UserError(
            "Expected at least two networks, to see what they share. "
            f"Received: {len(features)}"
        )
    sides = {(f.shape[:-1], f.image_shape) for f in features}
    if len(sides) > 1:
        raise UserError(
            "Expected features of one height and width, of images of one "
            f"shape. Received: {', '.join(str(f.shape) for f in features)}"
        )


def _new_net(features, units, order, settings):
    """psi, forward and back maps: images -> all g_k(psi), all h_k(g_k(psi))."""
    first, seed = features[0], settings.training.seed
    psi = nets.disentangler(
        order,
        first.shape,
        first.image_shape,
        settings.width,
        first.normalization,
        seed=seed + order + _SHARED_STREAM,
    )
    with initial_weights_from(seed + order + _CYCLE_STREAM):
        there = [
            _linear(f.shape[-1], f"forward{k}")(psi.output)
            for k, f in enumerate(features, start=1)
        ]
        back = [
            _linear(first.shape[-1], f"back{k}")(g)
            for k, g in enumerate(there, start=1)
        ]
        # After the ways back, so that these have the features in their units.
        there = [
            unit.back(g, f"unit{k}")
            for k, (unit, g) in enumerate(
                zip(units, there, strict=True), start=1
            )
        ]
    return keras.Model(psi.input, [*there, *back], name=f"shared{order}")


def _linear(channels, name):
    """On channels: a 1x1 convolution without biases."""
    return keras.layers.Dense(
        channels, use_bias=False, kernel_initializer="he_normal", name=name
    )


def _train(shared, order, images, draws, settings, progress):
    training = settings.shared.training
    in_units = [
        shared.net.get_layer(f"forward{k}").output
        for k, _ in enumerate(shared.forward, start=1)
    ]
    net = keras.Model(shared.net.inputs, in_units, name=shared.net.name)
    errors = distil(
        net,
        draws,
        _SHARED_STREAM + order,
        training,
        settings.shared.batch_size(order),
        _shown(f"order {order}, shared", training.epochs, progress),
    )
    shared.back = _back_maps(shared, order, images, settings, progress)
    return {
        "parameters": nets.parameters(net),
        "epochs": training.epochs,
        "first_error": float(errors[0]),
        "last_error": float(errors[-1]),
        "back_maps": settings.cycle.method,
    }


def _back_maps(shared, order, images, settings, progress):
    cycle = settings.cycle
    if cycle.method == "truncated_svd":
        moment = _second_moment(shared.psi, images)
        return cycles_of.truncated_back_maps(
            shared.forward, moment, cycle.cutoff
        )
    training = dataclasses.replace(
        settings.shared.training,
        epochs=cycle.epochs * cycle.phases,
        draws=cycle.draws,
    )
    draws = Draws([_Trunk(shared.psi)], images, training, progress)
    return cycles_of.train_back_maps(
        lambda phase: draws.at(_CYCLE_STREAM + order, phase)[1][0],
        shared.forward,
        cycle,
        shared.back,
        _shown(f"order {order}, ways back", cycle.epochs, progress),
    )


def _shown(title, epochs, progress):
    shown = Progress(title, 0, epochs, "epoch", silent=not progress)
    return lambda done, error: shown.update(
        done, {"error": error}, line=done == epochs
    )


def _second_moment(psi, images):
    """E[psi psi'] over images and places, float64 array `(C, C)`."""
    total, rows = 0.0, 0
    for batch in batches(len(images), _AT_A_TIME):
        values = outputs_of(psi, images[batch]).astype("float64")
        values = values.reshape(-1, values.shape[-1])
        total, rows = total + values.T @ values, rows + len(values)
    return total / rows


class _Trunk:
    """A frozen net in the place of a feature to draw from."""

    def __init__(self, net):
        self._net = net
        self.shape = tuple(net.output_shape[1:])
        self.size = int(np.prod(self.shape))

    def trunk(self, images):
        return outputs_of(self._net, images)


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Shares of variance that are reliable.

    Attributes:
        orders: Tuple of integers.
        covariances: Dict from cycles U to a float64 array: covariances of f,
            then Phi of each order, then the reliable part of each. U = 0 is
            without cycles.
        images: Integer, over how many.
    """

    orders: tuple
    covariances: dict
    images: int

    def ratio(self, cycles: int = CYCLES[0]) -> Array:
        """rho_reli(l) = Var[Phi(l)_reli] / Var[Phi(l)], all orders up to l.

        Args:
            cycles: Integer U, one of those that were measured. 0 is the ratio
                without any cycle; the authors' lie between 0.61 and 0.95, and
                with cycles between 0.27 and 0.84.

        Returns:
            float64 array `(orders,)`.
        """
        variances = np.diag(self.covariances[cycles])
        whole, reliable = np.split(variances[1:], 2)
        return reliable / whole

    def components(self, cycles: int = CYCLES[0]) -> tuple[Array, Array]:
        """rho_c(l)_reli and rho_c(l)_unreli: two float64 arrays `(orders,)`.

        Variances of the reliable and the unreliable part of each component,
        over Var[f]. They need not add up to that of the component.
        """
        matrix = self.covariances[cycles]
        count = len(self.orders)
        # What each component is of Phi, or of its reliable part.
        differences = np.eye(count) - np.eye(count, k=-1)
        none = np.zeros((count, 1))
        reliable = np.hstack([none, np.zeros_like(differences), differences])
        whole = np.hstack([none, differences, np.zeros_like(differences)])
        reliable, unreliable = (
            np.einsum("la,ab,lb->l", part, matrix, part) / matrix[0, 0]
            for part in (reliable, whole - reliable)
        )
        return reliable, unreliable

    def descriptor(self, cycles: int = CYCLES[0]) -> Array:
        """Reliable, then unreliable shares: 8 numbers of four orders."""
        return np.concatenate(self.components(cycles))

    def rows(self) -> list:
        """A table, one dict per order and number of cycles."""
        return [
            {
                "order": order,
                "cycles": cycles,
                "reliability": float(ratio),
                "reliable_component": float(reliable),
                "unreliable_component": float(unreliable),
                "images": self.images,
            }
            for cycles in self.covariances
            for order, ratio, reliable, unreliable in zip(
                self.orders,
                self.ratio(cycles),
                *self.components(cycles),
                strict=True,
            )
        ]


def measure_reliability(
    feature: Feature,
    ladder: Ladder,
    shared: dict,
    images: Array,
    cycles: Sequence[int] = CYCLES,
    batch_size: int = _AT_A_TIME,
) -> Reliability:
    """How reliable a network's components are.

    Args:
        feature: `Feature` of the network under study.
        ladder: `Ladder` of it.
        shared: What `train_shared` returned, with this feature the first; the
            orders that both have are measured.
        images: Array `(n, height, width, channels)`, taken as they are.
        cycles: Sequence of integers U; 0 is added.
        batch_size: Integer >= 1, images at a time.

    Returns:
        `Reliability`.

    Raises:
        UserError: if there is no common order.
    """
    orders = tuple(order for order in ladder.orders if order in shared)
    if not orders:
        raise UserError(
            "Expected shared features of the ladder's orders. Received: "
            f"{sorted(shared)} for {ladder.orders}"
        )
    wanted = sorted({0, *cycles})
    streams = {u: PartCovariance(2 * len(orders) + 1) for u in wanted}
    for batch in batches(len(images), batch_size):
        f, outputs = feature.trunk(images[batch]), ladder.outputs(images[batch])
        whole = [outputs[order] for order in orders]
        psi = {o: outputs_of(shared[o].psi, images[batch]) for o in orders}
        for u, stream in streams.items():
            reliable = [shared[o].reliable_of(psi[o], u) for o in orders]
            stream.add([f, *whole, *reliable])
    count = streams[0].count
    return Reliability(
        orders, {u: s.matrix() for u, s in streams.items()}, count
    )
