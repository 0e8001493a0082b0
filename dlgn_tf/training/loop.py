"""The outer loop: trains, evaluates, logs and saves, on one clock.

The clock is the optimiser's step. Between two returns of the compiled loop the
host logs, evaluates and saves where these are due; see `steps` for the inner
loop.
"""

import contextlib
import time

from dlgn_tf.data import batches
from dlgn_tf.data import sources
from dlgn_tf.training import optimizers
from dlgn_tf.training import runs
from dlgn_tf.training import strategies
from dlgn_tf.training.checkpoints import Checkpoints
from dlgn_tf.training.progress import Progress
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.steps import Evaluation
from dlgn_tf.training.steps import Totals
from dlgn_tf.training.steps import TrainingSteps
from dlgn_tf.training.tensorboard import GateProbe
from dlgn_tf.training.tensorboard import Summaries

_SAMPLE_IMAGES = 16
_PROBE_IMAGES = 64


def train(config):
    """Runs a training to its end, from the newest checkpoint if there is one.

    Args:
        config: `dlgn_tf.config.Config`.

    Returns:
        Dict, the line of metrics.jsonl of the last evaluation.

    Raises:
        UserError: if the data or the run directory cannot be used.
    """
    directory = RunDirectory(config.run_dir)
    changes = directory.check(config)
    train_images, test_images = sources.load(
        config.dataset,
        config.data_dir,
        config.download,
        config.train_examples,
    )
    strategy = strategies.create_strategy(config.strategy)
    run = _Run(config, directory, strategy, train_images, test_images)
    for change in changes:
        print(f"continuing with another {change}")
    return run.to_the_end()


class _Run:
    """One run: its parts, and what is due when."""

    def __init__(self, config, directory, strategy, train_images, test_images):
        self.config = config
        self.directory = directory
        self.strategy = strategy
        self.test_images = test_images
        self.sampler = batches.BatchSampler(
            train_images, config.batch_size, config.seed, config.augmentation
        )
        with strategy.scope():
            self.model = runs.create_configured_model(config)
            self.optimizer = optimizers.create_optimizer(config)
            self.train_steps = TrainingSteps(
                self.model,
                self.optimizer,
                strategy,
                config.batch_size,
                config.l2,
            )
            self.checkpoints = Checkpoints(
                directory.checkpoints,
                self.model,
                self.optimizer,
                config.keep_checkpoints,
            )
            self.step = self.checkpoints.restore()
        self.evaluate = Evaluation(self.model, strategy)
        self.probe = GateProbe(self.model, test_images.images[:_PROBE_IMAGES])

    def to_the_end(self):
        """Trains up to `train_steps`; returns the last evaluation."""
        self._introduce()
        if self.step < self.config.train_steps:
            self.directory.write_flags(self.config)
            self.directory.drop_metrics_after(self.step)
            self.summaries = Summaries(self.directory.path)
            self._train()
        if self.step >= self.config.train_steps:
            self.model.save(self.directory.model)
        return self.directory.read_metrics()[-1]

    def _introduce(self):
        config, count = self.config, self.model.count_params()
        print(
            f"{config.model}: {count:,} parameters, "
            f"{len(self.model.site_names)} gate sites\n"
            f"{config.dataset}: {config.train_examples:,} training images, "
            f"{len(self.test_images):,} test images\n"
            f"{strategies.describe(self.strategy)}, batch {config.batch_size}\n"
            f"run directory {self.directory.path}"
        )
        if self.step >= config.train_steps:
            print(
                f"already at step {self.step} of {config.train_steps}: "
                "nothing to train"
            )
        elif self.step:
            print(f"continuing at step {self.step}")

    def _train(self):
        config = self.config
        sample, _ = self.sampler.batch_at(self.step)
        self.summaries.describe(config, sample[:_SAMPLE_IMAGES], self.step)
        iterator = iter(
            self.strategy.experimental_distribute_dataset(
                batches.train_dataset(
                    self.sampler, self.step, config.train_steps
                )
            )
        )
        progress = Progress("training", self.step, config.train_steps)
        pace = _Pace(config.steps_per_loop)
        curve = _Curve()
        while self.step < config.train_steps:
            count = min(pace.steps, self._next_stop() - self.step)
            with pace.measured(count):
                curve.add(self.train_steps(iterator, count))
            self.step += count
            due = self._due(config.log_every)
            progress.update(self.step, curve.values(), line=due)
            if due:
                self._log(curve)
            if self._due(config.eval_every):
                self._evaluate_and_save()
            if due:
                curve = _Curve()

    def _next_stop(self):
        """The next step at which something is due."""
        config = self.config
        stops = [
            (self.step // every + 1) * every
            for every in (config.log_every, config.eval_every)
        ]
        return min(*stops, config.train_steps)

    def _due(self, every):
        at_the_end = self.step == self.config.train_steps
        return at_the_end or self.step % every == 0

    def _log(self, curve):
        self.summaries.training(
            curve.totals,
            float(self.optimizer.learning_rate),
            curve.images_per_second(),
            self.step,
        )

    def _evaluate_and_save(self):
        began = time.perf_counter()
        totals = evaluate_with_progress(
            self.evaluate, self.test_images, self.config.eval_batch_size
        )
        self.summaries.evaluation(totals, self.step)
        self.summaries.gates(self.probe(), self.step)
        self.summaries.flush()
        accuracy = 1.0 - totals.error_rate
        best = max(accuracy, float(self.checkpoints.best_accuracy))
        self.checkpoints.best_accuracy.assign(best)
        self.directory.append_metrics(
            {
                "step": self.step,
                "test_accuracy": accuracy,
                "test_error_rate": totals.error_rate,
                "test_classification_loss": totals.mean_classification_loss,
                "test_images": totals.images,
                "best_test_accuracy": best,
                "evaluation_seconds": round(time.perf_counter() - began, 3),
            }
        )
        self.checkpoints.save()
        print(
            f"step {self.step}: test accuracy {accuracy:.2%} "
            f"({totals.errors} errors in {totals.images:,} images)"
        )


class _Pace:
    """How many steps to take between two returns to the host.

    What is computed does not depend on it: a batch follows from its step.
    """

    def __init__(self, fixed):
        self._fixed = fixed
        self.steps = fixed or 1

    @contextlib.contextmanager
    def measured(self, count):
        """Learns from the time that `count` steps take inside."""
        began = time.perf_counter()
        yield
        if not self._fixed:
            in_a_second = count / (time.perf_counter() - began)
            self.steps = max(1, min(round(in_a_second), 2 * count))


class _Curve:
    """What has come together since the last point of the training curves."""

    def __init__(self):
        self.totals = Totals()
        self._began = time.perf_counter()

    def add(self, totals):
        self.totals.add(totals)

    def images_per_second(self):
        return self.totals.images / (time.perf_counter() - self._began)

    def values(self):
        return {
            "loss": self.totals.mean_classification_loss,
            "error": self.totals.error_rate,
            "images/s": round(self.images_per_second()),
        }


def evaluate_with_progress(evaluation, image_set, batch_size):
    """Evaluates over all of `image_set`, showing how far it is.

    Returns:
        `Totals`.
    """
    batch_count = -(-len(image_set) // batch_size)
    progress = Progress("evaluation", 0, batch_count, unit="batch")
    return evaluation(
        batches.test_dataset(image_set, batch_size),
        len(image_set),
        on_batch=progress.update,
    )
