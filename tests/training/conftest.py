"""Runs of the training loop, and a plain loop that they are compared with."""

import contextlib
import io
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types

import numpy as np
import pytest

import dlgn_tf

# Seconds that a process may take for anything; a busy machine takes its time.
_PATIENCE = 240

# Two of log_every and one of eval_every fall together; the schedule changes
# its rate within the run; the batches run over the end of an epoch (step 7).
RUN_FLAGS = (
    "--model=vconv_dlgn",
    "--dataset=digits",
    "--depth=2",
    "--width=4",
    "--head_width=12",
    "--gate_beta=10",
    "--gate_epsilon=0",
    "--normalization=dataset",
    "--optimizer=sgd",
    "--learning_rates=0.1,0.05",
    "--boundaries=4",
    "--momentum=0.8",
    "--nesterov",
    "--l2=0.001",
    "--batch_size=32",
    "--train_examples=230",
    "--seed=7",
    "--log_every=2",
    "--eval_every=3",
    "--eval_batch_size=77",
)


def _train(config):
    from dlgn_tf.training import loop

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        last = loop.train(config)
    return types.SimpleNamespace(last=last, printed=printed.getvalue())


@pytest.fixture(scope="session")
def resolve():
    """A function from flags to a `Config`."""
    from dlgn_tf import config

    return config.from_flags


@pytest.fixture(scope="session")
def train():
    """A function from a `Config` to what `loop.train` returned and printed."""
    return _train


@pytest.fixture(scope="session")
def run_flags():
    """Flags of the runs below, without --run_dir and --train_steps."""
    return RUN_FLAGS


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory, resolve):
    """A run of ten steps in one go."""
    path = tmp_path_factory.mktemp("whole") / "new" / "run"
    config = resolve(*RUN_FLAGS, "--train_steps=10", f"--run_dir={path}")
    trained = _train(config)
    return types.SimpleNamespace(
        path=path, config=config, last=trained.last, printed=trained.printed
    )


@pytest.fixture(scope="session")
def resumed_run(tmp_path_factory, resolve):
    """The same ten steps with a stop after the sixth."""
    path = tmp_path_factory.mktemp("resumed") / "run"
    parts = []
    for steps in (6, 10):
        config = resolve(
            *RUN_FLAGS, f"--train_steps={steps}", f"--run_dir={path}"
        )
        parts.append(_train(config))
    return types.SimpleNamespace(
        path=path,
        config=config,
        last=parts[1].last,
        printed=[part.printed for part in parts],
    )


@pytest.fixture(scope="session")
def load_model():
    """A function from a run's path to its final model."""

    def load(path):
        import keras

        # Registers the classes that the file names.
        from dlgn_tf.models import build  # noqa: F401

        return keras.models.load_model(path / "model.keras")

    return load


