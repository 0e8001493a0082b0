"""Networks of other nonlinearities, filters, scales and layers."""

import keras
import numpy as np
import pytest
from keras import layers

from dlgn_tf.data.images import ImageSet
from dlgn_tf.inspection import gate_statistics, interventions
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.strongest_paths import PathFinder
from dlgn_tf.inspection.templates import is_affine, linearization, templates
from dlgn_tf.layers import Gate, PixelNormalization
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import GatedNetwork
from dlgn_tf.models.orthogonal_options import OrthogonalFilters

NETWORKS = {
    "c4gap_dnn": {"activation": "swish"},
    "c4gap_dgn": {"activation": "beta_vq"},
    # The first site comes before the pooling.
    "smallcnn_dnn": {"activation": "abs_beta_vq", "padding": "same"},
    "c4gap_dlgn": {"orthogonal": OrthogonalFilters(), "per_image": True},
    "largecnn_dlgn": {"apodized": True},
    "mlp_dlgn": {},
    "plaincnn_dlgn": {"image_shape": (16, 16, 3)},
}
OWN_SHAPE = (6, 6, 3)


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
    image = keras.Input(OWN_SHAPE)
    gating = keras.Model(image, [features(image, nonlinear)])
    image, gate = keras.Input(OWN_SHAPE), keras.Input((6, 6, 4))
    h = layers.Multiply(name="site_galu")([features(image), gate])
    h = layers.Flatten()(layers.UpSampling2D(2)(h))
    value = keras.Model([image, gate], layers.Dense(3, name="logits")(h))
    normalization = PixelNormalization(0.4, 0.2)
    normalization.build((None, *OWN_SHAPE))
    model = GatedNetwork(gating, value, Gate("soft"), normalization, ["site"])
    rng = np.random.default_rng(3)
    for variable in model.variables:
        if keras.backend.is_float_dtype(variable.dtype):
            variable.assign(rng.uniform(-0.3, 0.5, variable.shape) ** 2)
    return model


@pytest.fixture(params=["own", *NETWORKS])
def model(request):
    if request.param == "own":
        return own_network()
    options = {"image_shape": (12, 12, 3), **NETWORKS[request.param]}
    return create_model(request.param, classes=10, width=6, seed=1, **options)


@pytest.fixture
def images(model, rng):
    return rng.integers(0, 256, (3, *model.image_shape)).astype("uint8")


def test_templates_and_linearizations(model, images):
    names = model.site_names
    relus = "dnn" in model.name or "dgn" in model.name
    center = "center" if len(model.site_shapes[names[-1]]) == 3 else None
    exact = templates(model, names[0 if relus else -1], center)
    local = linearization(model, names[-1], images[1], center)
    for found, held in ((exact, slice(None)), (local, slice(1, 2))):
        assert found.standardized == (model.name == "c4gap_dlgn")
        pixels = images
        if found.standardized:
            pixels = np.asarray(model.normalization(images))
        values = np.asarray(model.preactivations(images)[found.site])
        expected = values[:, *found.positions.T, found.channels][held]
        np.testing.assert_allclose(
            found.preactivations(pixels)[held],
            expected,
            atol=1e-4 * np.abs(expected).max(),
        )


def test_contributions_sum_to_the_logits(model, images):
    logits = np.asarray(model(images))
    view = DualView(model, "float64")
    for site in model.site_names:
        found = view.contributions(images, site)
        error = np.abs(found.total - logits).max()
        assert error <= 1e-5 * np.abs(logits).max()
        assert np.abs(found.of_units).max() > 0


def test_sure_gates_lie_between_their_slopes(model, images):
    found = gate_statistics.collect(model, images, np.arange(3), 10)
    for site, statistics in found.sites.items():
        gates = np.asarray(model.gates(images)[site], "float64")
        low = -1.0 if model.name == "smallcnn_dnn" else 0.0
        share = (gates - low) / (1.0 - low)
        assert statistics.sureness == pytest.approx(
            np.abs(2 * share - 1).mean(), abs=1e-5
        )
        assert 0 <= statistics.entropy <= 1 + 1e-6


def test_a_gate_that_is_switched_to_itself_changes_nothing(model, images):
    """The gate of another nonlinearity is what it multiplies by."""
    site = model.site_names[0]
    one = ImageSet(images[:1], np.array([0], "int32"))
    # The mean over one image is that image's own gate.
    switch = interventions.Switch(site, "mean")
    (effect,) = interventions.interventions(model, one, [switch])
    largest = np.abs(model(images[:1])).max()
    assert effect.mean_absolute_logit_change < 1e-4 * largest


@pytest.mark.parametrize("scale", ["residual", "unit", "gain"])
@pytest.mark.parametrize(
    "reparametrization", ["gram_schmidt", "newton_schulz", "cayley"]
)
def test_orthogonal_filters_of_all_kinds(reparametrization, scale, rng):
    if reparametrization != "gram_schmidt" and scale == "residual":
        pytest.skip("lengths of residuals are those of Gram-Schmidt")
    filters = OrthogonalFilters(reparametrization, scale)
    model = create_model(
        "fc_dlgn", (2, 2, 1), 3, width=2, depth=3, orthogonal=filters, seed=1
    )
    images = rng.integers(0, 256, (3, 2, 2, 1)).astype("uint8")
    logits = np.asarray(model(images))
    for site in model.site_names:
        found = DualView(model).contributions(images, site)
        np.testing.assert_allclose(found.total, logits, atol=1e-5)
    paths = PathFinder(model, biases=True).strongest(images, [0, 0, 0], 100)
    sums = [sum(path.contribution for path in of_image) for of_image in paths]
    np.testing.assert_allclose(sums, logits[:, 0], atol=1e-5)


@pytest.mark.parametrize("name", ["largecnn_dlgn_sf", "smallcnn_dlgn_sf"])
def test_shallow_features_are_affine(name):
    model = create_model(name, (32, 32, 3), 10, width=2)
    assert all(is_affine(model, site) for site in model.site_names)


def test_a_nonlinear_gating_network_is_told_apart():
    assert is_affine(own_network(), "site")
    assert not is_affine(own_network(nonlinear=True), "site")


def test_activations_inside_the_value_network_are_named():
    model = own_network()
    model.value_network.get_layer("conv").activation = keras.activations.relu
    with pytest.raises(Exception, match="linear given its gates.* with conv$"):
        DualView(model)
