"""Where a run computes: one device, all of them, or several machines."""

import contextlib
import re

from dlgn_tf.command import startup
from dlgn_tf.data.batches import Share
from dlgn_tf.errors import UserError

tf = startup.tensorflow()

# What collective operations raise where a process is gone.
_LOST_PEER_ERRORS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.UnavailableError,
)


def create_strategy(name):
    """A distribution strategy by name.

    Args:
        name: `"auto"` (all visible GPUs if there are several, else one
            device), `"single"` (one device), `"mirrored"`
            (`MirroredStrategy` over all visible GPUs, or over all logical CPUs
            where there is none) or `"multi_worker"`
            (`MultiWorkerMirroredStrategy` over the machines that the
            environment variable TF_CONFIG names).

    Returns:
        `tf.distribute.Strategy`.
    """
    if name == "multi_worker":
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        with _answering(resolver):
            return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    gpus = tf.config.list_logical_devices("GPU")
    if name == "single" or (name == "auto" and len(gpus) < 2):
        # The default strategy: TensorFlow places operations as usual.
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def is_multi_worker(strategy):
    """Whether a `tf.distribute.Strategy` spans several processes."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(strategy):
    """Whether this process is the one that writes."""
    if not is_multi_worker(strategy):
        return True
    resolver = strategy.cluster_resolver
    if resolver.task_type is None:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker"
        and resolver.task_id == 0
        and "chief" not in resolver.cluster_spec().jobs
    )


def share(context):
    """The `Share` of each batch for a `tf.distribute.InputContext`."""
    replicas = context.num_replicas_in_sync
    count = replicas // context.num_input_pipelines
    return Share(replicas, context.input_pipeline_id * count, count)


def describe(strategy):
    """One phrase for people, such as `"2 replicas on GPU"`."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    replicas = strategy.num_replicas_in_sync
    phrase = f"{replicas} replica{'s' if replicas > 1 else ''} on {kind}"
    if is_multi_worker(strategy):
        count = _worker_count(strategy.cluster_resolver)
        phrase += f" in {count} processes"
    return phrase


def _worker_count(resolver):
    spec = resolver.cluster_spec()
    return sum(spec.num_tasks(job) for job in spec.jobs)


def answering(strategy):
    """Turns the errors that a lost process raises here into a `UserError`.

    A context; in a single process it does nothing.
    """
    if is_multi_worker(strategy):
        return _answering(strategy.cluster_resolver)
    return contextlib.nullcontext()


@contextlib.contextmanager
def _answering(resolver):
    try:
        yield
    except _LOST_PEER_ERRORS as error:
        raise UserError(
            f"Expected all {_worker_count(resolver)} workers to answer. "
            f"Received: {_reason(error)}; start all of them again to go on "
            "from the last checkpoint"
        ) from error


def _reason(error):
    """Who is gone and why, out of many lines with a traceback."""
    lines = [line.strip() for line in error.message.splitlines()]
    why = [line for line in lines if line.startswith("Collective ops")]
    who = re.search(r"/job:(\w+)/replica:\d+/task:(\d+)", error.message)
    what = (why or lines or [""])[0][:160].rstrip(" :")
    reason = f"{type(error).__name__}: {what}"
    return f"{reason} (from {who[1]} {who[2]})" if who else reason