class NaiveSGD:
    """Training in eager steps, with momentum and schedule in NumPy.

    Args:
        model: `ImageClassifier`.
        rate: Function from the step to the learning rate.
        momentum: Float.
        nesterov: Boolean.
        l2: Float.
    """

    def __init__(self, model, rate, momentum, nesterov, l2):
        self.model, self.rate, self.l2 = model, rate, l2
        self.momentum, self.nesterov = momentum, nesterov
        self.variables = model.trainable_variables
        self.velocities = [np.zeros(v.shape) for v in self.variables]
        self.steps = 0

    def step(self, images, labels):
        """Takes a step; returns what was measured before it."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            logits = self.model(tf.constant(images), training=True)
            log_p = tf.math.log_softmax(logits)
            chosen = tf.gather(log_p, labels, batch_dims=1)
            squares = [
                tf.reduce_sum(v.value**2)
                for v in self.variables
                if v.path.endswith("/kernel")
            ]
            regularization = self.l2 * sum(squares)
            loss = regularization - tf.reduce_mean(chosen)
        gradients = tape.gradient(loss, [v.value for v in self.variables])
        self._apply([gradient.numpy() for gradient in gradients])
        return types.SimpleNamespace(
            losses=_cross_entropies(logits, labels),
            errors=int((np.argmax(logits, axis=1) != labels).sum()),
            regularization=float(regularization),
        )

    def _apply(self, gradients):
        rate = self.rate(self.steps)
        for index, gradient in enumerate(gradients):
            velocity = self.momentum * self.velocities[index] - rate * gradient
            self.velocities[index] = velocity
            moved = velocity
            if self.nesterov:
                moved = self.momentum * velocity - rate * gradient
            variable = self.variables[index]
            variable.assign(variable.numpy() + moved)
        self.steps += 1


def _cross_entropies(logits, labels):
    """Cross-entropy of each image, in float64."""
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return log_sum - shifted[np.arange(len(labels)), labels]


@pytest.fixture(scope="session")
def cross_entropies():
    """A function `(logits, labels)` -> cross-entropy of each image."""
    return _cross_entropies


@pytest.fixture(scope="session")
def naive_sgd():
    """The class `NaiveSGD`."""
    return NaiveSGD


@pytest.fixture(scope="session")
def expected_run(resolve):
    """What the plain loop makes of `RUN_FLAGS` in ten steps."""
    from dlgn_tf.data import batches, sources
    from dlgn_tf.training import configured

    train_images, test_images = sources.load("digits", train_examples=230)
    sampler = batches.BatchSampler(train_images, 32, seed=7)
    model = configured.create_configured_model(resolve(*RUN_FLAGS))
    sgd = NaiveSGD(
        model,
        # At the boundary itself the old rate still holds.
        rate=lambda step: 0.1 if step <= 4 else 0.05,
        momentum=0.8,
        nesterov=True,
        l2=0.001,
    )
    measured, weights = [], [model.get_weights()]
    for step in range(10):
        measured.append(sgd.step(*sampler.batch_at(step)))
        weights.append(model.get_weights())
    return types.SimpleNamespace(
        model=model,
        weights=weights,
        measured=measured,
        test_images=test_images,
    )


# What TensorFlow prints on standard error as it starts, and nothing else.
_START_UP = re.compile(
    r"WARNING: All log messages before absl::InitializeLog"
    r"|[IWE]\d{4} .*(cudart_stub|cpu_feature_guard|cuda_platform)\.cc"
    r"|To enable the following instructions"
)
_PACKAGE_PARENT = pathlib.Path(dlgn_tf.__file__).parents[1]


class TrainingProcess:
    """`python -m dlgn_tf.train` in a process of its own.

    Attributes:
        pid: Integer.
        returncode: Integer, or None while it runs.
        lines: List of strings, what it has printed so far.

    Args:
        cwd: Path, where it runs.
        flags: Strings.
        preexec: Function that is called in it before Python starts.
    """

    def __init__(self, cwd, *flags, preexec=None):
        self._errors = tempfile.TemporaryFile()
        path = [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dlgn_tf.train", *flags],
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, path)),
                "PYTHONUNBUFFERED": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=preexec,
        )
        self.pid = self._process.pid
        self.lines, self._ended = [], False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def returncode(self):
        return self._process.poll()

    @property
    def stderr(self):
        """Lines on standard error, without TensorFlow's start-up."""
        self._errors.seek(0)
        text = self._errors.read().decode()
        return [x for x in text.splitlines() if not _START_UP.match(x)]

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, pattern, count=1):
        """Waits for `count` lines that match, or the end; says which."""

        def matched():
            return sum(bool(re.match(pattern, x)) for x in self.lines) >= count

        with self._changed:
            arrived = self._changed.wait_for(
                lambda: self._ended or matched(), _PATIENCE
            )
            assert arrived, (pattern, self.lines)
            return matched()

    def send(self, number):
        self._process.send_signal(number)

    def end(self):
        """Waits for the end; returns itself."""
        self._process.wait(_PATIENCE)
        self._reader.join(_PATIENCE)
        return self

    def discard(self):
        """Ends it, if it still runs."""
        if self.returncode is None:
            self._process.kill()
        self.end()
        self._errors.close()

    def refused(self):
        """The one line with which it ended; fails if there is another end."""
        self.end()
        stderr = self.stderr
        assert len(stderr) == 1, (self.lines, stderr)
        assert stderr[0].startswith("dlgn_tf.train: ")
        assert len(stderr[0]) < 1000
        assert self.returncode == 2
        return stderr[0]

    def succeeded(self):
        """Fails unless it ended well; returns itself."""
        self.end()
        assert (self.returncode, self.stderr) == (0, []), self.lines
        return self


@pytest.fixture(scope="session")
def training_process():
    """The class `TrainingProcess`."""
    return TrainingProcess


@pytest.fixture
def start_training():
    """Starts a `TrainingProcess`; ends what a test leaves running."""
    started = []

    def start(*arguments, **options):
        started.append(TrainingProcess(*arguments, **options))
        return started[-1]

    yield start
    for process in started:
        process.discard()


def _tensors(path):
    """All variables of the newest checkpoint: the model's, the optimiser's."""
    import tensorflow as tf

    newest = max(
        (path / "checkpoints").glob("ckpt-*.index"),
        key=lambda file: int(file.stem[5:]),
    )
    reader = tf.train.load_checkpoint(str(newest.with_suffix("")))
    names = [
        name
        for name in reader.get_variable_to_shape_map()
        # How often this process saved, and the names of all.
        if not name.startswith(("save_counter", "_CHECKPOINTABLE"))
    ]
    return newest.name, {name: reader.get_tensor(name) for name in names}


