"""Training and evaluation steps on TensorFlow, on one or several replicas."""

from dlgn_tf.command import startup
from dlgn_tf.models.graphs import graph_of
from dlgn_tf.training.totals import Totals

tf = startup.tensorflow()


class TrainingSteps:
    """Runs many training steps between two returns to the host.

    The loss is the mean cross-entropy over the global batch (for an ensemble
    the sum of its members'), or what else the model's `objective` says, plus
    `l2` times the sum of squared trainable kernels (biases and batch
    normalisation are left out), plus whatever losses the model's layers add,
    plus the orthogonality penalty, which is counted apart.

    Args:
        model: `ImageClassifier`.
        optimizer: Keras optimiser; it is built here.
        strategy: `tf.distribute.Strategy`.
        batch_size: Integer, over all replicas.
        l2: Float.
        xla: Boolean. Whether XLA compiles the step.
        penalty: `PenaltyTerm`, or another function of the values of the
            trainable variables; None for none.
        teacher: `Teacher`, or another such function; None for none.
        rates: See `dlgn_tf.training.optimizers.gating_rate`; None for one rate.
    """

    def __init__(
        self,
        model,
        optimizer,
        strategy,
        batch_size,
        l2,
        xla=False,
        penalty=None,
        teacher=None,
        rates=None,
    ):
        self._model = model
        self._optimizer = optimizer
        self._strategy = strategy
        self._batch_size = batch_size
        self._l2 = l2
        self._penalty = penalty or (lambda values: tf.zeros([]))
        self._teacher = teacher or (lambda images, logits, losses: losses)
        self._rates = rates or list
        # Not a tf.function otherwise: several replicas cannot meet in one.
        self._compiled_step = (
            tf.function(self._step, jit_compile=True, autograph=False)
            if xla
            else self._step
        )
        with strategy.scope():
            optimizer.build(model.trainable_variables)

    def __call__(self, iterator, count, before=None):
        """Takes `count` batches from `iterator` and trains on them.

        Stops after a step whose loss is not finite.

        Args:
            iterator: Of batches, one per replica and step.
            count: Integer.
            before: `Totals` to go on adding to, step by step: the sums do not
                depend on how many steps are taken at once.
        """
        before = before or Totals()
        sums, taken, finite = self._run(
            iterator,
            tf.constant(count),
            tf.constant(before.sums(), tf.float64),
        )
        taken = int(taken)
        return Totals(
            before.images + taken * self._batch_size,
            before.steps + taken,
            *sums.numpy().tolist(),
            finite=bool(finite),
        )

    # AutoGraph would rewrite the sources of all that is called here, which is
    # a second of the start of a process.
    @tf.function(autograph=False)
    def _run(self, iterator, count, sums):
        def goes_on(sums, taken, finite):
            return tf.logical_and(taken < count, finite)

        def step(sums, taken, finite):
            on_replicas = self._strategy.run(
                self._compiled_step, next(iterator)
            )
            of_step = self._strategy.reduce("sum", on_replicas, axis=None)
            finite = tf.reduce_all(tf.math.is_finite(of_step))
            return sums + of_step, taken + 1, finite

        return tf.while_loop(goes_on, step, (sums, tf.constant(0), True))

    def _step(self, images, labels):
        variables = self._model.trainable_variables
        replicas = self._strategy.num_replicas_in_sync
        with tf.GradientTape() as tape:
            logits = self._model(images, training=True, by_member=True)
            losses, _ = self._measured(logits, labels)
            losses = self._teacher(images, logits, losses)
            # Gradients are summed over replicas, so each takes its share.
            regularization = self._regularization() / replicas
            penalty = self._penalty([v.value for v in variables]) / replicas
            scale = self._batch_size * self._model.objective.variance
            loss = tf.reduce_sum(losses) / scale
            loss += regularization + penalty
            # Does nothing but with float16, whose gradients need it.
            loss = self._optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, [v.value for v in variables])
        self._optimizer.apply(self._rates(gradients), variables)
        predicted = self._model.prediction(logits)
        losses, errors = self._measured(predicted, labels)
        return tf.stack(
            [
                tf.reduce_sum(tf.cast(losses, tf.float64)),
                tf.cast(regularization, tf.float64),
                tf.cast(errors, tf.float64),
                tf.cast(penalty, tf.float64),
            ]
        )

    def _measured(self, outputs, labels):
        objective = self._model.objective
        return objective.measured(outputs, labels, losses_and_errors)

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
    """Cross-entropy of each image (float32) and the number of errors.

    Args:
        logits: `(batch, classes)` or, for both by member, `(batch, members,
            classes)`.
        labels: Integers `(batch,)`.
    """
    logits = tf.cast(logits, tf.float32)
    if logits.shape.rank == 3:
        labels = tf.repeat(labels[:, None], logits.shape[1], axis=1)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    predicted = tf.argmax(logits, axis=-1, output_type=labels.dtype)
    wrong = tf.cast(predicted != labels, tf.int32)
    return losses, tf.reduce_sum(wrong, axis=0)


class Evaluation:
    """Evaluates a model over all images of a data set, ragged ends too."""

    def __init__(self, model, strategy):
        self._model = model
        self._strategy = strategy
        self._graph = graph_of(
            self._run, reduce_retracing=True, autograph=False
        )

    def __call__(self, dataset, images, on_batch=None):
        """`Totals` over all images of `dataset`.

        Args:
            dataset: Of (images, labels), one element a replica and batch: a
                distributed one where there are several.
            images: Integer. How many images it holds.
            on_batch: Called with the number of batches done.
        """
        # Of batches of any size, so that the last one is not traced anew.
        self._graph.get_concrete_function(dataset.element_spec)
        sums = 0.0
        for done, batch in enumerate(dataset, start=1):
            sums = sums + self._graph(batch).numpy()
            if on_batch:
                on_batch(done)
        return Totals.of_evaluation(images, done, sums)

    def _run(self, batch):
        on_replicas = self._strategy.run(self._step, batch)
        return self._strategy.reduce("sum", on_replicas, axis=None)

    def _step(self, images, labels):
        """Sums over the batch: losses, errors, errors of each member."""
        members = self._model.members if self._model.members > 1 else 0

        def measured():
            logits = self._model(images, training=False, by_member=True)
            predicted = self._model.prediction(logits)
            losses, errors = self._model.objective.measured(
                predicted, labels, losses_and_errors
            )
            sums = [tf.reduce_sum(tf.cast(losses, tf.float64)), errors]
            if members:
                sums += tf.unstack(losses_and_errors(logits, labels)[1])
            return tf.stack([tf.cast(x, tf.float64) for x in sums])

        # A replica for which the last batch left nothing must stay away from
        # the network: oneDNN's fused convolutions fail on no image at all.
        return tf.cond(
            tf.size(labels) > 0,
            measured,
            lambda: tf.zeros(2 + members, tf.float64),
        )
