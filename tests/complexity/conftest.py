"""A small network's feature, and images for it."""

import pytest

from dlgn_tf.complexity.features import feature_of
from dlgn_tf.complexity.synthetic import shapes
from dlgn_tf.models.build import create_model


@pytest.fixture(scope="session")
def images():
    return shapes(60, 0, side=8).images


@pytest.fixture(scope="session")
def make_feature():
    """A function that takes the feature of a network as it was drawn."""

    def make(seed=0, width=4, side=8):
        shape = (side, side, 3)
        model = create_model("c1gap_dnn", shape, width=width, seed=seed)
        return feature_of(model)

    return make


@pytest.fixture(scope="session")
def feature(make_feature):
    return make_feature()
