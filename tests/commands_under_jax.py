"""What each command does with KERAS_BACKEND=jax; run by test_backends.py.

Its name keeps pytest from collecting it on TensorFlow, where the other tests of
these commands are.
"""

import importlib
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

import dlgn_tf
from dlgn_tf.errors import BackendError, UserError

FC = ("--width=8", "--depth=3", "--train_steps=4", "--batch_size=32")
SNAPSHOTS = "--snapshot_every=2"
RESNET = ("--width=4", "--depth=8", "--train_steps=2", "--batch_size=32")


@pytest.fixture(scope="module")
def runs(train_run, tmp_path_factory):
    """Directories of an fc_dlgn and of a ResNet, trained under JAX."""
    folder = tmp_path_factory.mktemp("runs")
    train_run(folder / "fc", "fc_dlgn", *FC, SNAPSHOTS)
    train_run(folder / "resnet", "resnet20_dnn", *RESNET)
    return folder


# Of each command of the table in docs/how_to/jax.md, with RUNS and OUT to be
# filled in.
ARGUMENTS = {
    "evaluate": ["--run_dir=RUNS/fc"],
    "export": ["--run_dir=RUNS/fc", "--export_dir=OUT"],
    "explain": [
        "--run_dir=RUNS/fc",
        "--output_dir=OUT",
        "--images=0",
        "--methods=contributions,gradient",
    ],
    "inspect_model": [
        "--run_dir=RUNS/fc",
        "--output_dir=OUT",
        "--images=20",
        "--examples=1",
        "--channels=2",
    ],
    "remove_layers": [
        "--run_dirs=RUNS/resnet",
        "--output_dir=OUT",
        "--test_examples=20",
    ],
    "dual": [
        "--run_dir=RUNS/fc",
        "--output_dir=OUT",
        "--images=30",
        "--test_images=20",
    ],
    "splines": ["--run_dir=RUNS/fc", "--output_dir=OUT"],
    "rainbow": [
        "--run_dirs=RUNS/fc",
        "--output_dir=OUT",
        "--parts=spectra",
        "--images=40",
        "--test_images=20",
    ],
    "complexity": ["--experiment=tasks", "--output_dir=OUT"],
    "locality": ["--experiment=students", "--output_dir=OUT"],
    "tabular": ["--data=iris", "--output_dir=OUT"],
    "claims": ["--only=dlgn.4"],
}


def test_a_folder_is_trained_on(train_run, tmp_path):
    """Decoded when drawn as from memory."""
    rng, losses = np.random.default_rng(0), []
    for name, least in (("dark", 0), ("light", 128)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for k in range(20):
            image = rng.integers(least, least + 128, (8, 8), np.uint8)
            Image.fromarray(image).save(tmp_path / "data" / name / f"{k}.png")
    for gib in (0, 1):
        given = f"--data_dir={tmp_path / 'data'}", f"--cache_gib={gib}"
        path = tmp_path / f"run{gib}"
        last = train_run(path, "fc_dlgn", *FC, "--dataset=folder", *given)
        losses.append(last["test_classification_loss"])
    assert losses[0] == losses[1] and (path / "data.json").is_file()


@pytest.mark.parametrize(
    "seed",
    [pytest.param(x, marks=[pytest.mark.slow] * (x > 1)) for x in range(5)],
)
def test_a_network_of_ones_own(seed, module_of):
    """A converted network, and a tied DGN of it, compute what it computes."""
    path = pathlib.Path(__file__).parent / "models" / "user_graphs.py"
    graphs = module_of(path)
    drawn = graphs.Drawn(seed)
    images = drawn.images()
    expected = graphs.centred(graphs.logits_of(drawn.model, images))
    for family, gate in (("dnn", None), ("dgn", "own")):
        made = dlgn_tf.from_keras(
            drawn.model, family, weights="copy", gate=gate, keep="all"
        )
        assert len(made.site_names) == drawn.sites
        assert graphs.difference(graphs.centred(made(images)), expected) < 1e-4


def test_a_decision_is_explained():
    """The sums hold in float64, which JAX has only if it is asked."""
    model = dlgn_tf.create_model("fc_dlgn", (4, 4, 1), 3, width=6, depth=2)
    images = np.arange(48, dtype="uint8").reshape(3, 4, 4, 1)
    found = dlgn_tf.explain(model, images, dtype="float64")
    expected = np.asarray(model(images)).max(axis=1)
    np.testing.assert_allclose(found.logits, expected, atol=1e-5)
    assert found.maps.dtype == "float64" and found.maps.any()
    total = found.maps.sum(axis=(1, 2, 3)) + found.bias
    assert np.abs(total - found.logits).max() < 1e-12


def outcome(command, run, runs, folder):
    """What became of a command: `"runs"`, or `"needs TensorFlow"`."""
    given = [
        argument.replace("RUNS", str(runs)).replace("OUT", str(folder / "out"))
        for argument in ARGUMENTS[command]
    ]
    module = f"dlgn_tf.{command}"
    package = importlib.util.find_spec(module).submodule_search_locations
    entry = importlib.import_module(f"{module}.__main__" if package else module)
    try:
        run(entry, *given)
    except BackendError as error:
        assert "KERAS_BACKEND=tensorflow. Received" in str(error)
        assert not (folder / "out").exists() or not any(
            (folder / "out").iterdir()
        )
        return "needs TensorFlow"
    return "runs"


@pytest.mark.parametrize("command", ARGUMENTS)
def test_command(command, in_this_process, runs, tmp_path, request):
    path = pathlib.Path(__file__).parents[1] / "docs" / "how_to" / "jax.md"
    rows = [row.split("|") for row in path.read_text().splitlines()]
    expected = {
        row[1].strip(" `"): row[3].strip() for row in rows if len(row) == 5
    }
    found = outcome(command, in_this_process, runs, tmp_path)
    assert expected[f"dlgn_tf.{command}"] == found


def test_ntk_trace(in_this_process, runs, tmp_path, read_table):
    entry = importlib.import_module("dlgn_tf.dual.__main__")
    arguments = [f"--run_dir={runs / 'fc'}", "--ntk_trace", "--images=10"]
    in_this_process(entry, *arguments, f"--output_dir={tmp_path}")
    for row in read_table(tmp_path / "ntk_trace.csv"):
        value, gating = (
            float(row[f"{part}_trace"]) for part in ("value", "gating")
        )
        assert value > 0 and gating > 0
        assert float(row["total_trace"]) == pytest.approx(value + gating)


@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker"])
def test_several_devices_are_refused(
    strategy, train_run, tmp_path, monkeypatch
):
    task = {"type": "worker", "index": 0}
    cluster = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
    monkeypatch.setenv(
        "TF_CONFIG", json.dumps({"cluster": cluster, "task": task})
    )
    with pytest.raises(UserError, match="strategy=auto or single") as caught:
        train_run(tmp_path / "run", "c4gap_dlgn", f"--strategy={strategy}")
    assert f"--strategy={strategy}" in str(caught.value)
    assert not (tmp_path / "run").exists()
