"""Networks of layers that the zoo does not use, and grey ones of the zoo."""

import keras
import numpy as np
import pytest
from keras import layers

from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.strongest_paths import PathFinder
from dlgn_tf.inspection.templates import is_affine, templates
from dlgn_tf.layers import Gate, PixelNormalization
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import GatedNetwork

SHAPE = (6, 6, 3)


def features(image, nonlinear=False):
    """Affine in evaluation, through layers of many kinds."""
    h = layers.Rescaling(2.0, -0.3, name="rescaling")(image)
    h = layers.Dropout(0.5, name="dropout")(h)
    h = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(h)
    h = layers.BatchNormalization(name="bn")(h)
    if nonlinear:
        h = layers.LeakyReLU(name="leaky")(h)
    h = layers.Concatenate(name="concatenate")([h, image])
    return layers.Conv2D(4, 3, groups=2, padding="same", name="conv")(h)


def own_network(nonlinear=False):
    """A DLGN of one gate site."""
    image = keras.Input(SHAPE)
    gating = keras.Model(image, [features(image, nonlinear)])
    image, gate = keras.Input(SHAPE), keras.Input((6, 6, 4))
    h = layers.Multiply(name="site_galu")([features(image), gate])
    h = layers.Flatten()(layers.UpSampling2D(2)(h))
    value = keras.Model([image, gate], layers.Dense(3, name="logits")(h))
    normalization = PixelNormalization(0.4, 0.2)
    normalization.build((None, *SHAPE))
    model = GatedNetwork(gating, value, Gate("soft"), normalization, ["site"])
    rng = np.random.default_rng(3)
    for variable in model.variables:
        if keras.backend.is_float_dtype(variable.dtype):
            variable.assign(rng.uniform(-0.3, 0.5, variable.shape) ** 2)
    return model


@pytest.fixture(params=["own", "mlp_dlgn", "plaincnn_dlgn"])
def model(request):
    if request.param == "own":
        return own_network()
    width = {"mlp_dlgn": 8, "plaincnn_dlgn": 2}[request.param]
    return create_model(request.param, (16, 16, 3), 4, width=width, seed=0)


def test_templates_give_the_preactivations(model, rng):
    images = rng.integers(0, 256, (3, *model.image_shape)).astype("uint8")
    site = model.site_names[-1]
    positions = "center" if len(model.site_shapes[site]) == 3 else None
    found = templates(model, site, channels=[1], positions=positions)
    expected = np.asarray(model.preactivations(images)[site])
    np.testing.assert_allclose(
        found.preactivations(images),
        expected[:, *found.positions.T, found.channels],
        rtol=1e-3,
        atol=1e-4,
    )


def test_contributions_and_paths_sum_to_the_logits(model, rng):
    images = rng.integers(0, 256, (1, *model.image_shape)).astype("uint8")
    logits = np.asarray(model(images))
    found = DualView(model).contributions(images, model.site_names[0])
    np.testing.assert_allclose(found.total, logits, rtol=1e-3, atol=1e-4)
    strongest = PathFinder(model).strongest(images, 1, 2)[0]
    assert len(strongest) == 2


def test_a_nonlinear_gating_network_is_told_apart():
    assert is_affine(own_network(), "site")
    assert not is_affine(own_network(nonlinear=True), "site")


def test_activations_inside_the_value_network_are_named():
    model = own_network()
    model.value_network.get_layer("conv").activation = keras.activations.relu
    with pytest.raises(Exception, match="linear given its gates.* with conv$"):
        DualView(model)
