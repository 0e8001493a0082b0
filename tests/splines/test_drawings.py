"""Pictures: what they show is what is computed elsewhere."""

import keras
import numpy as np
import pytest

from dlgn_tf.splines import digits_network, plane_network
from dlgn_tf.splines.drawings import (
    layer_partition,
    nonlinearities,
    output,
    plane,
    priors,
    unit_partition,
)

PNG = b"\x89PNG\r\n\x1a\n"


def test_nonlinearities(tmp_path, read_table):
    picture = nonlinearities.draw()
    output.save(picture, tmp_path / "new")
    image = (tmp_path / "new" / "nonlinearities.png").read_bytes()
    assert image.startswith(PNG)
    rows = read_table(tmp_path / "new" / "nonlinearities.csv")
    for row in rows:
        z, y, beta = (float(row[k]) for k in ("z", "output", "beta"))
        if row["kind"] == "relu" and beta == 1:
            assert y == max(z, 0)
        if row["kind"] == "relu" and beta < 1:
            eta = beta / (1 - beta)
            assert y == pytest.approx(z / (1 + np.exp(-eta * z)), abs=1e-5)
    assert len({row["beta"] for row in rows}) == 12
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_nonlinearities_of_tsallis_entropy():
    picture = nonlinearities.draw("tsallis")
    assert picture.name == "nonlinearities_tsallis"
    for row in picture.rows:
        if row["kind"] == "relu" and row["beta"] == 0.5:
            z = row["z"]
            share = 0 if z < -1 else 1 if z > 1 else (1 + z) / 2
            assert row["output"] == pytest.approx(share * z)


def test_the_legend_says_what_the_lines_of_priors_are():
    network = digits_network.create(0)
    picture = priors.draw({"step 0": network, "step 1": network}, "priors")
    (legend,) = picture.figure.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert sorted(said) == ["5 to 95 % of filters", "step 0", "step 1"]


def test_unit_partition_is_of_shares():
    rows = unit_partition.hard(0).rows
    by_panel = {}
    for row in rows:
        share = row["share_of_the_square"]
        by_panel.setdefault((row["panel"], row["level"]), []).append(share)
    assert len(by_panel) == 10
    for shares in by_panel.values():
        assert sum(shares) == pytest.approx(1)
    # Each level is another partition.
    assert len({tuple(shares) for shares in by_panel.values()}) == 10


def test_soft_partition_sharpens():
    rows = unit_partition.soft(0).rows
    entropies = [r["mean"] for r in rows if r["map"] == "entropy in nats"]
    assert entropies[0] > entropies[1] > entropies[2] > 0


def test_cell_numbers():
    regions = np.array([[0, 1], [1, 1], [0, 1], [0, 0], [0, 1], [1, 1]])
    cells, shares = plane.cell_numbers(regions)
    assert cells.tolist() == [0, 1, 0, 2, 0, 1]
    np.testing.assert_allclose(shares, [1 / 2, 1 / 3, 1 / 6])


def test_changes():
    found = plane.changes(np.array([[0, 0, 1], [0, 2, 1]]))
    assert found.astype(int).tolist() == [[0, 1, 0], [1, 1, 0]]


def test_layers_of_a_plane_network_are_its_own(rng):
    x, labels = plane_network.points("moons", seed=0, count=50)
    for activation in plane_network.ACTIVATIONS:
        network = plane_network.fit(x, labels, activation, seed=0, steps=3)
        h = x
        for maso in plane_network.hidden_layers(network):
            h = maso(h)
        last = network.layers[-1]
        logits = h @ np.asarray(last.kernel) + np.asarray(last.bias)
        native = network(x.astype("float32"))
        np.testing.assert_allclose(logits, native, rtol=1e-4, atol=1e-5)


def test_layer_partition_counts_cells(monkeypatch):
    fit = plane_network.fit
    monkeypatch.setattr(
        plane_network, "fit", lambda *a: fit(*a, widths=(3, 2), steps=2)
    )
    relu = {"relu": plane_network.ACTIVATIONS["relu"]}
    monkeypatch.setattr(plane_network, "ACTIVATIONS", relu)
    rows = layer_partition.draw("circles", seed=0).rows
    first = [r for r in rows if r["layers"] == "first layer"]
    assert len(first) == 1
    # Three lines cut the plane into at most seven cells.
    assert all(2 <= row["cells"] <= 7 for row in first)


def test_training_learns_the_points():
    x, labels = plane_network.points("circles", seed=0)
    network = plane_network.fit(x, labels, "relu", seed=0)
    logits = np.asarray(network(x.astype("float32")))[:, 0]
    assert np.mean((logits > 0) == labels) > 0.95
    assert isinstance(network, keras.Model)
