"""Training on TensorFlow: one device, several, or several machines."""

import functools
import pathlib

import keras

from dlgn_tf.command import startup
from dlgn_tf.data import batches
from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.training import (
    agreement,
    configured,
    engine,
    optimizers,
    strategies,
    teacher,
)
from dlgn_tf.training.orthogonality import PenaltyTerm
from dlgn_tf.training.steps import Evaluation, TrainingSteps
from dlgn_tf.training.summaries import gate_statistics

tf = startup.tensorflow()


class TensorFlowEngine:
    """See `dlgn_tf.training.engine.Engine`.

    Args:
        config: `Config`.
        model: See `dlgn_tf.training.engines.create_engine`.
    """

    write_errors = (tf.errors.OpError,)

    def __init__(self, config, model=None):
        if config.strategy == "multi_worker":
            # TensorFlow's own waiting cannot be ended, nor does it compare.
            agreement.agree(config)
        # Before any operation: several machines find each other here.
        self.strategy = strategies.create_strategy(config.strategy)
        replicas = self.strategy.num_replicas_in_sync
        batches.check_splits(config.batch_size, replicas)
        if config.deterministic:
            # NumPy takes no larger ones.
            keras.utils.set_random_seed(config.seed % 2**32)
            tf.config.experimental.enable_op_determinism()
        keras.config.set_dtype_policy(config.mixed_precision)
        # Weights are sent from one process to the others.
        with strategies.answering(self.strategy), self.strategy.scope():
            self.model = model or configured.create_configured_model(config)
            self.optimizer = optimizers.create_optimizer(config)
            # Batches taken. The optimiser's own count, the same otherwise,
            # leaves out steps that float16 has to skip.
            self._clock = tf.Variable(0, dtype=tf.int64, trainable=False)
            self._train_steps = TrainingSteps(
                self.model,
                self.optimizer,
                self.strategy,
                config.batch_size,
                config.l2,
                config.xla,
                PenaltyTerm(self.model, config),
                teacher.of(config),
                optimizers.gating_rate(self.model, config),
            )
        self._evaluation = Evaluation(self.model, self.strategy)
        self._local_statistics = config.batch_norm == "local"
        self.description = strategies.describe(self.strategy)
        self.chief = strategies.is_chief(self.strategy)

    @property
    def step(self):
        return int(self._clock.numpy())

    def start(self, sampler, stop):
        start = self.step

        def pipeline(context):
            share = strategies.share(context)
            return batches.train_dataset(sampler, start, stop, share)

        self._iterator = iter(
            self.strategy.distribute_datasets_from_function(pipeline)
        )

    def train(self, count, totals):
        with strategies.answering(self.strategy):
            after = self._train_steps(self._iterator, count, totals)
            if strategies.is_multi_worker(self.strategy):
                # Here all processes meet; the chief saves alone. The mean of
                # moving averages is the moving average of the means, so it
                # does not matter when.
                self._average_local_statistics()
        self._clock.assign_add(after.steps - totals.steps)
        return after

    def evaluate(self, image_set, batch_size, on_batch=None):
        def pipeline(context):
            share = strategies.share(context)
            return batches.test_dataset(image_set, batch_size, share)

        with strategies.answering(self.strategy):
            self._average_local_statistics()
            dataset = self.strategy.distribute_datasets_from_function(pipeline)
            totals = self._evaluation(dataset, len(image_set), on_batch)
        return self.model.objective.of_examples(totals, image_set.labels)

    def learning_rate(self):
        return optimizers.learning_rate_at(self.optimizer, self.step)

    def weights_are_finite(self):
        # In no graph, which would take longer to be traced.
        return all(
            tf.reduce_all(tf.math.is_finite(variable.value))
            for variable in self.model.weights
        )

    def gate_statistics(self, images):
        statistics = self._gates(tf.constant(images))
        return tf.nest.map_structure(lambda x: x.numpy(), statistics)

    @tf.function(autograph=False)
    def _gates(self, images):
        return gate_statistics(self.model, images)

    def save_model(self, path):
        self._settle_statistics()
        self.model.save(path)

    def save(self, prefix):
        self._settle_statistics()
        with files.as_tensorflow_reads_it(prefix.parent) as folder:
            self._checkpoint().write(str(folder / prefix.name))
        # For tf.train.latest_checkpoint; nothing here reads it.
        state = f'model_checkpoint_path: "{prefix.name}"\n'
        prefix.with_name("checkpoint").write_text(state)

    def _checkpoint(self):
        return tf.train.Checkpoint(
            model=self.model, optimizer=self.optimizer, step=self._clock
        )

    def restore(self, prefix):
        _check_lost_variables(self.model, prefix)
        _restore(self._checkpoint(), prefix)

    def any(self, flag):
        if not strategies.is_multi_worker(self.strategy):
            return flag
        with strategies.answering(self.strategy):
            return bool(self._sum(tf.constant(int(flag))) > 0)

    @tf.function(autograph=False)
    def _sum(self, value):
        on_replicas = self.strategy.run(tf.identity, (value,))
        return self.strategy.reduce("sum", on_replicas, axis=None)

    def sync(self):
        """Gives all processes what the chief has restored."""
        if self.strategy.num_replicas_in_sync == 1:
            return
        variables = [
            self._clock,
            *(variable.value for variable in self.model.variables),
            *(variable.value for variable in self.optimizer.variables),
        ]

        def from_first(context, value):
            first = context.replica_id_in_sync_group == 0
            value = tf.where(first, value, tf.zeros_like(value))
            return context.all_reduce("sum", value)

        with strategies.answering(self.strategy):
            self._assigning(variables, from_first)()

    def _settle_statistics(self):
        """As below, where this process need not meet with others."""
        if not strategies.is_multi_worker(self.strategy):
            self._average_local_statistics()

    def _average_local_statistics(self):
        """Moving statistics that replicas keep apart become their mean."""
        if self._local_statistics:
            self._assign_means()

    @functools.cached_property
    def _assign_means(self):
        # Kept, as each one is traced anew.
        return self._assigning(
            [v.value for v in configured.moving_statistics(self.model)],
            lambda context, value: context.all_reduce("mean", value),
        )

    def _assigning(self, variables, function):
        """What assigns `function(replica context, value)` to each variable."""

        @tf.function(autograph=False)
        def everywhere():
            self.strategy.run(in_replica)

        def in_replica():
            context = tf.distribute.get_replica_context()
            for variable in variables:
                value = variable.read_value()
                variable.assign(function(context, value))

        return everywhere


