"""KERAS_BACKEND=jax: what TensorFlow computes, and runs without it.

The backend is fixed for a process, so each has its own.
"""

import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from dlgn_tf.training.run_directory import RunDirectory

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

# Commands one after another, where TensorFlow cannot be imported.
WITHOUT_TENSORFLOW = """
import json
import sys

sys.modules["tensorflow"] = None
from dlgn_tf import evaluate, train
from dlgn_tf.command import fields

for words in json.loads(sys.argv[1]):
    entry = evaluate if words[0].startswith("--run_dir") else train
    entry.run(fields.parse(entry.Command, words))
    print("####", flush=True)
"""


@pytest.fixture(scope="module")
def run_on_jax(jax_environment):
    """A function that runs Python in a folder; what it prints."""

    def run(cwd, *words):
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=cwd,
            # On the processor, with full float32 products.
            env={**jax_environment, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


@pytest.fixture(scope="module")
def both(tmp_path_factory, module_of, run_on_jax):
    """What the two backends compute, as dicts of arrays."""
    place = tmp_path_factory.mktemp("parity")
    models = [",".join([name, *options]) for name, options in MODELS.items()]
    run_on_jax(place, PARITY, "jax.npz", *models)
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


def test_tangent_kernels_equal(both):
    """Value and gating part, each in units of its largest number."""
    assert_equal(both, "c4gap_dlgn/tangent_kernel", 2)


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


TRAIN = (
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
)
EVALUATE = ("--run_dir=whole", "--output=result.json", "--eval_batch_size=100")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("jax")


@pytest.fixture(scope="module")
def printed(place, run_on_jax):
    """By a run in one go, one in two parts, and an evaluation of the first."""
    runs = [("whole", 120), ("parts", 70), ("parts", 120)]
    words = [
        (*TRAIN, f"--run_dir={name}", f"--train_steps={steps}")
        for name, steps in runs
    ]
    commands = json.dumps([*words, EVALUATE])
    return run_on_jax(place, "-c", WITHOUT_TENSORFLOW, commands).split("####")


@pytest.fixture(scope="module")
def whole(place, printed):
    return place / "whole"


def metrics(path):
    return {line["step"]: line for line in RunDirectory(path).read_metrics()}


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


def test_run_without_tensorflow(whole, printed):
    assert "JAX on cpu" in printed[0]
    assert {entry.name for entry in whole.iterdir()} == {
        "flags.txt",
        "lock",
        "checkpoints",
        "train",
        "test",
        "metrics.jsonl",
        "best.keras",
        "model.keras",
    }
    found = metrics(whole)
    assert list(found) == [60, 120]
    assert found[120]["test_accuracy"] > 0.6
    assert found[120]["test_images"] == 360
    assert {f.name for f in (whole / "checkpoints").iterdir()} == {
        f"ckpt-{step}{end}"
        for step in (60, 120)
        for end in (".json", ".weights.h5", ".optimizer.npz")
    }


def test_continued_run_has_the_same_bits(whole, printed, place):
    assert "continuing at step 70" in printed[2]
    expected, actual = weights(whole), weights(place / "parts")
    assert len(expected) >= 18
    np.testing.assert_equal(actual, expected)
    of_whole, of_parts = metrics(whole), metrics(place / "parts")
    assert list(of_parts) == [60, 70, 120]
    assert of_parts[60] == of_whole[60]
    for name in set(of_whole[120]) - {"best_test_accuracy"}:
        assert of_parts[120][name] == of_whole[120][name]


def test_events_can_be_read(whole):
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.util import tensor_util

    def scalars(run, tag):
        events = event_accumulator.EventAccumulator(str(whole / run))
        points = events.Reload().Tensors(tag)
        return {
            point.step: float(tensor_util.make_ndarray(point.tensor_proto))
            for point in points
        }

    curve = scalars("train", "classification_loss")
    assert list(curve) == [20, 40, 60, 80, 100, 120]
    assert curve[120] < 0.8 * curve[20]
    errors = scalars("test", "error_rate")
    for step, line in metrics(whole).items():
        assert errors[step] == pytest.approx(line["test_error_rate"])


def test_evaluation_without_tensorflow(whole, place):
    result = json.loads((place / "result.json").read_text())
    last = metrics(whole)[120]
    assert result["step"] == 120
    assert result["test_accuracy"] == last["test_accuracy"]
    assert result["test_classification_loss"] == pytest.approx(
        last["test_classification_loss"], rel=1e-5
    )


# Training from Python where TensorFlow cannot be imported.
FIT = """
import json
import sys

sys.modules["tensorflow"] = None
import numpy as np
import dlgn_tf

y = np.arange(90) % 3
x = np.random.default_rng(0).normal(size=(90, 5)) + 3 * np.eye(5)[y]
model, history = dlgn_tf.fit(
    "fc_dlgn", dlgn_tf.data.from_arrays(x, y), epochs=8, width=8, depth=3,
    batch_size=16, learning_rates=0.01, verbose=False,
)
x = (np.arange(5) == y[:, None]).astype("float32") * 3
told = model.predict(x, verbose=0).argmax(-1)
print(json.dumps([history["val_accuracy"][-1], float(np.mean(told == y))]))
"""


@pytest.mark.slow
def test_arrays_are_fitted_without_tensorflow(run_on_jax, tmp_path):
    accuracy, of_centres = json.loads(
        run_on_jax(tmp_path, "-c", FIT).splitlines()[-1]
    )
    assert accuracy > 0.8 and of_centres == 1
