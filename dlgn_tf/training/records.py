"""Everything that a run writes, and what it reads to go on."""

import time

from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives
from dlgn_tf.output import elsewhere, files
from dlgn_tf.training import configured, orthogonality, trained
from dlgn_tf.training.checkpoints import Checkpoints
from dlgn_tf.training.summaries import Summaries
from dlgn_tf.training.totals import Totals

# What the manifest of a checkpoint says of it.
_NUMBER = int | float
_STATE = {
    "totals": {
        "images": _NUMBER,
        "steps": _NUMBER,
        "classification_loss": _NUMBER,
        "regularization_loss": _NUMBER,
        "errors": _NUMBER,
        # Runs of earlier versions have none.
        "orthogonality_loss": elsewhere.Optional(_NUMBER),
    },
    "best_accuracy": _NUMBER,
    "best_step": elsewhere.Optional(int | None),
}


class Records:
    """Keeps the run directory of a run up to date.

    Args:
        config: `Config`.
        directory: `RunDirectory`, locked.
        engine: See `dlgn_tf.training.engine.Engine`.

    Attributes:
        totals: `Totals` since the last point of the training curves.
        best_accuracy: Float, the best test accuracy so far, in [0, 1], or R^2
            of a regression.
        best_step: Integer, the step that it is from, or None.
        last: Dict, the last line of metrics.jsonl, or None.
    """

    def __init__(self, config, directory, engine):
        self._config, self._directory = config, directory
        self._engine = engine
        self._checkpoints = Checkpoints(
            directory.checkpoints, engine.write_errors
        )
        self._saved_step, self._saved_at = -1, time.monotonic()
        self._summaries = None
        self.totals = Totals()
        self.best_accuracy, self.best_step = 0.0, None

    @property
    def last(self):
        lines = self._directory.read_metrics()
        return lines[-1] if lines else None

    def evaluations(self):
        """Lines of metrics.jsonl up to the engine's step, a list of dicts."""
        lines = self._directory.read_metrics()
        return [x for x in lines if x["step"] <= self._engine.step]

    def restore(self):
        """Puts the engine and the loop where the newest checkpoint was.

        Returns:
            Boolean, whether there was one.

        Raises:
            UserError: if none of the checkpoints is whole, or its manifest is
                that of something else.
        """
        if self._checkpoints.never_finished():
            if self._checkpoints.exist():
                print("the first checkpoint was not finished: starting anew")
            return False
        self._saved_step, state = self._checkpoints.restore_newest(
            self._engine.restore
        )
        try:
            elsewhere.check_kind(state, _STATE)
            self.totals = Totals(**state["totals"])
            self.best_accuracy = state["best_accuracy"]
            self.best_step = state.get("best_step")
        except (TypeError, ValueError) as error:
            raise UserError(
                "Expected a checkpoint's manifest as dlgn_tf.train writes it. "
                f"Received: that of step {self._saved_step} in "
                f"{self._directory.checkpoints}, whose state is another"
            ) from error
        self._mend_best()
        return True

    def _mend_best(self):
        """Makes best.keras be the model that the checkpoint calls the best.

        best.keras is written after the checkpoint of its step, so whoever ends
        the run in between leaves an older one, or none; the weights it should
        have are then those that were just restored. It is of a later step only
        where the checkpoints since are damaged or gone: that model belongs to a
        part of the run that is forgotten, and its predecessor is lost.
        """
        kept_step = trained.step_of_whole(self._directory.best)
        if kept_step == self.best_step:
            return
        best = self._directory.best
        if self.best_step == self._saved_step:
            self._save_keras(best)
        elif kept_step is None and best.exists():
            aside = best.with_name("best.damaged")
            print(f"{best} cannot be read: kept as {aside.name}")
            with files.write_errors(best):
                best.replace(aside)
        elif best.exists():
            print(f"{best} is of a step that is forgotten: deleted")
            with files.write_errors(best):
                best.unlink()

    def begin(self, sample_images):
        """Starts writing: what lies beyond the checkpoint is forgotten."""
        step = self._engine.step
        changed = not self._directory.holds_flags(self._config)
        self._directory.write_flags(self._config)
        self._directory.drop_metrics_after(step)
        after = step if self._saved_step >= 0 else -1
        self._directory.drop_models_after(after)
        with files.write_errors(self._directory.path):
            self._summaries = Summaries(
                self._directory.path, after, self._engine.model.objective
            )
            # A run that merely goes on says nothing twice.
            if changed or self._saved_step < 0:
                self._summaries.describe(self._config, sample_images, step)

    def close(self):
        """Closes the event files, if it has begun; how a run ends, however."""
        if self._summaries:
            with files.write_errors(self._directory.path):
                self._summaries.close()

    def training_point(self, images_per_second):
        """A point of the training curves, of what came since the last."""
        with files.write_errors(self._directory.path):
            self._summaries.training(
                self.totals,
                self._engine.learning_rate(),
                images_per_second,
                self._engine.step,
            )
            betas = configured.learned_betas(self._engine.model)
            self._summaries.betas(betas, self._engine.step)
        self.totals = Totals()

    def evaluation(self, totals, probe_images):
        """A point of the test curves and a line of metrics.jsonl."""
        self._directory.check_held()
        step, accuracy = self._engine.step, totals.accuracy
        self._best_before = self.best_accuracy, self.best_step
        first = self.best_step is None and self.best_accuracy == 0
        if first or accuracy > self.best_accuracy:
            self.best_accuracy, self.best_step = accuracy, step
        with files.write_errors(self._directory.path):
            self._summaries.evaluation(totals, step)
            statistics = self._engine.gate_statistics(probe_images)
            self._summaries.gates(statistics, step)
            if orthogonality.looked_at(self._config):
                self._summaries.orthogonality(
                    orthogonality.measured(self._engine.model, self._config),
                    step,
                )
            self._summaries.flush()
        objective = self._engine.model.objective
        of_totals = {objective.score: accuracy, **objective.curves(totals)}
        record = {
            "step": step,
            **{f"test_{name}": value for name, value in of_totals.items()},
            "test_images": totals.images,
            f"best_test_{objective.score}": self.best_accuracy,
        }
        if totals.member_errors:
            record["test_member_accuracies"] = totals.member_accuracies
        self._directory.append_metrics(record)

    def checkpoint_is_due(self):
        """Whether --checkpoint_every asks for a checkpoint now."""
        every = self._config.checkpoint_every
        if every.endswith("m"):
            return time.monotonic() - self._saved_at >= 60 * float(every[:-1])
        return self._engine.step % int(every) == 0

    def save(self):
        """Saves a checkpoint, unless that of this step is there.

        After it best.keras, if this step is the best: see `_mend_best`.
        """
        step = self._engine.step
        if step == self._saved_step:
            return
        self._directory.check_held()
        with files.write_errors(self._directory.path):
            self._summaries.flush()
        state = {
            "totals": self.totals.as_dict(),
            "best_accuracy": self.best_accuracy,
            "best_step": self.best_step,
            "seed": self._config.seed,
        }
        self._checkpoints.save(
            step, state, self._engine.save, self._config.keep_checkpoints
        )
        self._saved_step, self._saved_at = step, time.monotonic()
        if self.best_step == step:
            self._save_keras(self._directory.best)

    def result_is_missing(self):
        """Whether metrics.jsonl lacks the evaluation of the run's step."""
        last = self.last
        if last is None or last["step"] < self._engine.step:
            return True
        return not objectives.is_whole(last)

    def forget_evaluation(self):
        """Drops the evaluation of the run's step, of other weights."""
        self._directory.drop_metrics_after(self._engine.step - 1)
        self.best_accuracy, self.best_step = self._best_before

    def model_is_saved(self):
        """Whether model.keras is there and of the run's step."""
        return trained.step_of(self._directory.model) == self._engine.step

    def save_model(self):
        """Writes model.keras."""
        self._save_keras(self._directory.model)

    def save_snapshot(self):
        """Writes the model as it is, to be kept for good."""
        path = self._directory.snapshot(self._engine.step)
        if not path.exists():
            self._save_keras(path)

    def _save_keras(self, path):
        """Writes the model so that a kill leaves the old file or the new."""
        self._directory.check_held()
        with files.write_errors(path, self._engine.write_errors):
            with files.replacing(path) as temporary:
                self._engine.save_model(temporary)
                trained.note_step(temporary, self._engine.step)
