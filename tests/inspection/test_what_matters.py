"""Which gates matter, against sums that are taken by NumPy."""

import numpy as np
import pytest

from dlgn_tf.data.images import ImageSet
from dlgn_tf.inspection import report
from dlgn_tf.inspection.sections import paths, what_matters
from dlgn_tf.inspection.strongest_paths import Path
from dlgn_tf.models.build import create_model
from dlgn_tf.training.output import EventOutput


def test_channels_and_what_opens_them(rng, tmp_path, read_table, inspected):
    """At the last site of a network without hidden layers behind it."""
    model = create_model(
        "c1gap_dlgn", (8, 8, 1), 3, width=6, seed=1, mean=0.4, std=0.2
    )
    images = rng.integers(0, 256, (9, 8, 8, 1)).astype("uint8")
    (site,) = model.site_names
    task = inspected(model, ImageSet(images, np.arange(9) % 3), sites=(site,))
    output = EventOutput(tmp_path, "page", "inspection")
    made = report.Report(task, output, "A title")
    what_matters.add(made)
    # By NumPy: GAP of value times gate, then the last layer's weights.
    pixels = np.asarray(model.normalization(images))
    q = np.asarray(model.preactivations(images)[site])
    value = np.asarray(model.value_network.get_layer(site)(pixels))
    pooled = (value / (1 + np.exp(-model.gate.beta * q))).mean((1, 2))
    kernel = model.value_network.get_layer("logits").get_weights()[0]
    order = np.argsort(-np.asarray(model(images)), axis=1)
    labels = np.arange(9) % 3
    predicted = order[:, 0]
    rival = np.where(predicted == labels, order[:, 1], labels)
    added = pooled * (kernel[:, predicted] - kernel[:, rival]).T
    rows = read_table(tmp_path / "channels.csv")
    found = np.array([float(row["mean_size"]) for row in rows])
    np.testing.assert_allclose(found, np.abs(added).mean(0), rtol=1e-3)
    label = predicted[0]
    found = np.array([float(row[f"class_{label}"]) for row in rows])
    expected = added[predicted == label].mean(0)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    strongest = int(np.abs(added).mean(0).argmax())
    page = made.page.html()
    first = page.index(f"<code>{site}</code></td>")
    assert f">{strongest}</td>" in page[first : first + 120]
    assert (tmp_path / "what_opens_gates.png").stat().st_size > 1000


def test_extremes_are_the_largest_and_the_smallest():
    values = np.zeros((5, 2, 3))
    values[3, 1, 2], values[1, 0, 1], values[0, 1, 0] = 9, 7, 5
    values[2, 0, 0], values[4, 1, 1] = -8, -6
    found = what_matters._extremes(values)
    assert found[:3] == [(3, (1, 2)), (1, (0, 1)), (0, (1, 0))]
    assert found[-2:] == [(4, (1, 1)), (2, (0, 0))]
    assert what_matters._extremes(np.array([1.0, 3.0]))[0] == (1, ())


@pytest.mark.parametrize(
    "path,words",
    [
        (
            Path(1, 1, 1, "input", (2, 4, 0), (("conv1", (3, 2, 27)),)),
            "pixel (2, 4) → conv1 channel 27 at (3, 2)",
        ),
        (
            Path(1, 1, 1, "dense1", (5,), (("dense1", (5,)),)),
            "bias of dense1 → dense1 unit 5",
        ),
    ],
)
def test_paths_are_readable(path, words):
    assert paths._readable(path) == words
