"""KERAS_BACKEND=jax: what TensorFlow computes, and runs without it.

The backend is fixed for a process, so each has its own.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import dlgn_tf

PACKAGE_PARENT = pathlib.Path(dlgn_tf.__file__).parents[1]
LONGEST = 300

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None,
    reason="jax is not installed (pip install jax)",
)

MODELS = {
    "c1gap_dnn": ("--width=8", "--members=3"),
    "c4gap_dlgn": ("--width=8",),
    "c4gap_dlgn_sf": ("--width=8",),
    "resnet20_dnn": ("--width=4", "--depth=8"),
    "resnet20_dgn": ("--width=4", "--depth=8"),
    "smallcnn_dgn": (
        "--width=4",
        "--padding=same",
        "--apodized",
        "--activation=abs_beta_vq",
        "--activation_beta_mode=per_channel",
    ),
}

# Writes to the file of the first argument what the backend computes.
PARITY = '''
import sys

import keras
import numpy as np
from absl import flags

from dlgn_tf import config as config_lib
from dlgn_tf import layers
from dlgn_tf.data import sources
from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.training import engines
from dlgn_tf.training import configured
from dlgn_tf.training.totals import Totals

RESULTS = {}


def record(name, values):
    if not isinstance(values, (list, tuple)):
        values = [values]
    for index, value in enumerate(values):
        array = keras.ops.convert_to_numpy(value)
        RESULTS[f"{name}/{index}"] = np.asarray(array)


def gradients(function, *inputs):
    """Of a scalar function."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function, range(len(inputs)))(*inputs)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
    return tape.gradient(value, inputs)


def check_layer(name, layer, inputs, **arguments):
    generator = np.random.default_rng(1)
    x = keras.ops.convert_to_tensor(inputs)
    layer.build(inputs.shape)
    for variable in layer.weights:
        value = generator.uniform(0.5, 1.5, variable.shape)
        variable.assign(value.astype("float32"))
    outputs = layer(x, **arguments)
    record(f"{name}/outputs", outputs)
    record(f"{name}/weights", layer.get_weights())
    if inputs.dtype == np.uint8 or name == "hard_gate":
        return
    factors = generator.normal(size=outputs.shape).astype("float32")
    if arguments.get("training"):
        # Under JAX's gradient no variable may change.
        def call(inputs):
            trainable = [v.value for v in layer.trainable_variables]
            rest = [v.value for v in layer.non_trainable_variables]
            if keras.backend.backend() == "tensorflow":
                return layer(inputs, **arguments)
            return layer.stateless_call(trainable, rest, inputs, **arguments)[0]
    else:
        def call(inputs):
            return layer(inputs, **arguments)
    # That of a hard gate is None on one backend and 0 on the other.
    found = gradients(lambda x: keras.ops.sum(call(x) * factors), x)
    record(f"{name}/gradients", found)


def check_layers():
    generator = np.random.default_rng(0)
    images = generator.normal(size=(4, 5, 6, 3)).astype("float32")
    rows = generator.normal(size=(6, 3)).astype("float32")
    pixels = generator.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    check_layer("soft_gate", layers.Gate("soft", 4.0, 0.1), images)
    check_layer("hard_gate", layers.Gate("hard"), images)
    for name, inputs in (("images", images), ("rows", rows)):
        for training in (False, True):
            check_layer(
                f"batch_norm_{name}_{training}",
                layers.BatchNorm(),
                inputs,
                training=training,
            )
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    for inputs, name in ((pixels, "uint8"), (255 * abs(images), "float32")):
        check_layer(
            f"pixels_{name}", layers.PixelNormalization(mean, std), inputs
        )
    for kind, mode in (
        ("relu", "per_channel"), ("leaky", "fixed"), ("abs", "per_layer")
    ):
        layer = layers.BetaVQ(kind, 0.3, mode)
        check_layer(f"beta_vq_{kind}", layer, images)
    layer = layers.BetaVQPooling(3, 2, "same", 0.3, "per_channel")
    check_layer("beta_vq_pooling", layer, images)
    check_layer("apodized", layers.ApodizedConv2D(4, 3, strides=2), images)
    check_layer("per_image", layers.PerImageStandardization(), pixels)
    check_layer("shortcut", layers.SubsampleAndPad(7, 2), images)


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


def configured(*arguments):
    small = ("--dataset=digits", "--batch_size=32")
    return config_lib.from_flags(*small, *arguments)


