"""The ladder: disentangler nets of one order after another, kept on disk.

An order that is finished is a .keras file and a line of a table; a ladder that
was stopped goes on with the first order that is not.
"""

import dataclasses
import os
import time
from typing import Any

from numpy import ndarray as Array

from dlgn_tf.command.progress import Progress
from dlgn_tf.complexity import disentangler as nets
from dlgn_tf.complexity.distillation import (
    Distillation,
    Draws,
    distil,
    outputs_of,
)
from dlgn_tf.complexity.features import Feature
from dlgn_tf.complexity.finished_nets import FinishedNets, described_by
from dlgn_tf.complexity.unit import MEASURED, InUnit, unit_of
from dlgn_tf.errors import UserError

# Batch sizes of the small settings.
_SMALL = ((32, 16),)


@dataclasses.dataclass(frozen=True)
class LadderSettings:
    """Which nets are trained, and how.

    The defaults are the authors' (their code), orders as in their figures.

    Attributes:
        orders: Tuple of integers 3m + 1.
        width: Float > 0, r of the disentangler nets.
        warm_start: Boolean. Whether each net starts from the one before it.
        batch_sizes: Tuple of pairs (most blocks m, batch size).
        training: `Distillation`.
    """

    orders: tuple = nets.ORDERS
    width: float = 1.0
    warm_start: bool = True
    batch_sizes: tuple = ((4, 128), (16, 64), (32, 32))
    training: Distillation = Distillation()

    def __post_init__(self):
        for order in self.orders:
            nets.blocks_of(order)
        if list(self.orders) != sorted(set(self.orders)) or not self.orders:
            raise UserError(
                "Expected orders from the lowest to the highest, each once. "
                f"Received: {self.orders}"
            )

    @classmethod
    def seconds(cls, seed: int = 0, **changes: Any) -> "LadderSettings":
        """Nets of r = 1/16, 20 epochs of 1000 images, for claims and tests.

        Batches of 16 and no augmentation (assumed): with the paper's 128 so
        short a training ends after 160 steps, before a net explains anything.
        With 16 too a net is far from the best of its order.
        """
        training = Distillation(20, 1000, augmentation="none", seed=seed)
        small = {"width": 1 / 16, "batch_sizes": _SMALL, "training": training}
        return cls(**{**small, **changes})

    def batch_size(self, order: int) -> int:
        """Images of a training step of the net of an order."""
        blocks = nets.blocks_of(order)
        for most, size in self.batch_sizes:
            if blocks <= most:
                return size
        return self.batch_sizes[-1][1]


class Ladder:
    """Trained disentangler nets of several orders.

    Attributes:
        networks: Dict from order to `keras.Model`, images -> feature, from the
            lowest order to the highest.
    """

    def __init__(self, networks: dict) -> None:
        self.networks = {order: networks[order] for order in sorted(networks)}

    @property
    def orders(self) -> tuple:
        return tuple(self.networks)

    def outputs(self, images: Array) -> dict:
        """Phi of every order on images, in evaluation mode.

        Args:
            images: Array `(n, height, width, channels)`.

        Returns:
            Dict from order to float32 array `(n, *feature shape)`.
        """
        return {
            order: outputs_of(net, images)
            for order, net in self.networks.items()
        }


def train_ladder(
    feature: Feature,
    images: Array,
    settings: LadderSettings,
    directory: str | os.PathLike | None = None,
    progress: bool = True,
) -> Ladder:
    """Trains a disentangler net of every order on a feature.

    Nets learn the feature in its unit, see `dlgn_tf.complexity.unit`, and give
    it in its own.

    Args:
        feature: `Feature`.
        images: uint8 array `(n, height, width, channels)`; no labels are used.
        settings: `LadderSettings`.
        directory: Path-like where nets are kept, `order_04.keras` and so on,
            with a line each in `nets.csv`; what is finished there is read
            and not trained again. None: nothing is kept.
        progress: Boolean. Whether to show it.

    Returns:
        `Ladder`.

    Raises:
        UserError: if the feature is constant, or the directory holds a ladder
            of other settings or another feature.
    """
    unit = unit_of(feature, images[:MEASURED])
    finished = FinishedNets(directory, _description(feature, images, settings))
    draws, lower = None, None
    networks: dict = {}
    for order in settings.orders:
        net = finished.read(order, lower)
        if net is None:
            draws = draws or Draws(
                [InUnit(feature, unit)], images, settings.training, progress
            )
            net = _new_net(feature, unit, settings, order, networks.get(lower))
            line = _train(net, draws, order, settings, progress)
            finished.write(order, lower, net, line)
        networks[order], lower = net, order
    return Ladder(networks)


def _new_net(feature, unit, settings, order, below):
    net = nets.disentangler(
        order,
        feature.shape,
        feature.image_shape,
        settings.width,
        feature.normalization,
        unit=unit,
        seed=settings.training.seed + order,
    )
    if settings.warm_start and below is not None:
        nets.warm_start(below, net)
    return net


def _train(net, draws, order, settings, progress):
    """Trains one net; returns what the table says of it."""
    training = settings.training
    shown = Progress(
        f"order {order}", 0, training.epochs, "epoch", silent=not progress
    )
    began = time.perf_counter()
    errors = distil(
        nets.in_unit(net),
        draws,
        order,
        training,
        settings.batch_size(order),
        lambda done, error: shown.update(
            done, {"error": error}, line=done == training.epochs
        ),
    )
    return {
        "parameters": nets.parameters(net),
        "epochs": training.epochs,
        "first_error": float(errors[0]),
        "last_error": float(errors[-1]),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _description(feature, images, settings):
    """What decides about the nets, but for which orders there are."""
    described = dataclasses.asdict(settings)
    described.pop("orders")
    return {**described_by([feature], images), **described}
