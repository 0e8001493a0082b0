"""The command: pictures of a run, and mistakes."""

import functools
import shutil

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.splines import __main__ as entry


@pytest.fixture(scope="module")
def runs(tmp_path_factory, train_run):
    folder = tmp_path_factory.mktemp("runs")
    small = ("--width=6", "--depth=2")
    fixed = (*small, "--train_steps=4", "--snapshot_every=2")
    learned = (
        "--gate_regime=frozen_learned",
        f"--gates_from={folder / 'dnn'}",
    )
    abs_vq = ("--activation=abs_beta_vq", "--train_steps=1")
    train_run(folder / "dnn", "c4gap_dnn", *fixed)
    train_run(folder / "learned", "c4gap_dgn", *fixed, *learned)
    train_run(folder / "abs", "c4gap_dnn", *small, *abs_vq)
    return folder


@pytest.fixture
def command(in_this_process):
    return functools.partial(in_this_process, entry)


def test_of_a_run(runs, command, tmp_path, read_table):
    command(f"--run_dir={runs / 'dnn'}", f"--output_dir={tmp_path}")
    names = {path.name for path in tmp_path.iterdir()}
    pictures = ("region_prior", "gram")
    files = {f"{n}.{e}" for n in pictures for e in ("csv", "png")}
    assert names == files | {"commands.json"}
    prior = read_table(tmp_path / "region_prior.csv")
    states = [row["state"] for row in prior if row["layer"] == "conv1"]
    assert states == ["step 0", "step 2", "step 4"]
    cosines = read_table(tmp_path / "gram.csv")
    assert {row["layer"] for row in cosines} == {"conv1", "conv2", "logits"}
    assert {row["can_be_orthogonal"] for row in cosines} == {"True", "False"}


@pytest.fixture
def priors(read_table):
    """Mean priors by state and layer of what the command wrote."""
    return lambda folder: {
        (row["state"], row["layer"]): float(row["mean"])
        for row in read_table(folder / "region_prior.csv")
    }


@pytest.mark.usefixtures("unrendered")
def test_initial_prior_of_a_run(runs, command, tmp_path, priors):
    """Against the weights of the first snapshot's twin, by hand."""
    from dlgn_tf.training import runs as training_runs

    command(
        f"--run_dir={runs / 'learned'}",
        "--figure=prior",
        "--network=value",
        f"--output_dir={tmp_path}",
    )
    model, _, _ = training_runs.load_run(runs / "learned")
    layer = model.value_network.get_layer("conv2")
    kernel, bias = (np.asarray(w, "float64") for w in layer.weights)
    exponent = bias + (kernel**2).sum(axis=(0, 1, 2)) / 2
    expected = np.mean(1 / (1 + np.exp(-exponent)))
    assert priors(tmp_path)["step 4", "conv2"] == pytest.approx(expected)


@pytest.mark.usefixtures("unrendered")
def test_first_network_of_a_run_with_others_gates(
    runs, command, tmp_path, priors
):
    """Frozen gates are at step 0 what they are later; else it is left out."""
    run = tmp_path / "run"
    shutil.copytree(runs / "learned", run)
    kept_dir, bare_dir = tmp_path / "kept", tmp_path / "bare"
    run_dir = f"--run_dir={run}"
    command(run_dir, "--figure=prior", f"--output_dir={kept_dir}")
    kept = priors(kept_dir)
    assert kept["step 0", "conv2"] == kept["step 4", "conv2"]
    shutil.rmtree(run / "snapshots")
    command(run_dir, f"--output_dir={bare_dir}")
    bare = priors(bare_dir)
    assert {state for state, _ in bare} == {"step 4"}
    assert bare["step 4", "conv2"] == kept["step 4", "conv2"]


@pytest.mark.usefixtures("unrendered")
def test_the_prior_is_that_of_the_nonlinearity(runs, command, tmp_path, priors):
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
