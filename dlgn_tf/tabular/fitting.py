"""Trains networks of vectors quickly: many epochs a call, none in Python."""

import dataclasses
import functools
import typing
from collections.abc import Callable
from typing import Any

import numpy as np

from dlgn_tf.command import startup
from dlgn_tf.tabular.networks import Form, Weights, outputs

tf = startup.tensorflow()

# Adam's constants, as PyTorch and Keras have them.
_DECAY, _DECAY_OF_SQUARES, _EPSILON = 0.9, 0.999, 1e-8
# Epochs between two returns to Python.
_EPOCHS_A_CALL = 50


class Rows(typing.NamedTuple):
    """What a network learns from, or is judged on.

    Attributes:
        x: Array `(n, inputs)`.
        y: Array `(n, outputs)`: +-1 of one logistic output, one-hot of several
            classes, any numbers of a regression.
        weights: Array `(n,)` >= 0, how much each row counts.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls, x: Any, y: Any, weights: Any = None, dtype: str = "float32"
    ) -> "Rows":
        """Rows that count alike unless weights are given; mean weight 1."""
        weights = np.ones(len(x)) if weights is None else np.asarray(weights)
        weights = weights * (len(x) / weights.sum())
        return cls(*(np.asarray(a, dtype) for a in (x, y, weights)))


class Fitted(typing.NamedTuple):
    """A trained network.

    Attributes:
        weights: `Weights` of NumPy arrays: those of the epoch with the best
            score on validation rows, or of the last one without these.
        loss: Array, the mean training loss of each epoch.
        score: Array, the score on validation rows after each epoch; empty
            without these.
        epoch: Integer, the number of the epoch that weights are of.
    """

    weights: Weights
    loss: np.ndarray
    score: np.ndarray
    epoch: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Attributes:
        loss: Name of an entry of `LOSSES`.
        epochs: Integer >= 1.
        batches: Integer >= 1, of an epoch; they are drawn anew for each.
        learning_rate: Float > 0, of Adam.
        l2: Float >= 0, times the sum of squared kernels is added to the loss.
        patience: Integer >= 1 or None: training ends after this many epochs
            without a better score.
        seed: Integer from which the order of rows follows.
    """

    loss: str
    epochs: int
    batches: int = 10
    learning_rate: float = 0.01
    l2: float = 0.0
    patience: int | None = None
    seed: int = 0


def _logistic(y, z):
    # The cross-entropy of the logits (-z, z).
    return tf.reduce_sum(tf.nn.softplus(-2 * y * z), axis=1)


def _squared(y, z):
    return tf.reduce_mean(tf.square(y - z), axis=1)


def _sign_agrees(y, z):
    return tf.cast((y[:, 0] > 0) == (z[:, 0] > 0), z.dtype)


def _class_agrees(y, z):
    return tf.cast(tf.argmax(y, 1) == tf.argmax(z, 1), z.dtype)


class Loss(typing.NamedTuple):
    """A loss of targets and outputs, and what is better the larger it is."""

    of_rows: Callable
    score: Callable


LOSSES = {
    "logistic": Loss(_logistic, _sign_agrees),
    "softmax": Loss(tf.nn.softmax_cross_entropy_with_logits, _class_agrees),
    "squared": Loss(_squared, lambda y, z: -_squared(y, z)),
}


def score(form: Form, weights: Weights, rows: Rows, loss: str) -> Any:
    """How good a network is on rows by the score of a loss, a tensor `()`."""
    scores = LOSSES[loss].score(rows.y, outputs(form, weights, rows.x))
    return tf.reduce_mean(rows.weights * scores)


def fit(
    form: Form,
    weights: Weights,
    train: Rows,
    plan: Plan,
    validation: Rows | None = None,
    watch: Callable[[int, Weights, float], None] | None = None,
    watch_at: tuple[int, ...] = (),
) -> Fitted:
    """Trains a network from given weights.

    Args:
        form: Its `Form`.
        weights: `Weights` that it starts from; they stay as they are.
        train: Rows of the same dtype.
        plan: `Plan`.
        validation: Rows that choose the epoch, or None.
        watch: Called with the number of epochs so far, the weights then and
            the loss of the last, after each call of the loop.
        watch_at: Numbers of epochs after which it is surely called.

    Returns:
        `Fitted`.
    """
    loop = _loop(form, plan.loss, plan.l2, validation is not None)
    state = _State.start(weights)
    rows = [tf.nest.map_structure(tf.constant, train)]
    rows.append(tf.nest.map_structure(tf.constant, validation or train))
    losses, scores = [], []
    done = 0
    while done < plan.epochs:
        stop = min(
            [plan.epochs, done + _EPOCHS_A_CALL]
            + [x for x in watch_at if x > done]
        )
        state, loss, score = loop(
            *rows,
            state,
            tf.constant(done),
            tf.constant(stop),
            tf.constant(plan.batches),
            tf.constant(plan.learning_rate, state.step.dtype),
            tf.constant(plan.seed),
        )
        losses.append(loss.numpy())
        scores.append(score.numpy())
        done = stop
        if watch:
            watch(done, _arrays(state.weights), float(losses[-1][-1]))
        waited = done - int(state.best_epoch)
        if validation and plan.patience and waited >= plan.patience:
            break
        if not np.isfinite(losses[-1][-1]):
            break
    kept = state.best if validation else state.weights
    return Fitted(
        _arrays(kept),
        np.concatenate(losses),
        np.concatenate(scores) if validation else np.zeros(0),
        int(state.best_epoch) if validation else done,
    )


