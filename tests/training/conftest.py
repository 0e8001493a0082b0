"""Runs of the training loop, and a plain loop that they are compared with."""

import contextlib
import io
import types

import numpy as np
import pytest
from absl import flags

from dlgn_tf import config as config_lib

# Two of log_every and one of eval_every fall together; the schedule changes
# its rate within the run; the batches run over the end of an epoch (step 7).
RUN_FLAGS = (
    "--model=vconv_dlgn",
    "--dataset=digits",
    "--depth=2",
    "--width=4",
    "--head_width=12",
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


def _resolve(*arguments):
    values = flags.FlagValues()
    config_lib.define_flags(values)
    values(["test", *arguments])
    return config_lib.resolve(values)


def _train(config):
    from dlgn_tf.training import loop

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        last = loop.train(config)
    return types.SimpleNamespace(last=last, printed=printed.getvalue())


@pytest.fixture(scope="session")
def resolve():
    """A function from flags to a `Config`."""
    return _resolve


@pytest.fixture(scope="session")
def train():
    """A function from a `Config` to what `loop.train` returned and printed."""
    return _train


@pytest.fixture(scope="session")
def run_flags():
    """Flags of the runs below, without --run_dir and --train_steps."""
    return RUN_FLAGS


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """A run of ten steps in one go."""
    path = tmp_path_factory.mktemp("whole") / "new" / "run"
    config = _resolve(*RUN_FLAGS, "--train_steps=10", f"--run_dir={path}")
    trained = _train(config)
    return types.SimpleNamespace(
        path=path, config=config, last=trained.last, printed=trained.printed
    )


@pytest.fixture(scope="session")
def resumed_run(tmp_path_factory):
    """The same ten steps with a stop after the sixth."""
    path = tmp_path_factory.mktemp("resumed") / "run"
    parts = []
    for steps in (6, 10):
        config = _resolve(
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
def expected_run():
    """What the plain loop makes of `RUN_FLAGS` in ten steps."""
    from dlgn_tf.data import batches
    from dlgn_tf.data import sources
    from dlgn_tf.training import runs

    train_images, test_images = sources.load("digits", train_examples=230)
    sampler = batches.BatchSampler(train_images, 32, seed=7)
    model = runs.create_configured_model(_resolve(*RUN_FLAGS))
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