def check_model(name, options):
    config = configured(
        f"--model={name}",
        "--optimizer=sgd",
        "--learning_rates=0.1",
        "--momentum=0.9",
        "--l2=0.001",
        *options,
    )
    engine = engines.create_engine(config)
    model = engine.model
    RESULTS[f"{name}/paths"] = np.array([v.path for v in model.weights])
    RESULTS[f"{name}/seeded"] = model.get_weights()[0]
    set_weights(model)
    train, test = sources.load("digits", train_examples=500)
    record(f"{name}/inference", model(test.images[:50], training=False))
    totals = engine.evaluate(test, 70)
    RESULTS[f"{name}/evaluation"] = np.array(
        [
            totals.images,
            totals.mean_classification_loss,
            totals.errors,
            *totals.member_errors,
        ]
    )
    statistics = engine.gate_statistics(test.images[:8])
    for site, (share, sample) in statistics.items():
        record(f"{name}/gates/{site}", [share, sample])
    engine.start(BatchSampler(train, 32, 5), 20)
    curve = []
    for step in range(20):
        totals = engine.train(1, Totals())
        curve.append(totals.sums())
        if step in (0, 2):
            record(f"{name}/weights{step}", model.get_weights())
            record(
                f"{name}/velocities{step}",
                [v.value for v in engine.optimizer.variables[2:]],
            )
    RESULTS[f"{name}/curve"] = np.array(curve)
    other = configured.create_configured_model(config)
    set_weights(other)
    record(f"{name}/training", other(train.images[:32], training=True))
    record(f"{name}/moved", other.get_weights())


check_layers()
for argument in sys.argv[2:]:
    name, *options = argument.split(",")
    check_model(name, options)
