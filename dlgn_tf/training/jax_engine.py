"""Training on JAX: a single device, where TensorFlow need not be installed."""

import itertools
import pathlib
import re

import jax
import jax.numpy as jnp
import keras
import numpy as np

from dlgn_tf.data import batches
from dlgn_tf.errors import UserError
from dlgn_tf.training import configured, engine, optimizers, teacher
from dlgn_tf.training.orthogonality import PenaltyTerm
from dlgn_tf.training.summaries import gate_statistics
from dlgn_tf.training.totals import Totals


class JaxEngine:
    """See `dlgn_tf.training.engine.Engine`.

    Args:
        config: `Config`.
        model: See `dlgn_tf.training.engines.create_engine`.

    Raises:
        UserError: if the run asks for several devices.
    """

    write_errors = ()
    chief = True

    def __init__(self, config, model=None):
        if config.strategy not in ("auto", "single"):
            raise UserError(
                "Expected --strategy=auto or single with KERAS_BACKEND=jax. "
                f"Received: --strategy={config.strategy}"
            )
        keras.config.set_dtype_policy(config.mixed_precision)
        self.model = model or configured.create_configured_model(config)
        self.optimizer = optimizers.create_optimizer(config)
        self.optimizer.build(self.model.trainable_variables)
        self._l2 = config.l2
        self._penalty = PenaltyTerm(self.model, config)
        self._teacher = teacher.of(config)
        self._rates = optimizers.gating_rate(self.model, config)
        self._train_step = jax.jit(self._step_function, donate_argnums=0)
        self._evaluation = _Evaluation(self.model)
        self._gates = jax.jit(self._gates_function)
        device = jax.devices()[0]
        self.description = f"JAX on {device.device_kind}"
        self.step = 0

    def start(self, sampler, stop):
        self._batches = batches.prefetched(
            sampler, self.step, stop, jax.device_put
        )

    def train(self, count, totals):
        state = self._state()
        of_steps = []
        for images, labels in itertools.islice(self._batches, count):
            # Dispatched, not waited for: the device stays busy.
            state, of_step = self._train_step(state, images, labels)
            of_steps.append(of_step)
        self._set_state(state)
        sums = np.asarray(totals.sums(), np.float64)
        taken = 0
        for of_step in jax.device_get(of_steps):
            taken += 1
            sums = sums + of_step.astype(np.float64)
            finite = bool(np.isfinite(of_step).all())
            if not finite:
                break
        self.step += taken
        return Totals(
            totals.images + taken * len(labels),
            totals.steps + taken,
            *sums.tolist(),
            finite=finite,
        )

    def _state(self):
        return (
            *_weights(self.model),
            [v.value for v in self.optimizer.variables],
        )

    def _set_state(self, state):
        variables = (
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            self.optimizer.variables,
        )
        for group, values in zip(variables, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    def _step_function(self, state, images, labels):
        trainable, non_trainable, optimizer_variables = state

        def loss_function(trainable):
            logits, updated, losses = self.model.stateless_call(
                trainable,
                non_trainable,
                images,
                training=True,
                by_member=True,
                return_losses=True,
            )
            measured = self.model.objective.measured
            losses_of_rows, _ = measured(logits, labels, losses_and_errors)
            if self._teacher:
                losses_of_rows = self._teacher(images, logits, losses_of_rows)
            regularization = sum(losses) + self._l2_penalty(trainable)
            penalty = self._penalty(trainable)
            scale = len(labels) * self.model.objective.variance
            loss = losses_of_rows.sum() / scale
            loss += regularization + penalty
            predicted = self.model.prediction(logits)
            losses_of_rows, errors = measured(
                predicted, labels, losses_and_errors
            )
            sums = jnp.stack(
                [losses_of_rows.sum(), regularization, errors, penalty]
            )
            scaled = self._scaled(loss, optimizer_variables)
            return scaled, (updated, sums)

        gradients, (non_trainable, sums) = jax.grad(
            loss_function, has_aux=True
        )(trainable)
        trainable, optimizer_variables = self.optimizer.stateless_apply(
            optimizer_variables, self._rates(gradients), trainable
        )
        return (trainable, non_trainable, optimizer_variables), sums

    def _scaled(self, loss, optimizer_variables):
        """The loss as the optimiser wants it: float16 gradients need scale."""
        mapping = list(
            zip(self.optimizer.variables, optimizer_variables, strict=True)
        )
        with keras.StatelessScope(state_mapping=mapping):
            return self.optimizer.scale_loss(loss)

    def _l2_penalty(self, trainable):
        variables = self.model.trainable_variables
        squares = [
            jnp.sum(jnp.square(value))
            for variable, value in zip(variables, trainable, strict=True)
            if variable.name == "kernel"
        ]
        return self._l2 * sum(squares) if self._l2 else jnp.zeros(())

    def evaluate(self, image_set, batch_size, on_batch=None):
        return self._evaluation(image_set, batch_size, on_batch)

    def learning_rate(self):
        return optimizers.learning_rate_at(self.optimizer, self.step)

    def weights_are_finite(self):
        return all(np.isfinite(w).all() for w in self.model.get_weights())

    def gate_statistics(self, images):
        return jax.device_get(self._gates(self._state()[:2], images))

    def _gates_function(self, variables, images):
        mapping = zip(
            [
                *self.model.trainable_variables,
                *self.model.non_trainable_variables,
            ],
            itertools.chain(*variables),
            strict=True,
        )
        with keras.StatelessScope(state_mapping=list(mapping)):
            return gate_statistics(self.model, images)

    def save_model(self, path):
        self.model.save(path)

    def save(self, prefix):
        self.model.save_weights(f"{prefix}.weights.h5")
        store = {}
        self.optimizer.save_own_variables(store)
        np.savez(f"{prefix}.optimizer.npz", **store)

    def restore(self, prefix):
        restore_model(prefix, self.model)
        with np.load(f"{prefix}.optimizer.npz") as store:
            with engine.misfits(prefix):
                _check_optimizer(self.optimizer, store)
                self.optimizer.load_own_variables(dict(store))
        self.step = int(re.search(r"-(\d+)$", str(prefix))[1])

    def any(self, flag):
        return flag

    def sync(self):
        """There is no other process."""


class _Evaluation:
    """Evaluates a model over every image of a data set."""

    def __init__(self, model):
        self._model = model
        self._evaluate_batch = jax.jit(self._of_batch)

    def __call__(self, image_set, batch_size, on_batch=None):
        sums, variables = 0.0, _weights(self._model)
        padded = batches.padded(image_set, batch_size)
        for done, (images, labels) in enumerate(padded, start=1):
            result = self._evaluate_batch(variables, images, labels)
            sums = sums + np.asarray(result, np.float64)
            if on_batch:
                on_batch(done)
        totals = Totals.of_evaluation(len(image_set), done, sums)
        return self._model.objective.of_examples(totals, image_set.labels)

    def _of_batch(self, variables, images, labels):
        logits, _ = self._model.stateless_call(
            *variables, images, training=False, by_member=True
        )
        predicted = self._model.prediction(logits)
        objective = self._model.objective
        if objective.loss == "squared":
            # Rows that only fill up the last batch have NaNs as labels.
            real = ~jnp.isnan(labels[:, 0])
            told = jnp.where(real[:, None], labels, predicted)
            losses, errors = objective.measured(predicted, told, None)
            return jnp.stack([losses.sum(), errors])
        # There their label is -1.
        real = labels >= 0
        losses, _ = losses_and_errors(predicted, jnp.maximum(labels, 0))
        wrong = [predicted.argmax(-1) != labels]
        if self._model.members > 1:
            wrong += list((logits.argmax(-1) != labels[:, None]).T)
        return jnp.stack([losses @ real, *(jnp.sum(x & real) for x in wrong)])


def _weights(model):
    """Values of the trainable and of the other variables of a model."""
    return (
        [v.value for v in model.trainable_variables],
        [v.value for v in model.non_trainable_variables],
    )


def evaluate_model(model, image_set, batch_size):
    """See `dlgn_tf.training.engines.evaluate_model`."""
    return _Evaluation(model)(image_set, batch_size)


def restore_model(prefix, model):
    """See `dlgn_tf.training.engines.restore_model`."""
    path = pathlib.Path(f"{prefix}.weights.h5")
    if not path.exists():
        raise UserError(
            "Expected a checkpoint of KERAS_BACKEND=jax. Received: "
            f"{prefix}, written on another backend"
        )
    with engine.misfits(prefix):
        model.load_weights(path)


def _check_optimizer(optimizer, store):
    """Keras only warns where an optimiser's variables do not fit."""
    shapes = [tuple(variable.shape) for variable in optimizer.variables]
    stored = [store[str(index)].shape for index in range(len(store.files))]
    if shapes != stored:
        raise ValueError("the variables of another optimiser")


def losses_and_errors(logits, labels):
    """See `dlgn_tf.training.steps.losses_and_errors`."""
    logits = logits.astype(jnp.float32)
    labels = labels.reshape(-1, *(1,) * (logits.ndim - 2))
    log_probabilities = jax.nn.log_softmax(logits)
    chosen = jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1)
    errors = jnp.sum(logits.argmax(-1) != labels, axis=0)
    return -chosen[..., 0], errors.astype(jnp.float32)
