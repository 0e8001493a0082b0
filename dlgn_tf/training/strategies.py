"""Where a run computes: one device, or all of them."""

import tensorflow as tf


def create_strategy(name):
    """A distribution strategy by name.

    Args:
        name: `"auto"` (all visible GPUs if there are several, else one
            device), `"single"` (one device) or `"mirrored"`
            (`MirroredStrategy` over all visible GPUs, or over all logical CPUs
            where there is none).

    Returns:
        `tf.distribute.Strategy`.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if name == "single" or (name == "auto" and len(gpus) < 2):
        # The default strategy: TensorFlow places operations as usual.
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def describe(strategy):
    """One phrase for people, such as `"2 replicas on GPU"`."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    replicas = strategy.num_replicas_in_sync
    return f"{replicas} replica{'s' if replicas > 1 else ''} on {kind}"
