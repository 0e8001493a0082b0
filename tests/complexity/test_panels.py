"""Panels and bar charts: what is drawn is what was measured."""

import numpy as np
import pytest

from dlgn_tf.complexity import figures, panels, prediction

ORDERS = (4, 7, 13)


@pytest.fixture
def shown(rng):
    feature = rng.normal(size=(4, 4, 3)) - 1
    feature[..., 2] += 1.5
    outputs = rng.normal(size=(3, 4, 4, 3))
    image = rng.integers(0, 256, (16, 16, 3))
    return feature, outputs, panels.panels(image, ORDERS, feature, outputs)


def test_what_is_shown(shown):
    feature, outputs, found = shown
    positives = [(feature[..., c] > 0).sum() for c in range(3)]
    assert found.channel == np.argmax(positives) == 2
    assert found.limit == pytest.approx(np.quantile(np.abs(feature), 0.98))
    components, remainders = found.rows["c"], found.rows["f - Phi"]
    np.testing.assert_allclose(components.sum(axis=0), outputs[-1, ..., 2])
    np.testing.assert_array_equal(components[0], outputs[0, ..., 2])
    np.testing.assert_allclose(
        components.sum(axis=0) + remainders[-1], feature[..., 2]
    )
    _, axes, *_ = panels.draw(found, "title").axes
    (drawn,) = axes.get_images()
    np.testing.assert_array_equal(drawn.get_array(), feature[..., 2])


def test_rows(shown):
    found = shown[2]
    rows = panels.rows(found, image=5)
    assert len(rows) == 4 * (1 + 3 * len(ORDERS))
    (row,) = [
        r
        for r in rows
        if (r["panel"], r["order"], r["row"]) == ("f - Phi", 7, 2)
    ]
    assert row["image"] == 5 and row["channel"] == 2
    values = [float(row[f"column_{k}"]) for k in range(4)]
    np.testing.assert_allclose(values, found.rows["f - Phi"][1, 2], rtol=1e-4)


def test_grey_images(rng):
    image = rng.integers(0, 256, (8, 8, 1))
    feature = rng.normal(size=(4, 4, 3))
    found = panels.panels(image, (4,), feature, feature[None])
    assert panels.draw(found, "grey").axes


def heights(axes):
    return [patch.get_height() for patch in axes.patches]


def test_bars_of_significance():
    found = {
        "one": np.array([[0.5, 0.3, 0.1, 0.2], [0.7, 0.1, 0.1, 0.4]]),
        "other": np.array([[0.9, 0.0, 0.0, 0.1]] * 2),
    }
    (axes,) = figures.significance(found, ORDERS, "title").axes
    expected = [0.6, 0.2, 0.1, 0.3, 0.9, 0.0, 0.0, 0.1]
    np.testing.assert_allclose(heights(axes), expected)
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert labels == ["1-4", "5-7", "8-13", "remainder"]
    assert "2 seeds" in axes.get_title()
    low, high = axes.collections[0].get_segments()[0][:, 1]
    assert (low, high) == (pytest.approx(0.5), pytest.approx(0.7))


def test_alphas_that_are_not_finite():
    effective = {"a": np.array([[1.0, 2.0, 3.0]])}
    overfit = {"a": np.array([[0.5, np.nan, -1.0]])}
    figure = figures.alphas(effective, overfit, ORDERS, "title")
    left, right = figure.axes
    np.testing.assert_allclose(heights(left), [1, 2, 3])
    np.testing.assert_allclose(heights(right), [0.5, 0, -1])


def test_reliability_and_plane(rng):
    (axes,) = figures.reliability({"a": [[0.8, 0.6, 0.4]]}, ORDERS, "t").axes
    np.testing.assert_allclose(heights(axes), [0.8, 0.6, 0.4])
    x, y = rng.normal(size=(12, 8)), rng.normal(size=12)
    figure = figures.plane(prediction.plane(x, y), y, "title", "accuracy")
    assert figure.axes[0].get_zlabel() == "accuracy"
