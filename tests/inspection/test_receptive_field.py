"""Receptive fields against those counted by hand."""

import numpy as np
import pytest

from dlgn_tf.inspection import spectra
from dlgn_tf.inspection.receptive_field import receptive_field
from dlgn_tf.inspection.templates import templates


@pytest.mark.parametrize("family", ["dlgn", "dgn", "dnn"])
def test_of_convolutions(family, trained_like):
    model = trained_like(f"c4gap_{family}", (16, 16, 1), width=2)
    for depth in (1, 2, 4):
        boxes = receptive_field(model, f"conv{depth}", [(8, 8), (0, 14)])
        center = [8 - depth] * 2 + [9 + depth] * 2
        corner = [0, 14 - depth, 1 + depth, min(16, 15 + depth)]
        assert boxes.tolist() == [center, corner]


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_of_pooling(pooling, trained_like):
    """3x3 twice, halved, 3x3: 2 more to each side, and then 2 pixels each."""
    model = trained_like("vgg13_dgn", (32, 32, 3), width=2, pooling=pooling)
    # Position 8 sees 7..9 of the halved, 14..19 of the image, and 2 more.
    assert receptive_field(model, "conv2_1").tolist() == [[12, 12, 22, 22]]


def test_dense_sites_see_everything(trained_like):
    model = trained_like("fc_dgn", (3, 5, 1), width=2)
    assert receptive_field(model, "dense2").tolist() == [[0, 0, 3, 5]]


def test_templates_lie_within(trained_like):
    model = trained_like("resnet20_dlgn", (16, 16, 1), depth=8, width=4)
    for site in ("group1_block1_1", "group3_block1_1"):
        (box,) = receptive_field(model, site)
        found = spectra.support(templates(model, site, "center").weights)
        assert (found[:, :2] >= box[:2]).all()
        assert (found[:, 2:] <= box[2:]).all()
        assert (np.array([box[0], box[2]]) == [box[1], box[3]]).all()
