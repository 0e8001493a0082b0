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

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.complexity import cycle as cycles_of
from dlgn_tf.complexity import disentangler as nets
from dlgn_tf.complexity import resampling, tables
from dlgn_tf.complexity.cycle import CycleSettings
from dlgn_tf.complexity.distillation import (
    Draws,
    distil,
    outputs_of,
    shown_epochs,
)
from dlgn_tf.complexity.features import Feature, image_batches, output_feature
from dlgn_tf.complexity.finished_nets import FinishedNets, described_by
from dlgn_tf.complexity.ladder import (
    Ladder,
    LadderSettings,
    table_line,
    train_missing,
)
from dlgn_tf.complexity.resampling import ResampledCovariance
from dlgn_tf.complexity.shared_feature import CYCLES, SharedFeature
from dlgn_tf.complexity.unit import MEASURED, unit_of
from dlgn_tf.errors import UserError
from dlgn_tf.models.seeds import initial_weights_from

# Apart from the draws of the ladder, and of each other.
_SHARED_STREAM, _CYCLE_STREAM = 10_000, 20_000


@dataclasses.dataclass(frozen=True)
class ReliabilitySettings:
    """How the shared nets psi are trained, and the back maps."""

    shared: LadderSettings = LadderSettings(batch_sizes=((8, 64), (32, 32)))
    cycle: CycleSettings = CycleSettings()


def train_shared(
    features: Sequence[Feature],
    images: Array,
    settings: ReliabilitySettings,
    directory: str | os.PathLike | None = None,
    progress: bool = True,
) -> dict:
    """Trains what several networks share, order after order.

    Args:
        features: Of one height and width; the first is that of the network
            under study, the others of exemplary ones.
        images: uint8 array `(n, height, width, channels)`; no labels are used.
        settings: Of the shared nets and of the back maps.
        directory: Where finished orders are kept, as by
            `dlgn_tf.complexity.ladder.train_ladder`, or None.
        progress: Whether to show how far trainings are.

    Returns:
        Dict from order to `SharedFeature`.

    Raises:
        UserError: if there are fewer than two features, one is constant, they
            do not fit together, or the directory holds other nets.
    """
    _check(features)
    units = [unit_of(feature, images[:MEASURED]) for feature in features]
    in_units = [u.feature(f) for u, f in zip(units, features, strict=True)]
    draws = Draws(in_units, images, settings.shared.training, progress)

    def train(order, below):
        shared = SharedFeature(
            _new_net(features, units, order, settings.shared)
        )
        if settings.shared.warm_start and below is not None:
            below = SharedFeature(below)
            nets.warm_start(below.psi, shared.psi)
            shared.back = below.back
        errors = _train_there(shared, order, draws, settings.shared, progress)
        psi = output_feature("psi", shared.psi, features[0])
        shared.back = _back_maps(psi, shared, order, images, settings, progress)
        line = table_line(shared.net, errors)
        return shared.net, {**line, "back_maps": settings.cycle.method}

    described = dataclasses.asdict(settings)
    described["shared"].pop("orders")
    finished = FinishedNets(
        directory, {**described_by(features, images), **described}
    )
    networks = train_missing(settings.shared.orders, finished, train)
    return {order: SharedFeature(net) for order, net in networks.items()}


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
    seed_of_psi = seed + order + _SHARED_STREAM
    psi = nets.net_for(first, order, settings.width, seed_of_psi)
    with initial_weights_from(seed + order + _CYCLE_STREAM):
        there = [
            _linear(f.shape[-1], f"forward{k}")(psi.output)
            for k, f in enumerate(features, start=1)
        ]
        back = [
            _linear(first.shape[-1], f"back{k}")(g)
            for k, g in enumerate(there, start=1)
        ]
        # After the back maps, so that these have the features in their units.
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


def _train_there(shared, order, draws, settings, progress):
    """Trains psi and the ways to the features in their units: errors."""
    training = settings.training
    in_units = [
        shared.net.get_layer(f"forward{k}").output
        for k, _ in enumerate(shared.forward, start=1)
    ]
    return distil(
        keras.Model(shared.net.inputs, in_units, name=shared.net.name),
        draws,
        _SHARED_STREAM + order,
        training,
        settings.batch_size(order),
        shown_epochs(f"order {order}, shared", training.epochs, progress),
    )


def _back_maps(psi, shared, order, images, settings, progress):
    cycle = settings.cycle
    if cycle.method == "truncated_svd":
        moment = _second_moment(psi, images)
        return cycles_of.truncated_back_maps(
            shared.forward, moment, cycle.cutoff
        )
    training = dataclasses.replace(
        settings.shared.training,
        epochs=cycle.epochs * cycle.phases,
        draws=cycle.draws,
    )
    draws = Draws([psi], images, training, progress)
    return cycles_of.train_back_maps(
        lambda phase: draws.at(_CYCLE_STREAM + order, phase)[1][0],
        shared.forward,
        cycle,
        shared.back,
        shown_epochs(f"order {order}, back maps", cycle.epochs, progress),
    )