def _check_lost_variables(model, prefix):
    """Refuses a checkpoint of a network that had more variables.

    TensorFlow passes over what it is not asked for: a network that has lost its
    biases since would be restored, and compute something else.
    """
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    name = "_CHECKPOINTABLE_OBJECT_GRAPH"
    with engine.misfits(prefix):
        try:
            with files.as_tensorflow_reads_it(prefix.parent) as folder:
                path = str(folder / prefix.name)
                stored = tf.train.load_variable(path, name)
        except tf.errors.OpError:
            # Restoring says what there is instead.
            return
        graph = trackable_object_graph_pb2.TrackableObjectGraph
        nodes = graph.FromString(stored).nodes
        roots = nodes[0].children
        left = [x.node_id for x in roots if x.local_name == "model"]
        of_model = set(left)
        while left:
            children = {x.node_id for x in nodes[left.pop()].children}
            left += children - of_model
            of_model |= children
        count = sum(bool(nodes[node].attributes) for node in of_model)
        if count > len(model.variables):
            raise ValueError(
                f"{count} variables in place of {len(model.variables)}; the "
                "run's .keras files hold its network as it was made"
            )


def restore_model(prefix, model):
    """See `dlgn_tf.training.engines.restore_model`."""
    _check_lost_variables(model, prefix)
    _restore(tf.train.Checkpoint(model=model), prefix)


def evaluate_model(model, image_set, batch_size):
    """See `dlgn_tf.training.engines.evaluate_model`."""
    evaluation = Evaluation(model, tf.distribute.get_strategy())
    dataset = batches.test_dataset(image_set, batch_size)
    totals = evaluation(dataset, len(image_set))
    return model.objective.of_examples(totals, image_set.labels)


def _restore(checkpoint, prefix):
    """Restores all that `checkpoint` names; what else is there may stay."""
    if not pathlib.Path(f"{prefix}.index").exists():
        raise UserError(
            "Expected a checkpoint of KERAS_BACKEND=tensorflow. Received: "
            f"{prefix}, written on another backend"
        )
    # It lists what was not asked for when the model goes.
    tf.get_logger().addFilter(_is_of_more_than_leftovers)
    with engine.misfits(prefix, tf.errors.OpError):
        with files.as_tensorflow_reads_it(prefix.parent) as folder:
            status = checkpoint.read(str(folder / prefix.name))
        status.assert_existing_objects_matched()


def _is_of_more_than_leftovers(record):
    text = str(record.msg)
    return not ("unrestored values" in text or "restored object" in text)
