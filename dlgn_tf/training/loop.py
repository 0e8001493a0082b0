"""The outer loop: trains, evaluates, logs and saves, on one clock.

The clock is the optimiser's step. Between two returns of the engine the host
logs, evaluates and saves where these are due. Nothing that is computed depends
on when the host comes in between: a batch follows from its step, and sums go on
from where they were.
"""

import contextlib
import signal
import time

from dlgn_tf.command.interruption import Interruption
from dlgn_tf.command.progress import Progress
from dlgn_tf.data import sources
from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives
from dlgn_tf.training.engines import create_engine
from dlgn_tf.training.initial_weights import set_initial_weights
from dlgn_tf.training.orthogonality import overcomplete
from dlgn_tf.training.records import Records
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.totals import Totals

_SAMPLE_IMAGES = 16
_PROBE_IMAGES = 64


class Stopped(Exception):
    """A signal ended the run; its text says how to go on.

    Attributes:
        signal: `signal.Signals`.
    """

    def __init__(self, signal, text):
        super().__init__(text)
        self.signal = signal


def train(config, given=None):
    """Runs a training to its end, from the newest checkpoint if there is one.

    Args:
        config: `dlgn_tf.config.Config`.
        given: What a program hands in, see `dlgn_tf.training.fitting.Given`;
            or None.

    Returns:
        Dict, the last line of metrics.jsonl; None in a process that is not
        the one that writes.

    Raises:
        UserError: if the data or the run directory cannot be used, the loss
            is not finite, or another worker is gone.
        Stopped: if SIGTERM or SIGINT came; the run is saved.
    """
    directory = RunDirectory(config.run_dir)
    began = config
    if config.measured:
        # Of several workers one writes; all normalise as the run began.
        if config.strategy != "multi_worker":
            directory.check(config)
        began = directory.with_first_weights(config)
    engine = create_engine(began, given and given.model)
    if not engine.chief:
        return _Run(began, engine, None, given).to_the_end()
    with directory.locked():
        for change in directory.check(config):
            print(f"continuing with another {change}")
        config = directory.with_first_weights(config)
        records = Records(config, directory, engine)
        if not records.restore():
            set_initial_weights(engine.model, config)
        with contextlib.closing(records):
            return _Run(config, engine, records, given).to_the_end()


