"""Short trainings for experiments, with the package's steps, on TensorFlow."""

from collections.abc import Iterator, Sequence

import keras

from dlgn_tf.command import startup
from dlgn_tf.data.batches import BatchSampler, train_dataset
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.training.steps import TrainingSteps
from dlgn_tf.training.totals import Totals

tf = startup.tensorflow()


def rounds(
    model: ImageClassifier,
    optimizer: keras.Optimizer,
    sampler: BatchSampler,
    steps: int,
    rates: Sequence[float],
    l2: float = 0.0,
) -> Iterator[Totals]:
    """Trains a model in place, so many steps a round.

    Args:
        model: The model.
        optimizer: Keras optimiser.
        sampler: Its batches are taken from the first on.
        steps: Integer >= 1, of a round.
        rates: Floats > 0, the learning rate of each round.
        l2: Float, see `TrainingSteps`.

    Yields:
        `Totals` of each round, after it.
    """
    strategy = tf.distribute.get_strategy()
    take = TrainingSteps(model, optimizer, strategy, sampler.batch_size, l2)
    batches = iter(train_dataset(sampler, 0, len(rates) * steps))
    for rate in rates:
        optimizer.learning_rate.assign(rate)
        yield take(batches, steps)


def train(*arguments, **options) -> None:
    """Takes all `rounds`, whose arguments these are."""
    for _ in rounds(*arguments, **options):
        pass