class _State(typing.NamedTuple):
    """What goes from epoch to epoch."""

    weights: Weights
    means: Weights
    squares: Weights
    step: typing.Any
    best: Weights
    best_score: typing.Any
    best_epoch: typing.Any

    @classmethod
    def start(cls, weights):
        weights = tf.nest.map_structure(tf.constant, weights)
        zeros = tf.nest.map_structure(tf.zeros_like, weights)
        dtype = tf.nest.flatten(weights)[0].dtype
        return cls(
            weights,
            zeros,
            zeros,
            tf.zeros((), dtype),
            weights,
            tf.constant(-np.inf, dtype),
            tf.constant(0),
        )


def _arrays(weights):
    return tf.nest.map_structure(lambda x: x.numpy(), weights)


@functools.lru_cache(maxsize=32)
def _loop(form, kind, l2, validated):
    """The compiled loop over epochs, once for each kind of training."""
    of_rows = LOSSES[kind].of_rows

    def objective(weights, rows):
        losses = of_rows(rows.y, outputs(form, weights, rows.x))
        total = tf.reduce_mean(rows.weights * losses)
        if l2:
            # The points of an npk stay, and ridge regression fits the rest.
            value = [] if form.family == "npk" else weights.value
            kernels = [layer[0] for layer in [*weights.gating, *value]]
            total += l2 * tf.add_n([tf.reduce_sum(k**2) for k in kernels])
        return total

    def step(state, rows, rate):
        with tf.GradientTape() as tape:
            tape.watch(state.weights)
            value = objective(state.weights, rows)
        gradients = tape.gradient(
            value,
            state.weights,
            # Of the points of an npk, which stay.
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return value, _adam(state, gradients, rate)

    def epoch(number, state, train, batches, rate, seed):
        count = tf.shape(train.x)[0]
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=[seed, number]
        )
        size = count // batches
        total = tf.zeros((), state.step.dtype)
        for batch in tf.range(batches):
            chosen = order[batch * size : (batch + 1) * size]
            rows = Rows(*(tf.gather(a, chosen) for a in train))
            value, state = step(state, rows, rate)
            total += value
        return total / tf.cast(batches, total.dtype), state

    @tf.function(reduce_retracing=True)
    def run(train, validation, state, start, stop, batches, rate, seed):
        empty = {"size": stop - start, "element_shape": ()}
        losses = tf.TensorArray(state.step.dtype, **empty)
        scores = tf.TensorArray(state.step.dtype, **empty)
        for number in tf.range(start, stop):
            loss, state = epoch(number, state, train, batches, rate, seed)
            losses = losses.write(number - start, loss)
            if validated:
                reached = score(form, state.weights, validation, kind)
                scores = scores.write(number - start, reached)
                state = _with_best(state, reached, number + 1)
        return state, losses.stack(), scores.stack()

    return run


def _adam(state, gradients, rate):
    """A step of Adam; its state are tensors, so one trace trains many."""

    def moving(decay):
        return lambda old, new: decay * old + (1 - decay) * new

    squared = tf.nest.map_structure(tf.square, gradients)
    means = tf.nest.map_structure(moving(_DECAY), state.means, gradients)
    squares = tf.nest.map_structure(
        moving(_DECAY_OF_SQUARES), state.squares, squared
    )
    taken = state.step + 1
    rate = rate / (1 - _DECAY**taken)
    correction = 1 - _DECAY_OF_SQUARES**taken
    weights = tf.nest.map_structure(
        lambda w, m, s: w - rate * m / (tf.sqrt(s / correction) + _EPSILON),
        state.weights,
        means,
        squares,
    )
    return state._replace(
        weights=weights, means=means, squares=squares, step=taken
    )


def _with_best(state, score, epoch):
    better = score > state.best_score

    def chosen(new, old):
        return tf.where(better, new, old)

    return state._replace(
        best=tf.nest.map_structure(chosen, state.weights, state.best),
        best_score=chosen(score, state.best_score),
        best_epoch=chosen(epoch, state.best_epoch),
    )
