"""Training and evaluation steps, compiled, on one or several replicas."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass
class Totals:
    """Sums over images or steps, from which means are made.

    Attributes:
        images: Number of images.
        steps: Number of steps.
        classification_loss: Sum of the cross-entropies, in nats.
        regularization_loss: Sum over steps.
        errors: Number of images classified wrongly.
    """

    images: int = 0
    steps: int = 0
    classification_loss: float = 0.0
    regularization_loss: float = 0.0
    errors: int = 0

    def add(self, other):
        for field in dataclasses.fields(self):
            name = field.name
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def error_rate(self):
        return self.errors / max(self.images, 1)

    @property
    def mean_classification_loss(self):
        return self.classification_loss / max(self.images, 1)

    @property
    def mean_regularization_loss(self):
        return self.regularization_loss / max(self.steps, 1)


class TrainingSteps:
    """Runs many training steps between two returns to the host.

    The loss is the mean cross-entropy over the global batch, plus `l2` times
    the sum of squared trainable kernels (biases and batch normalisation are
    left out), plus whatever losses the model's layers add.

    Args:
        model: `ImageClassifier`.
        optimizer: Keras optimiser; it is built here.
        strategy: `tf.distribute.Strategy`.
        batch_size: Integer, over all replicas.
        l2: Float.
    """

    def __init__(self, model, optimizer, strategy, batch_size, l2):
        self._model = model
        self._optimizer = optimizer
        self._strategy = strategy
        self._batch_size = batch_size
        self._l2 = l2
        with strategy.scope():
            optimizer.build(model.trainable_variables)

    def __call__(self, iterator, count):
        """Takes `count` batches from `iterator` and trains on them.

        Returns:
            `Totals` of these steps.
        """
        sums = self._run(iterator, tf.constant(count)).numpy()
        return Totals(
            images=count * self._batch_size,
            steps=count,
            classification_loss=float(sums[0]),
            regularization_loss=float(sums[1]),
            errors=int(sums[2]),
        )

    @tf.function
    def _run(self, iterator, count):
        sums = tf.zeros([3], tf.float64)
        for _ in tf.range(count):
            on_replicas = self._strategy.run(self._step, next(iterator))
            sums += self._strategy.reduce("sum", on_replicas, axis=None)
        return sums

    def _step(self, images, labels):
        variables = self._model.trainable_variables
        replicas = self._strategy.num_replicas_in_sync
        with tf.GradientTape() as tape:
            logits = self._model(images, training=True)
            losses, errors = losses_and_errors(logits, labels)
            # Gradients are summed over replicas, so each takes its share.
            regularization = self._regularization() / replicas
            loss = tf.reduce_sum(losses) / self._batch_size + regularization
        gradients = tape.gradient(loss, [v.value for v in variables])
        self._optimizer.apply(gradients, variables)
        return tf.stack(
            [
                tf.reduce_sum(tf.cast(losses, tf.float64)),
                tf.cast(regularization, tf.float64),
                tf.cast(errors, tf.float64),
            ]
        )

    def _regularization(self):
        total = sum(self._model.losses, tf.zeros([]))
        if self._l2:
            kernels = [
                variable.value
                for variable in self._model.trainable_variables
                if variable.name == "kernel"
            ]
            squares = [tf.reduce_sum(tf.square(kernel)) for kernel in kernels]
            total += self._l2 * tf.add_n(squares)
        return total


def losses_and_errors(logits, labels):
    """Cross-entropy of each image (float32) and the number of errors."""
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    predicted = tf.argmax(logits, axis=-1, output_type=labels.dtype)
    errors = tf.reduce_sum(tf.cast(predicted != labels, tf.int32))
    return losses, errors


class Evaluation:
    """Evaluates a model over every image of a data set, ragged ends included.

    Args:
        model: `ImageClassifier`.
        strategy: `tf.distribute.Strategy`.
    """

    def __init__(self, model, strategy):
        self._model = model
        self._strategy = strategy

    def __call__(self, dataset, images, on_batch=None):
        """Runs through `dataset`.

        Args:
            dataset: `tf.data.Dataset` of (images, labels).
            images: Integer. How many images it holds.
            on_batch: Called with the number of batches done.

        Returns:
            `Totals` over all images.
        """
        sums = 0.0
        distributed = self._strategy.experimental_distribute_dataset(dataset)
        for done, batch in enumerate(distributed, start=1):
            sums = sums + self._run(batch).numpy()
            if on_batch:
                on_batch(done)
        return Totals(
            images=images,
            steps=done,
            classification_loss=float(sums[0]),
            errors=int(sums[1]),
        )

    @tf.function(reduce_retracing=True)
    def _run(self, batch):
        on_replicas = self._strategy.run(self._step, batch)
        return self._strategy.reduce("sum", on_replicas, axis=None)

    def _step(self, images, labels):
        logits = self._model(images, training=False)
        losses, errors = losses_and_errors(logits, labels)
        return tf.stack(
            [
                tf.reduce_sum(tf.cast(losses, tf.float64)),
                tf.cast(errors, tf.float64),
            ]
        )
