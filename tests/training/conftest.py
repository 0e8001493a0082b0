"""Runs of the training loop, and a plain loop that they are compared with."""

import contextlib
import dataclasses
import io
import multiprocessing
import os
import pathlib
import re
import tempfile
import time
import types
import zipfile

import numpy as np
import pytest
from scipy import special

from dlgn_tf.models import objectives
from dlgn_tf.training import totals

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


class FakeEngine:
    """Writes files as the real ones do, and computes nothing.

    `accuracies` has its test accuracy at some steps; elsewhere it grows.
    """

    chief, description, write_errors = True, "nothing", ()
    model = types.SimpleNamespace(
        site_names=[],
        count_params=lambda: 0,
        _flatten_layers=lambda: [],
        objective=objectives.CLASSES,
    )
    accuracies = types.MappingProxyType({})

    def __init__(self):
        self.step = 0

    def save(self, prefix):
        prefix.with_name(f"{prefix.name}.index").write_text(f"{self.step}")

    def restore(self, prefix):
        self.step = int(prefix.with_name(f"{prefix.name}.index").read_text())

    def save_model(self, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", f"{self.step}")

    def learning_rate(self):
        return 0.5

    def gate_statistics(self, images):
        return {"site": (0.5, np.zeros(3))}

    def weights_are_finite(self):
        return True

    def sync(self):
        pass

    def start(self, sampler, stop):
        pass

    def any(self, flag):
        return flag

    def train(self, count, before):
        self.step += count
        return dataclasses.replace(
            before, images=before.images + count, steps=before.steps + count
        )

    def evaluate(self, image_set, batch_size, on_batch=None):
        accuracy = self.accuracies.get(self.step, self.step / 1000)
        return totals.Totals(1000, 1, 1.0, errors=1000 * (1 - accuracy))


@pytest.fixture
def fake_engine(monkeypatch):
    """The class of the engine that `train` takes, a `FakeEngine`."""
    from dlgn_tf.training import loop

    engine = type("Engine", (FakeEngine,), {})
    monkeypatch.setattr(loop, "create_engine", lambda *of: engine())
    return engine


@pytest.fixture
def start(tmp_path, resolve, train, run_flags):
    """A function from flags to a run of `RUN_FLAGS`, or more of it."""

    def start(*flags):
        path = tmp_path / "run"
        found = train(resolve(*run_flags, f"--run_dir={path}", *flags))
        return types.SimpleNamespace(path=path, **vars(found))

    return start


@pytest.fixture
def pretend(start, fake_engine):
    """As `start`, with an engine that computes nothing."""
    return start


@pytest.fixture
def gpus(monkeypatch):
    """A function: so many CPU devices stand for all GPUs that there are."""
    import tensorflow as tf

    logical = tf.config.list_logical_devices

    def show(count):
        def listed(kind=None):
            return logical("CPU")[:count] if kind == "GPU" else logical(kind)

        monkeypatch.setattr(tf.config, "list_logical_devices", listed)

    return show


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
    log_p = special.log_softmax(np.asarray(logits, np.float64), axis=1)
    return -log_p[np.arange(len(labels)), labels]


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
# Processes are forked from one that has imported TensorFlow.
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["dlgn_tf.training.loop"])
_CHILD = """
import ctypes, gc, os, runpy, sys

# As after an import that was not forked.
gc.freeze()
os.environ.update(variables)
os.chdir(cwd)
for number in (1, 2):
    file = os.open(f"{folder}/{number}", os.O_WRONLY | os.O_APPEND)
    os.dup2(file, number)
sys.stdout.reconfigure(line_buffering=True)
sys.argv = ["dlgn_tf.train", *flags]
exec(first)
try:
    runpy.run_module("dlgn_tf.train", run_name="__main__", alter_sys=True)
except SystemExit as end:
    # Python ends as it does where it was not forked, with all that is undone.
    ctypes.pythonapi.Py_Exit(int(end.code or 0))
"""


class TrainingProcess:
    """`python -m dlgn_tf.train` in a process of its own.

    Args:
        cwd: Path, where it runs.
        flags: Strings.
        first: Code that runs in it before.
        variables: Dict, of the environment.
    """

    def __init__(self, cwd, *flags, first="", variables):
        self._folder = tempfile.TemporaryDirectory()
        given = {"cwd": cwd, "flags": flags, "first": first}
        given |= {"folder": self._folder.name, "variables": variables}
        for number in (1, 2):
            pathlib.Path(self._folder.name, str(number)).touch()
        self._process = _FORKED.Process(target=exec, args=(_CHILD, given))
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    @property
    def lines(self):
        """What it has printed so far, a list of strings."""
        return self._written(1)

    @property
    def stderr(self):
        """Lines on standard error, without TensorFlow's start-up."""
        return [x for x in self._written(2) if not _START_UP.match(x)]

    def _written(self, number):
        return (
            pathlib.Path(self._folder.name, str(number))
            .read_text()
            .split("\n")[:-1]
        )

    def wait_for(self, pattern, count=1):
        """Waits for `count` lines that match, or the end; says which."""
        ends = time.monotonic() + _PATIENCE
        while time.monotonic() < ends:
            ended = self.returncode is not None
            found = [x for x in self.lines if re.match(pattern, x)]
            if ended or len(found) >= count:
                return len(found) >= count
            time.sleep(0.01)
        raise AssertionError((pattern, self.lines))

    def send(self, number):
        os.kill(self.pid, number)

    def end(self):
        """Waits for the end; returns itself."""
        self._process.join(_PATIENCE)
        return self

    def discard(self):
        """Ends it, if it still runs."""
        self._process.kill()
        self.end()
        self._folder.cleanup()

    def refused(self):
        """The one line with which it ended; fails if there is another end."""
        self.end()
        (line,) = self.stderr
        assert line.startswith("dlgn_tf.train: ") and len(line) < 1000
        assert self.returncode == 2
        return line

    def succeeded(self):
        """Fails unless it ended well; returns itself."""
        self.end()
        assert (self.returncode, self.stderr) == (0, []), self._written(2)
        return self


def _starting(package_environment):
    with contextlib.ExitStack() as started:

        def start(*arguments, variables=(), **options):
            process = TrainingProcess(
                *arguments,
                variables={**package_environment, **dict(variables)},
                **options,
            )
            started.callback(process.discard)
            return process

        yield start


@pytest.fixture(scope="module")
def start_training_of_all(package_environment):
    """As `start_training`, for what all tests of a module share."""
    yield from _starting(package_environment)


@pytest.fixture
def start_training(package_environment):
    """Starts a `TrainingProcess`; ends what a test leaves running."""
    yield from _starting(package_environment)


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
