"""Where a run computes: one device, all of them, or several machines."""

import tensorflow as tf

from dlgn_tf.data.batches import Share


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
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "single" or (name == "auto" and len(gpus) < 2):
        # The default strategy: TensorFlow places operations as usual.
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def is_multi_worker(strategy):
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
    """The `Share` of each batch that a process' replicas take.

    Args:
        context: `tf.distribute.InputContext`.
    """
    replicas = context.num_replicas_in_sync
    count = replicas // context.num_input_pipelines
    return Share(replicas, context.input_pipeline_id * count, count)


def describe(strategy):
    """One phrase for people, such as `"2 replicas on GPU"`."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    replicas = strategy.num_replicas_in_sync
    phrase = f"{replicas} replica{'s' if replicas > 1 else ''} on {kind}"
    if is_multi_worker(strategy):
        spec = strategy.cluster_resolver.cluster_spec()
        workers = sum(spec.num_tasks(job) for job in spec.jobs)
        phrase += f" in {workers} processes"
    return phrase