np.savez(sys.argv[1], **RESULTS)
'''

# A module as a program, where TensorFlow cannot be imported.
WITHOUT_TENSORFLOW = """
import runpy
import sys

sys.modules["tensorflow"] = None
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def run(cwd, backend, code, *arguments, **variables):
    path = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")]
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            # Both on the processor, with full float32 products.
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What the two backends compute, as dicts of arrays."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed, nothing to compare with")
    place = tmp_path_factory.mktemp("parity")
    models = [",".join([name, *options]) for name, options in MODELS.items()]
    found = {}
    for backend in ("tensorflow", "jax"):
        file = place / f"{backend}.npz"
        done = run(place, backend, PARITY, file, *models)
        assert done.returncode == 0, done.stderr[-3000:]
        with np.load(file) as arrays:
            found[backend] = dict(arrays)
    assert found["jax"].keys() == found["tensorflow"].keys()
    return found["jax"], found["tensorflow"]


def assert_equal(both, prefix, least=1, scale=1.0):
    """Equal to 1e-4 of `scale`."""
    actual, expected = both
    keys = [key for key in expected if key.startswith(f"{prefix}/")]
    assert len(keys) >= least
    for key in keys:
        np.testing.assert_allclose(
            actual[key],
            expected[key],
            rtol=1e-4,
            atol=1e-4 * scale,
            err_msg=key,
        )


@pytest.mark.parametrize(
    "name",
    [
        "soft_gate",
        "hard_gate",
        "batch_norm_images_False",
        "batch_norm_images_True",
        "batch_norm_rows_False",
        "batch_norm_rows_True",
        "pixels_uint8",
        "pixels_float32",
        "shortcut",
        "beta_vq_relu",
        "beta_vq_leaky",
        "beta_vq_abs",
        "beta_vq_pooling",
        "apodized",
        "per_image",
    ],
)
def test_layers_equal(name, both):
    assert_equal(both, f"{name}/outputs")
    assert_equal(both, f"{name}/weights", 4 if "batch_norm" in name else 0)
    of_bytes = ("pixels_uint8", "per_image")
    gradients = 0 if name in ("hard_gate", *of_bytes) else 1
    if name != "hard_gate":
        assert_equal(both, f"{name}/gradients", gradients)


@pytest.mark.parametrize("name", MODELS)
def test_models_equal(name, both):
    actual, expected = both
    assert (
        actual[f"{name}/paths"].tolist() == expected[f"{name}/paths"].tolist()
    )
    assert_equal(both, f"{name}/inference")
    assert_equal(both, f"{name}/training")
    assert_equal(both, f"{name}/moved", 4)
    assert_equal(both, f"{name}/gates", 4)
    one, two = actual[f"{name}/evaluation"], expected[f"{name}/evaluation"]
    assert one[0] == two[0] == 360
    np.testing.assert_allclose(one[1:], two[1:], rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_training_steps_equal(name, both):
    """After the first step the velocities are -0.1 times the gradient."""
    trained = 3
    assert_equal(both, f"{name}/velocities0", trained, 0.1)
    for step in (0, 2):
        assert_equal(both, f"{name}/weights{step}", trained)
        assert_equal(both, f"{name}/velocities{step}", trained)


@pytest.mark.parametrize(
    ("name", "steps"),
    # Deep networks with steep gates magnify rounding errors tenfold in a few
    # steps at this learning rate.
    [("c1gap_dnn", 20), ("c4gap_dlgn", 20), ("c4gap_dlgn_sf", 20)]
    + [("resnet20_dnn", 10), ("resnet20_dgn", 5)],
)
def test_loss_curves_equal(name, steps, both):
    """From the same weights; Keras draws others from a seed on each."""
    actual, expected = (of_one[f"{name}/curve"][:steps] for of_one in both)
    # Cross-entropy, L2, errors and the penalty on filters.
    assert actual.shape == (steps, 4)
    # Sums over 32 images.
    np.testing.assert_allclose(
        actual[:, 0] / 32, expected[:, 0] / 32, rtol=1e-3, atol=0
    )
    np.testing.assert_allclose(actual[:, 1], expected[:, 1], rtol=1e-3)
    assert np.abs(actual[:, 2] - expected[:, 2]).max() <= 1


def train(place, name, steps, *flags):
    done = run(
        place,
        "jax",
        WITHOUT_TENSORFLOW,
        "dlgn_tf.train",
        "--model=c4gap_dlgn",
        "--dataset=digits",
        "--width=16",
        "--optimizer=adam",
        "--learning_rates=0.003",
        "--batch_size=64",
        "--augmentation=crop",
        "--log_every=20",
        "--eval_every=60",
        "--eval_batch_size=359",
        "--seed=3",
        f"--train_steps={steps}",
        f"--run_dir={place / name}",
        *flags,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("jax")


@pytest.fixture(scope="module")
def whole(place):
    """A run of 120 steps in one go, and what it printed."""
    return place / "whole", train(place, "whole", 120)


def metrics(path):
    lines = (path / "metrics.jsonl").read_text().splitlines()
    return {line["step"]: line for line in map(json.loads, lines)}


def weights(path):
    """Of a run's final model, as arrays by name, whatever reads it."""
    import zipfile

    import h5py

    found = {}
    with zipfile.ZipFile(path / "model.keras") as archive:
        with archive.open("model.weights.h5") as file, h5py.File(file) as h5:
            h5.visititems(
                lambda name, item: (
                    found.update({name: item[()]})
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
    return found


def test_run_without_tensorflow(whole):
    path, printed = whole
    assert "JAX on cpu" in printed
    assert {entry.name for entry in path.iterdir()} == {
        "flags.txt",
        "lock",
        "checkpoints",
        "train",
        "test",
        "metrics.jsonl",
        "best.keras",
        "model.keras",
    }
    found = metrics(path)
    assert list(found) == [60, 120]
    assert found[120]["test_accuracy"] > 0.6
    assert found[120]["test_images"] == 360
    assert {f.name for f in (path / "checkpoints").iterdir()} == {
        f"ckpt-{step}{end}"
        for step in (60, 120)
        for end in (".json", ".weights.h5", ".optimizer.npz")
    }


def test_continued_run_has_the_same_bits(whole, place):
    path, _ = whole
    train(place, "parts", 70)
    assert "continuing at step 70" in train(place, "parts", 120)
    expected, actual = weights(path), weights(place / "parts")
    assert len(expected) >= 18
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value, err_msg=name)
    of_whole, of_parts = metrics(path), metrics(place / "parts")
    assert list(of_parts) == [60, 70, 120]
    assert of_parts[60] == of_whole[60]
    for name in set(of_whole[120]) - {"best_test_accuracy"}:
        assert of_parts[120][name] == of_whole[120][name]


def test_events_can_be_read(whole):
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.util import tensor_util

    path, _ = whole

    def scalars(run, tag):
        events = event_accumulator.EventAccumulator(str(path / run))
        points = events.Reload().Tensors(tag)
        return {
            point.step: float(tensor_util.make_ndarray(point.tensor_proto))
            for point in points
        }

    curve = scalars("train", "classification_loss")
    assert list(curve) == [20, 40, 60, 80, 100, 120]
    assert curve[120] < 0.8 * curve[20]
    errors = scalars("test", "error_rate")
    for step, line in metrics(path).items():
        assert errors[step] == pytest.approx(line["test_error_rate"])


def test_evaluation_without_tensorflow(whole, place):
    path, _ = whole
    done = run(
        place,
        "jax",
        WITHOUT_TENSORFLOW,
        "dlgn_tf.evaluate",
        f"--run_dir={path}",
        f"--output={place / 'result.json'}",
        "--eval_batch_size=100",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads((place / "result.json").read_text())
    last = metrics(path)[120]
    assert result["step"] == 120
    assert result["test_accuracy"] == last["test_accuracy"]
    assert result["test_classification_loss"] == pytest.approx(
        last["test_classification_loss"], rel=1e-5
    )


@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker"])
def test_several_devices_are_refused(strategy, tmp_path):
    task = {"type": "worker", "index": 0}
    cluster = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
    done = run(
        tmp_path,
        "jax",
        WITHOUT_TENSORFLOW,
        "dlgn_tf.train",
        "--model=c4gap_dlgn",
        "--dataset=digits",
        f"--strategy={strategy}",
        f"--run_dir={tmp_path / 'run'}",
        TF_CONFIG=json.dumps({"cluster": cluster, "task": task}),
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Expected --strategy=auto or single" in done.stderr
    assert f"--strategy={strategy}" in done.stderr
    assert not (tmp_path / "run").exists()
