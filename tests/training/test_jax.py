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
LONGEST = 600

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

PARITY = pathlib.Path(__file__).with_name("parity.py")

# A module as a program, where TensorFlow cannot be imported.
WITHOUT_TENSORFLOW = """
import runpy
import sys

sys.modules["tensorflow"] = None
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def run_on_jax(cwd, *arguments):
    path = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")]
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            # On the processor, with full float32 products; compiling is most
            # of the time.
            "JAX_PLATFORMS": "cpu",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        },
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory, module_of):
    """What the two backends compute, as dicts of arrays."""
    place = tmp_path_factory.mktemp("parity")
    models = [",".join([name, *options]) for name, options in MODELS.items()]
    done = run_on_jax(place, PARITY, "jax.npz", *models)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(place / "jax.npz") as arrays:
        found = dict(arrays)
    parity, here = module_of(PARITY), {}
    for name, options in MODELS.items():
        here |= parity.results(name, options)
    assert found.keys() == here.keys()
    return found, here


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
    done = run_on_jax(
        place,
        "-c",
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
    done = run_on_jax(
        place,
        "-c",
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
