"""The engine: what computes. The loop around it does not know the backend."""

import contextlib
import pathlib
import typing

import keras
import numpy as np

from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError
from dlgn_tf.training.totals import Totals


class Engine(typing.Protocol):
    """A model, its optimiser, and the devices that train it.

    Attributes:
        model: `ImageClassifier`.
        optimizer: Keras optimiser.
        chief: Whether this process writes the run directory.
        description: One phrase for people.
        write_errors: Exception types of a failure to write.
        step: Integer, the batches that were taken.
    """

    model: keras.Model
    optimizer: keras.Optimizer
    chief: bool
    description: str
    write_errors: tuple[type[Exception], ...]
    step: int

    def start(self, sampler: BatchSampler, stop: int) -> None:
        """Gets ready to train from `step` up to `stop`."""

    def train(self, count: int, totals: Totals) -> Totals:
        """Takes so many steps; returns `totals` with theirs added."""

    def evaluate(
        self,
        image_set: ImageSet,
        batch_size: int,
        on_batch: typing.Callable[[int], None] | None = None,
    ) -> Totals:
        """`Totals` over all images.

        `on_batch` is called with the number of batches done.
        """

    def learning_rate(self) -> float:
        """That of the next step."""

    def gate_statistics(self, images: np.ndarray) -> dict:
        """See `dlgn_tf.training.summaries`."""

    def weights_are_finite(self) -> bool: ...

    def save_model(self, path: pathlib.Path) -> None:
        """Writes the model as a .keras file."""

    def save(self, prefix: pathlib.Path) -> None:
        """Writes a checkpoint."""

    def restore(self, prefix: pathlib.Path) -> None:
        """Reads a checkpoint."""

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in any of the processes."""

    def sync(self) -> None:
        """Agrees with the other processes after a restore."""


class MisfitError(UserError):
    """A checkpoint of another network than the one that it is read into."""


@contextlib.contextmanager
def misfits(prefix, *more):
    """Turns what restoring raises, and `more`, into a `MisfitError`."""
    try:
        yield
    except (ValueError, AssertionError, KeyError, *more) as error:
        reason = " ".join(str(error).split())[:160]
        raise MisfitError(
            f"Expected a checkpoint of this model and optimiser. Received: "
            f"{prefix}, which does not fit: {reason}"
        ) from error