def _second_moment(psi, images):
    """E[psi psi'] over images and positions, float64 array `(C, C)`."""
    total, rows = 0.0, 0
    for batch in image_batches(images):
        values = psi.trunk(images[batch]).astype("float64")
        values = values.reshape(-1, values.shape[-1])
        total, rows = total + values.T @ values, rows + len(values)
    return total / rows


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Shares of variance that are reliable.

    Attributes:
        orders: Those that were measured, from low to high.
        covariances: Dict from cycles U to a float64 array: covariances of f,
            then Phi of each order, then the reliable part of each. U = 0 is
            without cycles.
        images: Over how many.
        resampled: Dict from cycles to the same covariances of images drawn
            again, `(resamples, parts, parts)`; empty where that was not asked
            for.
    """

    orders: tuple[int, ...]
    covariances: dict[int, Array]
    images: int
    resampled: dict[int, Array] = dataclasses.field(default_factory=dict)

    def ratio(self, cycles: int = CYCLES[0]) -> Array:
        """rho_reli(l) = Var[Phi(l)_reli] / Var[Phi(l)], all orders up to l.

        A float64 array `(orders,)`. The authors' lie between 0.27 and 0.84,
        and without any cycle, U = 0, between 0.61 and 0.95.

        Args:
            cycles: U, one of those that were measured.
        """
        return _ratio(self.covariances[cycles])

    def components(self, cycles: int = CYCLES[0]) -> tuple[Array, Array]:
        """rho_c(l)_reli and rho_c(l)_unreli: two float64 arrays `(orders,)`.

        Variances of the reliable and the unreliable part of each component,
        over Var[f]. They need not add up to that of the component.
        """
        return _components(self.covariances[cycles])

    def descriptor(self, cycles: int = CYCLES[0]) -> Array:
        """Reliable, then unreliable shares: 8 numbers of four orders."""
        return np.concatenate(self.components(cycles))

    def rows(self) -> list[dict]:
        """A table, one dict per order and number of cycles.

        With resamples it has the ends of 95% intervals, too, as that of
        `Significance`.
        """
        rows = []
        for cycles, matrix in self.covariances.items():
            columns = {"order": self.orders, "cycles": cycles}
            columns |= {**_columns(matrix), "images": self.images}
            if cycles in self.resampled:
                again = _columns(self.resampled[cycles])
                columns |= resampling.interval_columns(again)
            rows += tables.by_order(columns)
        return rows


def _columns(matrix):
    """Shares of covariances `(..., parts, parts)`: `(..., orders)` by name."""
    reliable, unreliable = _components(matrix)
    return {
        "reliability": _ratio(matrix),
        "reliable_component": reliable,
        "unreliable_component": unreliable,
    }


def _ratio(matrix):
    variances = np.diagonal(matrix, axis1=-2, axis2=-1)[..., 1:]
    whole, reliable = np.split(variances, 2, axis=-1)
    return reliable / whole


def _components(matrix):
    count = (matrix.shape[-1] - 1) // 2
    # What each component is of Phi, or of its reliable part.
    differences = np.eye(count) - np.eye(count, k=-1)
    none = np.zeros((count, 1))
    reliable = np.hstack([none, np.zeros_like(differences), differences])
    whole = np.hstack([none, differences, np.zeros_like(differences)])
    variance = matrix[..., :1, 0]
    reliable, unreliable = (
        np.einsum("la,...ab,lb->...l", part, matrix, part) / variance
        for part in (reliable, whole - reliable)
    )
    return reliable, unreliable


def measure_reliability(
    feature: Feature,
    ladder: Ladder,
    shared: dict,
    images: Array,
    cycles: Sequence[int] = CYCLES,
    batch_size: int | None = None,
    resamples: int = 0,
) -> Reliability:
    """How reliable a network's components are.

    Args:
        feature: That of the network under study.
        ladder: Its nets.
        shared: What `train_shared` returned, with this feature the first; the
            orders that both have are measured.
        images: Array `(n, height, width, channels)`, taken as they are.
        cycles: Integers U; 0 is added.
        batch_size: Integer >= 1, images at a time. Defaults to 1000 of 32x32x3,
            and to fewer of larger ones.
        resamples: As for `measure_significance`; the same images count.

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
    parts = 2 * len(orders) + 1
    streams = {u: ResampledCovariance(parts, resamples) for u in wanted}
    for batch in image_batches(images, batch_size):
        f, outputs = feature.trunk(images[batch]), ladder.outputs(images[batch])
        whole = [outputs[order] for order in orders]
        psi = {o: outputs_of(shared[o].psi, images[batch]) for o in orders}
        for u, stream in streams.items():
            reliable = [shared[o].reliable(psi[o], u) for o in orders]
            stream.add([f, *whole, *reliable])
    count = streams[0].count
    return Reliability(
        orders,
        {u: s.matrix() for u, s in streams.items()},
        count,
        {u: s.resampled() for u, s in streams.items()} if resamples else {},
    )