class _Run:
    """One run: what is due when.

    `records` is None in processes that write nothing.
    """

    def __init__(self, config, engine, records, given):
        self.config, self.engine, self.records = config, engine, records
        self.given, self.logged = given, Totals()
        engine.sync()
        self.step = engine.step
        self.totals = records.totals if records else Totals()
        images = given and given.images()
        images = images or sources.load_for(config)
        self.train_images, self.test_images = images
        if given:
            before = records.evaluations() if records else ()
            given.begin(engine.model, self.step, before)
        self.sampler = BatchSampler(
            self.train_images,
            config.batch_size,
            config.seed,
            config.augmentation,
            config.balanced_batches,
        )

    def to_the_end(self):
        """Trains up to `train_steps`; returns the last evaluation."""
        if self.records:
            self._introduce()
        finished = self.step >= self.config.train_steps
        if not finished:
            if self.records:
                self._begin_records()
            self.engine.start(self.sampler, self.config.train_steps)
            self._snapshot_if_due()
            with Interruption() as interruption:
                self._train(interruption)
        # All processes evaluate together, also where only one lacks the result.
        missing = bool(self.records) and self.records.result_is_missing()
        if self.engine.any(missing):
            if self.records:
                self._begin_records()
            self._evaluate()
        if finished and self.given:
            self.given.end()
        if not self.records:
            return None
        if not finished or not self.records.model_is_saved():
            self.records.save_model()
        return self.records.last

    def _begin_records(self):
        sample, _ = self.sampler.batch_at(self.step)
        self.records.begin(sample[:_SAMPLE_IMAGES])

    def _introduce(self):
        config, model = self.config, self.engine.model
        print(
            f"{config.model}: {model.count_params():,} parameters, "
            f"{len(model.site_names)} gate sites\n"
            f"{config.dataset}: {len(self.train_images):,} training images, "
            f"{len(self.test_images):,} test images\n"
            f"{self.engine.description}, batch {config.batch_size}\n"
            f"defaults as in: {config.recipe().source}"
        )
        if not self.given or self.given.kept:
            print(f"run directory {config.run_dir}")
        if too_many := overcomplete(model, config):
            print(
                "more filters than inputs, which cannot all be orthogonal: "
                f"{', '.join(too_many)}"
            )
        if self.step >= config.train_steps:
            print(
                f"already at step {self.step}, --train_steps is "
                f"{config.train_steps}: nothing to train"
            )
        elif self.step:
            print(f"continuing at step {self.step}")

    def _train(self, interruption):
        config = self.config
        progress = Progress(
            "training", self.step, config.train_steps, silent=not self.records
        )
        pace, watch = _Pace(self._fixed_pace()), _Watch()
        while self.step < config.train_steps:
            count = min(pace.steps, self._next_stop() - self.step)
            with pace.measured(count):
                self.totals = self.engine.train(count, self.totals)
            self.step = self.engine.step
            interruption.note_lost_reader()
            if not self.totals.finite:
                self._refuse_to_go_on()
            watch.count(count * config.batch_size)
            due = self._due(config.log_every)
            progress.update(self.step, self._shown(watch), line=due)
            if due:
                self._log(watch)
            if self._due(config.eval_every):
                self._evaluate()
            stopping = self.engine.any(interruption.signal is not None)
            asked = bool(self.given and self.given.stop)
            if asked or self.step == config.train_steps:
                self._end_given()
            self._save_if_due(stopping or asked)
            if asked:
                return
            if stopping and self.step < config.train_steps:
                # It may have come to another process.
                self._stop(interruption.signal or signal.SIGTERM)

    def _fixed_pace(self):
        """Several processes must return to their hosts together."""
        alone = self.config.strategy != "multi_worker"
        return self.config.steps_per_loop or (None if alone else 20)

    def _next_stop(self):
        """The next step at which something is due."""
        config = self.config
        intervals = [config.log_every, config.eval_every]
        if config.checkpoint_every.isdigit():
            intervals.append(int(config.checkpoint_every))
        if config.snapshot_every:
            intervals.append(config.snapshot_every)
        stops = [(self.step // every + 1) * every for every in intervals]
        return min(*stops, config.train_steps)

    def _due(self, every):
        at_the_end = self.step == self.config.train_steps
        return at_the_end or self.step % every == 0

    def _shown(self, watch):
        return {
            "loss": self.totals.mean_classification_loss,
            "error": self.totals.error_rate,
            "images/s": round(watch.rate()),
        }

    def _log(self, watch):
        if self.records:
            self.records.totals = self.totals
            self.records.training_point(watch.rate())
        self.logged, self.totals = self.totals, Totals()
        watch.restart()

    def _evaluate(self):
        totals = evaluate_with_progress(
            self.engine,
            self.test_images,
            self.config.eval_batch_size,
            silent=not self.records,
        )
        if self.given:
            training = self.totals if self.totals.images else self.logged
            self.given.evaluated(self.step, training, totals)
        if self.records:
            probe = self.test_images.images[:_PROBE_IMAGES]
            self.records.evaluation(totals, probe)
            objective = self.engine.model.objective
            score = {f"test_{objective.score}": totals.accuracy}
            print(
                f"step {self.step}: {objectives.told(score)} "
                f"({objective.details(totals)})"
            )

    def _end_given(self):
        """The callbacks' last word, before the last checkpoint."""
        if not self.given or not self.given.end():
            return
        # One took other weights, such as the best: these are what is kept.
        if self.records:
            self.records.forget_evaluation()
        self._evaluate()

    def _save_if_due(self, stopping):
        if not self.records:
            return
        self._snapshot_if_due()
        self.records.totals = self.totals
        due = self._due(self.config.eval_every)
        if due or stopping or self.records.checkpoint_is_due():
            self._check_weights()
            self.records.save()

    def _stop(self, number):
        raise Stopped(
            number,
            f"stopped by {number.name} and saved at step {self.step} of "
            f"{self.config.train_steps}; "
            f"{RunDirectory(self.config.run_dir).command()} goes on",
        )

    def _snapshot_if_due(self):
        """Before the checkpoint of the step, which makes the step count.

        A run that goes on from a checkpoint so has all snapshots up to there.
        """
        every = self.config.snapshot_every
        if self.records and every and self._due(every):
            self._check_weights()
            self.records.save_snapshot()

    def _check_weights(self):
        if not self.engine.weights_are_finite():
            self._refuse_to_go_on()

    def _refuse_to_go_on(self):
        raise UserError(
            f"Expected finite losses and weights. Received: others at step "
            f"{self.step}, learning rate {self.engine.learning_rate():g}; "
            f"the checkpoints in {self.config.run_dir} are from before"
        )


class _Pace:
    """How many steps to take between two returns to the host."""

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
            self.steps = max(1, min(round(in_a_second), 2 * self.steps))


class _Watch:
    """Images per second since the last restart."""

    def __init__(self):
        self.restart()

    def restart(self):
        self._images, self._began = 0, time.perf_counter()

    def count(self, images):
        self._images += images

    def rate(self):
        return self._images / (time.perf_counter() - self._began)


def evaluate_with_progress(engine, image_set, batch_size, silent=False):
    """`Totals` over all of `image_set`; shows how far it is."""
    batch_count = -(-len(image_set) // batch_size)
    progress = Progress("evaluation", 0, batch_count, "batch", silent)
    return engine.evaluate(image_set, batch_size, progress.update)
