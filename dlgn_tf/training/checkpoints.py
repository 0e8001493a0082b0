"""Checkpoints of a run: model, optimiser with its step, best metric."""

import tensorflow as tf

from dlgn_tf.errors import UserError


class Checkpoints:
    """Saves and restores everything that a run needs to go on.

    Args:
        directory: Path-like.
        model: `ImageClassifier`.
        optimizer: Keras optimiser, built.
        keep: Integer. How many checkpoints stay on disk.

    Attributes:
        best_accuracy: `tf.Variable`, the best test accuracy so far in [0, 1].
    """

    def __init__(self, directory, model, optimizer, keep):
        self.best_accuracy = tf.Variable(0.0, dtype=tf.float64)
        self._optimizer = optimizer
        checkpoint = tf.train.Checkpoint(
            model=model, optimizer=optimizer, best_accuracy=self.best_accuracy
        )
        self._manager = tf.train.CheckpointManager(
            checkpoint, str(directory), max_to_keep=keep
        )

    def save(self):
        """Saves at the optimiser's step; returns the step."""
        step = int(self._optimizer.iterations)
        self._manager.save(checkpoint_number=step)
        return step

    def restore(self):
        """Restores the newest checkpoint; returns its step, or 0 if none."""
        path = self._manager.latest_checkpoint
        if path is None:
            return 0
        status = self._manager.checkpoint.restore(path)
        status.assert_existing_objects_matched()
        return int(self._optimizer.iterations)


def restore_model(directory, model):
    """Restores a model alone from the newest checkpoint of a run.

    Returns:
        String, the path of the checkpoint.

    Raises:
        UserError: if there is none.
    """
    path = tf.train.latest_checkpoint(str(directory))
    if path is None:
        raise UserError(f"Expected a checkpoint in {directory}. Received: none")
    status = tf.train.Checkpoint(model=model).restore(path)
    status.assert_existing_objects_matched().expect_partial()
    return path
