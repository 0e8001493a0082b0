"""What strangers add stands in one place and is trained: examples/own_*.py."""

import ast
import math
import pathlib
import runpy
import sys

import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import gate_kinds, train
from dlgn_tf.data import catalog, npz
from dlgn_tf.models import activations, registry, zoo

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
OWN = sorted(EXAMPLES.glob("own_*.py"))
# Its test stands with those of claims.
OWN.remove(EXAMPLES / "own_claim.py")
REGISTRIES = (
    gate_kinds.GATES,
    activations.ACTIVATIONS,
    catalog.DATASETS,
    zoo.ARCHITECTURES,
)


@pytest.fixture
def trained(monkeypatch, tmp_path, train_run):
    """A function that runs a script, whose command runs in this process."""

    def run(name):
        with monkeypatch.context() as patch:
            handed = []
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", [f"{name}.py"])
            patch.setattr(runpy, "run_module", lambda m, **_: handed.append(m))
            runpy.run_path(f"{EXAMPLES / name}.py", run_name="__main__")
            assert handed == ["dlgn_tf.train"]
            train_run("nowhere", "none", *sys.argv[1:])
            return dlgn_tf.load_run(f"runs/{name}")

    before = [dict(entries) for entries in REGISTRIES]
    yield run
    for entries, kept in zip(REGISTRIES, before, strict=True):
        entries.clear()
        entries.update(kept)


@pytest.mark.parametrize("script", OWN, ids=lambda path: path.stem)
def test_what_is_registered_takes_less_than_ten_lines(script):
    """What stands between the imports and the flags of its training."""
    _docstring, *statements = ast.parse(script.read_text()).body
    is_flags = [ast.unparse(x).startswith("FLAGS = ") for x in statements]
    own = [
        statement.end_lineno - statement.lineno + 1
        for statement in statements[: is_flags.index(True)]
        if not isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    assert 1 <= sum(own) < 10


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (5, 8, 8, 1)).astype("uint8")


def test_gate(trained, images, tmp_path):
    run = trained("own_gate")
    for site, q in run.model.preactivations(images).items():
        expected = np.minimum(np.maximum(np.asarray(q) + 0.5, 0), 1)
        assert 0 < expected.mean() < 1
        np.testing.assert_allclose(
            run.model.gates(images)[site], expected, atol=1e-6
        )
    assert run.config.gate == "ramp" and run.step == 90
    again = dlgn_tf.load_model(tmp_path / "runs/own_gate/model.keras")
    np.testing.assert_array_equal(again(images), run.model(images))


def test_nonlinearity(trained, images):
    model = trained("own_nonlinearity").model
    phi = np.vectorize(lambda q: 0.5 * math.erfc(-q / math.sqrt(2)))
    q = {k: np.asarray(v) for k, v in model.preactivations(images).items()}
    for site, gate in model.gates(images).items():
        np.testing.assert_allclose(gate, phi(q[site]), atol=1e-6)
    first, second = (model.network.get_layer(f"dense{i}") for i in (1, 2))
    hidden = q["dense1"] * phi(q["dense1"])
    np.testing.assert_allclose(second(hidden), q["dense2"], atol=1e-4)
    assert first.units == 32


def test_architecture(trained, images, capsys):
    """Convolutions by NumPy, under the gates that the model tells of."""
    run = trained("own_architecture")
    gates = {k: np.asarray(v) for k, v in run.model.gates(images).items()}
    assert [*gates] == ["conv1", "conv2", "conv3"]
    x = np.asarray(run.model.normalization(images))
    for site, gate in gates.items():
        layer = run.model.value_network.get_layer(site)
        kernel, bias = map(np.asarray, layer.weights)
        windows = np.lib.stride_tricks.sliding_window_view(
            x, kernel.shape[:2], (1, 2)
        )
        x = (np.einsum("nijchw,hwco->nijo", windows, kernel) + bias) * gate
    kernel, bias = map(np.asarray, run.model.value_network.layers[-1].weights)
    expected = x.mean((1, 2)) @ kernel + bias
    np.testing.assert_allclose(
        run.model(images), expected, rtol=1e-3, atol=1e-3
    )
    families = [n for n in registry.names() if n.startswith("mixer_")]
    assert families == [f"mixer_{family}" for family in registry.FAMILIES]
    train.list_models()
    (line,) = [
        x for x in capsys.readouterr().out.splitlines() if "mixer_dnn" in x
    ]
    assert line.split()[:3] == ["mixer_dnn", "?", "2"]


def test_data_set(trained, tmp_path):
    run = trained("own_data_set")
    info = catalog.get(run.config.dataset)
    whole = {"train": None, "test": None}
    _, test = npz.read(tmp_path / "runs/stripes.npz", info, whole)
    predicted = np.asarray(run.model(test.images)).argmax(-1)
    # An independent rule: stripes are upright where columns differ.
    shades = test.images[..., 0].astype(float)
    level = shades.mean(2).std(1) > shades.mean(1).std(1)
    np.testing.assert_array_equal(test.labels, level)
    assert np.mean(predicted == level) > 0.95
