"""Labels of oblique trees as data sets: SDI, SDII, SDIII."""

import warnings

import numpy as np
import pytest

from dlgn_tf import config
from dlgn_tf.data import catalog, sources
from dlgn_tf.models import create_model


def test_points_and_labels_are_as_published():
    """Drawn anew and walked down node by node: half, and the last quarter."""
    train, test = sources.load("sdi", train_examples=300, test_examples=50)
    generator = np.random.RandomState(365)
    normals = generator.randn(15, 20)
    points = generator.randn(40_000, 20)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    for part, first in ((train, 0), (test, 30_000)):
        assert part.images.shape == (len(part), 1, 1, 20)
        assert (part.images.dtype, part.labels.dtype) == ("float32", "int32")
        for image, label, x in zip(
            part.images, part.labels, points[first:], strict=False
        ):
            np.testing.assert_allclose(image.ravel(), x, rtol=1e-6)
            node = 0
            while node < 15:
                node = 2 * node + (1 if normals[node] @ x <= 0 else 2)
            assert label == (node - 15) % 2


@pytest.mark.parametrize(
    "name, inputs, points",
    [("sdi", 20, 40_000), ("sdii", 100, 60_000), ("sdiii", 500, 100_000)],
)
def test_entries(name, inputs, points):
    info = catalog.get(name)
    assert (info.image_shape, info.classes) == ((1, 1, inputs), 2)
    counts = {"train": points // 2, "test": points // 4}
    assert catalog.examples(name) == counts
    catalog.check_available(name, "/no/such/folder")
    flags = f"--dataset={name}", "--model=fc_dlgn"
    found = config.from_flags(*flags)
    # Such small numbers are none of images that are nearly black.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = create_model(
            "fc_dnn", info.image_shape, mean=info.mean, std=info.std, width=2
        )
        model(np.full((1, inputs), inputs**-0.5, "float32"))
    # Each entry on a scale of its own, as vectors of one's own are.
    assert found.normalization == "dataset"
    assert found.train_examples == points // 2
