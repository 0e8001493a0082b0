"""The command: pictures of a run, and mistakes."""

import csv
import functools
import shutil

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.splines import __main__ as entry


@pytest.fixture(scope="module")
def runs(tmp_path_factory, train_run):
    folder = tmp_path_factory.mktemp("runs")
    fixed = ("--width=6", "--train_steps=4", "--snapshot_every=2")
    train_run(folder / "dgn", "c4gap_dgn", *fixed, "--depth=2")
    train_run(folder / "dnn", "c4gap_dnn", *fixed, "--depth=2")
    train_run(
        folder / "learned",
        "c4gap_dgn",
        *fixed,
        "--depth=2",
        "--gate_regime=frozen_learned",
        f"--gates_from={folder / 'dnn'}",
    )
    train_run(
        folder / "abs",
        "c4gap_dnn",
        "--activation=abs_beta_vq",
        "--width=6",
        "--depth=2",
        "--train_steps=1",
    )
    return folder


@pytest.fixture
def command(in_this_process):
    return functools.partial(in_this_process, entry)


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_of_a_run(runs, command, tmp_path):
    command(f"--run_dir={runs / 'dnn'}", f"--output_dir={tmp_path}")
    names = {path.name for path in tmp_path.iterdir()}
    pictures = ("region_prior", "gram")
    files = {f"{n}.{e}" for n in pictures for e in ("csv", "png")}
    assert names == files | {"commands.json"}
    prior = read(tmp_path / "region_prior.csv")
    states = [row["state"] for row in prior if row["layer"] == "conv1"]
    assert states == ["step 0", "step 2", "step 4"]
    cosines = read(tmp_path / "gram.csv")
    assert {row["layer"] for row in cosines} == {"conv1", "conv2", "logits"}
    assert {row["can_be_orthogonal"] for row in cosines} == {"True", "False"}


def test_initial_prior_of_a_run(runs, command, tmp_path):
    """Against the weights of the first snapshot's twin, by hand."""
    from dlgn_tf.training import runs as training_runs

    command(
        f"--run_dir={runs / 'dgn'}",
        "--figure=prior",
        "--network=value",
        f"--output_dir={tmp_path}",
    )
    model, _, _ = training_runs.load_run(runs / "dgn")
    layer = model.value_network.get_layer("conv2")
    kernel, bias = (np.asarray(w, "float64") for w in layer.weights)
    exponent = bias + (kernel**2).sum(axis=(0, 1, 2)) / 2
    expected = np.mean(1 / (1 + np.exp(-exponent)))
    (row,) = (
        row
        for row in read(tmp_path / "region_prior.csv")
        if (row["state"], row["layer"]) == ("step 4", "conv2")
    )
    assert float(row["mean"]) == pytest.approx(expected)


def priors(path):
    return {
        (row["state"], row["layer"]): float(row["mean"])
        for row in read(path / "region_prior.csv")
    }


def test_first_network_of_a_run_with_others_gates(runs, command, tmp_path):
    """Frozen gates are at step 0 what they are later; else it is left out."""
    run = tmp_path / "run"
    shutil.copytree(runs / "learned", run)
    arguments = (f"--run_dir={run}", "--figure=prior")
    command(*arguments, f"--output_dir={tmp_path / 'kept'}")
    kept = priors(tmp_path / "kept")
    assert kept["step 0", "conv2"] == kept["step 4", "conv2"]
    shutil.rmtree(run / "snapshots")
    command(*arguments, f"--output_dir={tmp_path / 'bare'}")
    bare = priors(tmp_path / "bare")
    assert {state for state, _ in bare} == {"step 4"}
    assert bare["step 4", "conv2"] == kept["step 4", "conv2"]
    command(
        f"--run_dir={run}", "--figure=gram", f"--output_dir={tmp_path / 'gram'}"
    )


def test_the_prior_is_that_of_the_nonlinearity(runs, command, tmp_path):
    """Without biases, both regions of an absolute value are as likely."""
    command(
        f"--run_dir={runs / 'abs'}",
        "--figure=prior",
        f"--output_dir={tmp_path}",
    )
    found = priors(tmp_path)
    assert found["step 0", "conv1"] == found["step 0", "conv2"] == 0.5
    assert found["step 1", "conv2"] != 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Expected --output"),
        (["--output_dir=o", "--figure=nonlinear"], "nonlinear"),
        (["--output_dir=o", "--figure="], "--figure"),
        (["--output_dir=o", "--run_dir=nowhere"], "nowhere"),
        (["--output_dir=o", "--network=value"], "--run_dir only"),
        (
            ["--output_dir=o", "--run_dir=DNN", "--figure=unit"],
            "no effect|effect",
        ),
        (
            ["--output_dir=o", "--run_dir=DNN", "--network=value"],
            "gated networks",
        ),
        (["--output_dir=FILE"], "is a file"),
    ],
)
def test_mistakes(arguments, message, runs, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    replaced = {"DNN": str(runs / "dnn"), "FILE": "file"}
    for old, new in replaced.items():
        arguments = [argument.replace(old, new) for argument in arguments]
    with pytest.raises(UserError, match=message):
        command(*arguments)
    assert not (tmp_path / "o").exists()
