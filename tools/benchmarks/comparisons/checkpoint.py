"""Saving ResNet-20 with its optimiser: checkpoint against .keras."""

import itertools
import tempfile

from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

NETWORK = "resnet20"


def compare(options):
    import tensorflow as tf

    from dlgn_tf.models.build import create_model
    from dlgn_tf.training import optimizers
    from dlgn_tf.training.checkpoints import Checkpoints

    model = create_model(f"{NETWORK}_dlgn", seed=0)
    optimizer = optimizers.sgd(optimizers.learning_rate((0.01,)))
    optimizer.build(model.trainable_variables)
    model.compile(optimizer)
    written = tf.train.Checkpoint(model=model, optimizer=optimizer)
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(folder)
        seconds = by_turns(
            options.rounds,
            lambda: checkpoints.save(next(numbers), {}, written.write, keep=2),
            lambda: model.save(f"{folder}/model.keras"),
        )
    yield Comparison(
        "checkpoint with manifest", "model.save", "saves/s", 1, seconds
    )
