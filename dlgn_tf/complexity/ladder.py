"""The ladder: disentangler nets of one order after another, kept on disk.

An order that is finished is a .keras file and a line of a table; a ladder that
was stopped goes on with the first order that is not.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
from numpy import ndarray as Array

from dlgn_tf.complexity import disentangler as nets
from dlgn_tf.complexity.distillation import (
    Distillation,
    Draws,
    distil,
    outputs_of,
    shown_epochs,
)
from dlgn_tf.complexity.features import Feature
from dlgn_tf.complexity.finished_nets import FinishedNets, described_by
from dlgn_tf.complexity.unit import MEASURED, unit_of
from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class LadderSettings:
    """Which nets are trained, and how.

    The defaults are the authors' (their code), orders as in their figures.

    Attributes:
        orders: 3m + 1, from the lowest to the highest.
        width: > 0, r of the disentangler nets.
        warm_start: Whether each net starts from the one before it.
        batch_sizes: Pairs (most blocks m, batch size).
        training: Of every net.
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
        small = {
            "width": 1 / 16,
            "batch_sizes": ((32, 16),),
            "training": training,
        }
        return cls(**{**small, **changes})

    def columns(self) -> dict:
        """The budget of a net as columns of a table."""
        training = self.training
        budget = {"epochs": training.epochs, "draws": training.draws}
        return {"r": self.width, **budget}

    def budget(self) -> str:
        """The same in words."""
        training = self.training
        return (
            f"disentangler nets of r = {self.width:g}, {training.epochs} "
            f"epochs of {training.draws} images each, augmentation "
            f"{training.augmentation}"
        )

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

        A dict from order to float32 array `(n, *feature shape)`.
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
        feature: What nets imitate.
        images: uint8 array `(n, height, width, channels)`; no labels are used.
        settings: Which nets, and how they are trained.
        directory: Where nets are kept, `order_04.keras` and so on, with a line
            each in `nets.csv`; what is finished there is read and not trained
            again. None: nothing is kept.
        progress: Whether to show how far trainings are.

    Raises:
        UserError: if the feature is constant, or the directory holds a ladder
            of other settings or another feature.
    """
    unit = unit_of(feature, images[:MEASURED])
    training = settings.training
    draws = Draws([unit.feature(feature)], images, training, progress)

    def train(order, below):
        seed = training.seed + order
        net = nets.net_for(feature, order, settings.width, seed, unit)
        if settings.warm_start and below is not None:
            nets.warm_start(below, net)
        began = time.perf_counter()
        errors = distil(
            nets.in_unit(net),
            draws,
            order,
            training,
            settings.batch_size(order),
            shown_epochs(f"order {order}", training.epochs, progress),
        )
        seconds = round(time.perf_counter() - began, 1)
        return net, {**table_line(net, errors), "seconds": seconds}

    described = dataclasses.asdict(settings)
    # Directories may hold ladders of more orders and of fewer.
    described.pop("orders")
    finished = FinishedNets(
        directory, {**described_by([feature], images), **described}
    )
    return Ladder(train_missing(settings.orders, finished, train))


def train_missing(
    orders: Sequence[int], finished: FinishedNets, train: Callable
) -> dict:
    """Reads the nets that are finished, and trains and keeps the others.

    Args:
        orders: From low to high.
        finished: Where nets are kept.
        train: Function of an order and of the net of the next lower one, or
            None, that returns a trained net and its line of the table.

    Returns:
        Dict from order to net.
    """
    networks: dict = {}
    lower = None
    for order in orders:
        net = finished.read(order, lower)
        if net is None:
            net, line = train(order, networks.get(lower))
            finished.write(order, lower, net, line)
        networks[order], lower = net, order
    return networks


def table_line(net: keras.Model, errors: Array) -> dict:
    """What `nets.csv` says of a net and of its errors, epoch by epoch."""
    return {
        "parameters": nets.parameters(net),
        "epochs": len(errors),
        "first_error": float(errors[0]),
        "last_error": float(errors[-1]),
    }
