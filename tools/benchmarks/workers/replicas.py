"""Training steps on one replica or two, on cores of their own."""

import json
import os


def job(kind, cores, name, batch_size, steps, options="{}"):
    """With `kind` `"single"`, `"mirrored"`, over two logical CPUs, or
    `"multi_worker"`, of which this is the one that TF_CONFIG says; `cores` are
    numbers with commas between them.
    """
    batch_size, steps = int(batch_size), int(steps)
    if cores:
        # Before TensorFlow counts them.
        os.sched_setaffinity(0, map(int, cores.split(",")))
    import tensorflow as tf

    from benchmarks import trainings
    from dlgn_tf.models.build import create_model
    from dlgn_tf.training import strategies

    if kind == "mirrored":
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * 2,
        )
    strategy = strategies.create_strategy(kind)
    with strategy.scope():
        model = create_model(name, seed=0, **json.loads(options))
        train = trainings.own(model, batch_size, steps, strategy=strategy)

    def turn():
        train()
        return {"amount": batch_size * steps}

    return turn
