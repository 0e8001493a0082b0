"""The published networks on oblique-tree labels, trained as published.

Source: Banerjee et al. (ICLR 2025), and their notebooks: Adam, 10 batches an
epoch, up to 1,500 epochs, the epoch with the best validation accuracy.
"""

import functools
import typing

import numpy as np

from dlgn_tf.tabular import fitting, networks
from dlgn_tf.tabular.fitting import Fitted, Plan, Rows
from dlgn_tf.tabular.networks import Form
from dlgn_tf.tabular.trees import data
from dlgn_tf.tabular.trees.data import Task
from dlgn_tf.tabular.trees.half_spaces import HalfSpaces, half_spaces

EPOCHS, BATCHES = 1500, 10


class Published(typing.NamedTuple):
    """A row of the table: settings, and the test accuracy in [0, 1].

    That is None where nothing was published.
    """

    beta: float
    learning_rate: float
    widths: tuple[int, ...]
    accuracy: float | None = None


PUBLISHED = {
    ("sdi", "dlgn"): Published(3, 0.02, 5 * (20,), 0.9605),
    ("sdi", "dlgn_sf"): Published(30, 0.02, 4 * (10,), 0.9743),
    ("sdii", "dlgn"): Published(10, 0.01, 4 * (20,), 0.94247),
    ("sdii", "dlgn_sf"): Published(3, 0.02, 4 * (10,), 0.90293),
    ("sdiii", "dlgn"): Published(10, 0.001, 3 * (10,), 0.65036),
    ("sdiii", "dlgn_sf"): Published(3, 0.01, 3 * (20,), 0.63832),
}


class Trained(typing.NamedTuple):
    """A network that was trained on a `Task`.

    Attributes:
        form: `Form`.
        fitted: `Fitted`.
        accuracy: Float in [0, 1], on the test points.
        watched: Dict from numbers of epochs, 0 included, to `HalfSpaces`.
    """

    form: Form
    fitted: Fitted
    accuracy: float
    watched: dict[int, HalfSpaces]


task = functools.cache(data.named)


def rows(x: np.ndarray, labels: np.ndarray) -> Rows:
    """Rows of labels 0 and 1, for the logistic loss."""
    return Rows.of(x, (2 * labels - 1)[:, None])


def train(
    task: Task,
    family: str,
    setting: Published,
    seed: int,
    epochs: int = EPOCHS,
    watch_at: tuple[int, ...] = (),
    permuted: bool = False,
    batches: int = BATCHES,
) -> Trained:
    """Trains a network of a family on a task.

    Args:
        task: `Task`.
        family: One of `networks.FAMILIES`.
        setting: `Published`; its accuracy is not looked at.
        seed: Integer, from which weights and batches follow.
        epochs: Integer >= 1.
        watch_at: Numbers of epochs whose half-spaces are surely kept; those of
            some others are too.
        permuted: Boolean. Whether labels of training points are permuted.
        batches: Integer >= 1, of an epoch.
    """
    (x, labels), validation, (x_test, labels_test) = task.parts()
    if permuted:
        labels = np.random.default_rng(seed).permutation(labels)
    form = Form(family, x.shape[1], setting.widths, beta=setting.beta)
    weights = networks.initial(form, seed)
    watched = {}

    def watch(epoch, weights, loss):
        del loss
        if form.linear:
            watched[epoch] = half_spaces(form, weights)

    watch(0, weights, None)
    plan = Plan("logistic", epochs, batches, setting.learning_rate, seed=seed)
    fitted = fitting.fit(
        form, weights, rows(x, labels), plan, rows(*validation), watch, watch_at
    )
    z = networks.outputs(form, fitted.weights, x_test.astype("float32"))
    right = (np.asarray(z)[:, 0] > 0) == labels_test
    return Trained(form, fitted, float(right.mean()), watched)
