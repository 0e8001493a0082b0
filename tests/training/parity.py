"""What the backend computes of small models, for test_jax.

As a program, `parity.py FILE.npz MODEL,FLAG,... ...`, it writes that to a file;
the backend is fixed for a process.
"""

import sys

import keras
import numpy as np

from dlgn_tf import config as config_lib
from dlgn_tf.data import sources
from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.dual import empirical_ntk
from dlgn_tf.training import configured, engines
from dlgn_tf.training.totals import Totals

# Models of which it is computed.
TANGENT_KERNELS = ("c4gap_dlgn",)


def set_weights(model):
    """From NumPy alone, in the order of the variables."""
    generator = np.random.default_rng(2)
    for variable in model.weights:
        value = generator.normal(size=variable.shape)
        if variable.name == "kernel":
            value *= np.sqrt(2 / np.prod(variable.shape[:-1]))
        elif variable.name == "moving_variance":
            value = np.exp(0.3 * value)
        else:
            value = 0.1 * value + (variable.name == "gamma")
        variable.assign(value.astype("float32"))


def config_of(name, options):
    fixed = ("--dataset=digits", "--batch_size=32", "--optimizer=sgd")
    rates = ("--learning_rates=0.1", "--momentum=0.9", "--l2=0.001")
    return config_lib.from_flags(f"--model={name}", *fixed, *rates, *options)


def results(name, options):
    """Dict of arrays: outputs, gates, evaluation and twenty training steps."""
    found = {}

    def record(key, values):
        if not isinstance(values, (list, tuple)):
            values = [values]
        for index, value in enumerate(values):
            array = keras.ops.convert_to_numpy(value)
            found[f"{name}/{key}/{index}"] = np.asarray(array)

    config = config_of(name, options)
    engine = engines.create_engine(config)
    model = engine.model
    found[f"{name}/paths"] = np.array([v.path for v in model.weights])
    set_weights(model)
    train, test = sources.load("digits", train_examples=500)
    record("inference", model(test.images[:50], training=False))
    if name in TANGENT_KERNELS:
        # More than pass through the network together.
        kernel = empirical_ntk(model, test.images[:9], logit=1)
        for part, matrix in kernel.parts.items():
            record(f"tangent_kernel/{part}", matrix / np.abs(matrix).max())
    totals = engine.evaluate(test, 70)
    found[f"{name}/evaluation"] = np.array(
        [
            totals.images,
            totals.mean_classification_loss,
            totals.errors,
            *totals.member_errors,
        ]
    )
    for site, statistics in engine.gate_statistics(test.images[:8]).items():
        record(f"gates/{site}", statistics)
    engine.start(BatchSampler(train, 32, 5), 20)
    curve = []
    for step in range(20):
        totals = engine.train(1, Totals())
        curve.append(totals.sums())
        if step in (0, 2):
            record(f"weights{step}", model.get_weights())
            velocities = [v.value for v in engine.optimizer.variables[2:]]
            record(f"velocities{step}", velocities)
    found[f"{name}/curve"] = np.array(curve)
    other = configured.create_configured_model(config)
    set_weights(other)
    record("training", other(train.images[:32], training=True))
    record("moved", other.get_weights())
    return found


if __name__ == "__main__":
    file, *models = sys.argv[1:]
    everything = {}
    for model_and_flags in models:
        model_name, *its_flags = model_and_flags.split(",")
        everything |= results(model_name, its_flags)
    np.savez(file, **everything)