def _events(path):
    """All points of the curves; of the speed only where it has points."""
    from dlgn_tf.training import event_file

    return [
        (step, tag, "images_per_second" in tag or value.SerializeToString())
        for step, tag, value in event_file.read_events(path)
    ]


def _assert_same_run(path, expected):
    """Fails unless two runs left the same, bit for bit."""
    (name, found), (name_expected, tensors) = map(_tensors, (path, expected))
    assert name == name_expected
    assert found.keys() == tensors.keys()
    assert any(key.startswith("optimizer") for key in tensors)
    for key, tensor in tensors.items():
        assert tensor.tobytes() == found[key].tobytes(), key
    metrics = (path / "metrics.jsonl").read_bytes()
    assert metrics == (expected / "metrics.jsonl").read_bytes()
    for curves in ("train", "test"):
        points = _events(expected / curves)
        assert len(points) > 5
        assert _events(path / curves) == points


@pytest.fixture(scope="session")
def assert_same_run():
    """A function of two run directories."""
    return _assert_same_run


class Continuation:
    """A training that is ended by force or by request, and goes on.

    Args:
        folder: Path of an empty directory.
        flags: Strings, the model and what it is trained with.
    """

    STEPS = 300
    FLAGS = (
        "--dataset=digits",
        "--augmentation=flip_crop",
        "--batch_size=32",
        f"--train_steps={STEPS}",
        "--log_every=7",
        "--eval_every=50",
        "--checkpoint_every=5",
        "--deterministic",
        # Relative: it is among the flags that TensorBoard shows.
        "--run_dir=run",
    )
    # The first save of all, and then in any order.
    KILLS = ("saving", "start", "ready", "line", "evaluation", "saving")

    def __init__(self, folder, *flags):
        self._folder, self._flags = folder, (*flags, *self.FLAGS)
        self.whole = self._place("whole")
        process = self._start(self.whole)
        try:
            process.succeeded()
        finally:
            process.discard()

    def _place(self, name):
        place = self._folder / name
        place.mkdir()
        return place / "run"

    def _start(self, path):
        return TrainingProcess(path.parent, *self._flags)

    def killed(self, seed):
        """Kills a run at random moments; returns path and number of kills."""
        path, rng, kills = self._place("killed"), random.Random(seed), 0
        moments = [self.KILLS[0], *rng.sample(self.KILLS[1:], k=5)]
        for moment in [*moments, None]:
            process = self._start(path)
            try:
                if moment:
                    getattr(self, f"_until_{moment}")(process, path, rng)
                    process.send(signal.SIGKILL)
                process.end()
                assert process.stderr == [], (moment, process.lines)
                if process.returncode == 0:
                    return path, kills
                assert process.returncode == -signal.SIGKILL, moment
                kills += 1
            finally:
                process.discard()
        raise AssertionError("the last start was not killed and did not end")

    def asked_to_end(self, *signals, seed):
        """Sends signals; returns path and `(signal, process)` of each."""
        path, rng, ended = self._place("asked"), random.Random(seed), []
        for number in signals:
            process = self._start(path)
            try:
                last = number == signals[-1]
                until = self._until_evaluation if last else self._until_line
                until(process, path, rng)
                process.send(number)
                ended.append((number, process.end(), process.stderr))
            finally:
                process.discard()
        process = self._start(path)
        try:
            process.succeeded()
        finally:
            process.discard()
        return path, ended

    @staticmethod
    def _until_start(process, path, rng):
        """Somewhere before the first step."""
        time.sleep(rng.uniform(0, 8))

    @staticmethod
    def _until_ready(process, path, rng):
        """While the run is restored, the curves cut or the step traced."""
        process.wait_for("run directory")
        time.sleep(rng.uniform(0, 3))

    @staticmethod
    def _until_line(process, path, rng):
        """While it trains, for the most part."""
        process.wait_for("training: step", rng.randint(1, 5))
        time.sleep(rng.uniform(0, 0.2))

    @staticmethod
    def _until_evaluation(process, path, rng):
        """The first evaluation of a process takes a second."""
        process.wait_for(r"training: step (49|98|147|196|245|294)/")
        time.sleep(rng.uniform(0, 0.8))

    @staticmethod
    def _until_saving(process, path, rng):
        """As soon as a checkpoint is begun and not finished."""
        process.wait_for("run directory")
        folder = path / "checkpoints"
        while process.returncode is None:
            names = os.listdir(folder) if folder.is_dir() else []
            begun = {re.match(r"ckpt-\d+|", name)[0] for name in names}
            begun |= {name for name in names if name == ".partial"}
            if any(f"{x}.json" not in names for x in begun - {""}):
                return
            time.sleep(0.0003)


@pytest.fixture(scope="session")
def continuation():
    """The class `Continuation`."""
    return Continuation
