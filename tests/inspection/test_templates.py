"""q = <T, x> + b against the model itself, and against finite differences."""

import subprocess
import sys

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import templates as primal
from dlgn_tf.inspection.site_map import SiteMap

COLOR = (32, 32, 3)
# Name, image, options: every layer that can stand before a site.
AFFINE = {
    "plain": ("c4gap_dlgn", (7, 6, 3), {"width": 5}),
    "circular": (
        "gconv_dlgn",
        (6, 6, 1),
        {"width": 3, "head_width": 4, "padding": "circular"},
    ),
    "original": ("resnet20_dlgn", (9, 8, 3), {"depth": 8, "width": 4}),
    "projections": (
        "resnet20_dlgn",
        (8, 8, 1),
        {"depth": 8, "width": 4, "shortcut": "B"},
    ),
    "preactivated": ("resnet110_dlgn", (8, 8, 1), {"depth": 14, "width": 4}),
    "average_pooling": ("vgg16_dlgn", COLOR, {"width": 3}),
    "shallow": ("vgg11_dlgn_sf", COLOR, {"width": 3}),
    "shallow_dense": ("fc_dlgn_sf", (5, 5, 1), {"width": 3}),
    "dense": ("fcresnet_dlgn", (5, 5, 1), {"width": 6}),
    "ensemble": ("c1gap_dnn", (5, 5, 3), {"width": 3, "members": 2}),
}


def check(model, site, images, **chosen):
    """Pre-activations from templates against those of the model."""
    found = primal.templates(model, site, **chosen)
    values = np.asarray(model.preactivations(images)[site], "float64")
    expected = values[:, *found.positions.T, found.channels]
    difference = np.abs(found.preactivations(images) - expected).max()
    assert difference <= 1e-5 * np.abs(expected).max()
    assert found.exact
    return found


@pytest.mark.parametrize("case", AFFINE)
def test_templates_give_the_preactivations(case, trained_like, pixels):
    name, shape, options = AFFINE[case]
    model = trained_like(name, shape, **options)
    images = pixels(6, shape)
    for site in dict.fromkeys((model.site_names[0], model.site_names[-1])):
        rows = len(check(model, site, images, channels=[2, 0]).offsets)
        assert rows == 2 * np.prod(model.site_shapes[site][:-1], dtype=int)


def test_positions_and_channels_are_the_rows(trained_like, pixels):
    model = trained_like("c4gap_dlgn", (7, 6, 3), width=5)
    chosen = {"positions": [(6, 0), (2, 5)], "channels": [4, 1, 2]}
    found = check(model, "conv3", pixels(5, (7, 6, 3)), **chosen)
    assert found.positions.tolist() == [[6, 0]] * 3 + [[2, 5]] * 3
    assert found.channels.tolist() == [4, 1, 2] * 2
    center = primal.templates(model, "conv3", "center", [0])
    assert center.positions.tolist() == [[3, 3]]


def test_whole_sites_are_pushed_forward_to_the_same(trained_like, pixels):
    """More units than numbers of an image, and fewer."""
    model = trained_like("resnet20_dlgn", depth=8, width=4)
    whole = check(model, "group1_block1_2", pixels(5))
    assert len(whole.offsets) == 256 > 64
    rows = [3 * 8 + 4, 63]
    few = primal.templates(model, "group1_block1_2", [(3, 4), (7, 7)], [1])
    same = whole.weights.reshape(64, 4, 8, 8, 1)[rows, 1]
    np.testing.assert_allclose(few.weights, same, atol=1e-12)


def test_dense_templates_are_products_of_weights(trained_like):
    model = trained_like("fc_dlgn", (3, 2, 2), width=4, depth=4)
    kernels = [
        model.gating_network.get_layer(f"dense{index}").get_weights()[0]
        for index in (1, 2, 3)
    ]
    product = np.linalg.multi_dot([k.astype("float64") for k in kernels])
    found = primal.templates(model, "dense3")
    np.testing.assert_allclose(
        found.normalized_weights.reshape(4, -1), product.T, rtol=1e-12
    )
    assert found.positions.shape == (4, 0)


def test_normalized_and_stored_images_give_the_same(trained_like, pixels):
    model = trained_like("c4gap_dlgn", (6, 6, 3), width=3)
    images = pixels(4, (6, 6, 3))
    found = primal.templates(model, "conv2", "center")
    normalized = np.asarray(model.normalization(images), "float64")
    products = np.einsum("nhwc,uhwc->nu", normalized, found.normalized_weights)
    np.testing.assert_allclose(
        products + found.normalized_offsets,
        found.preactivations(images),
        rtol=1e-5,
        atol=1e-5,
    )


def test_blocks_give_what_all_at_once_gives(trained_like):
    model = trained_like("c4gap_dlgn", (6, 6, 1), width=3)
    arguments = (model, "conv4", [(1, 2), (5, 5)])
    at_once = primal.templates(*arguments)
    # Room for the six templates and two rows at work.
    row = SiteMap(model, "conv4").row_bytes + 8 * (2 * 108 + 36)
    bound = (6 * 36 * 8 + 2.5 * row) / 2**30
    in_blocks = primal.templates(*arguments, memory_gib=bound)
    np.testing.assert_allclose(in_blocks.weights, at_once.weights, rtol=1e-12)
    with pytest.raises(UserError, match="memory_gib of at least"):
        primal.templates(*arguments, memory_gib=bound / 10)


@pytest.mark.parametrize("name", ["c4gap_dgn", "c4gap_dnn", "vgg11_dlgn"])
def test_what_is_not_affine_is_refused(name, trained_like):
    if name == "vgg11_dlgn":
        model = trained_like(name, COLOR, width=2, pooling="max")
        sites = ("conv1_1", "conv2_1")
    else:
        model = trained_like(name, width=3)
        sites = ("conv1", "conv2")
    assert [primal.is_affine(model, site) for site in sites] == [True, False]
    with pytest.raises(UserError, match="linearization.*image.*gives"):
        primal.templates(model, sites[1], "center")


def test_the_first_site_of_a_dgn_is_affine(trained_like, pixels):
    model = trained_like("resnet20_dgn", depth=8, width=4)
    check(model, "stem", pixels(4))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("c4gap_dgn", {"width": 4}),
        ("resnet20_dnn", {"depth": 8, "width": 4}),
        ("resnet20_dlgn", {"depth": 8, "width": 4}),
    ],
)
def test_linearization_is_the_derivative(
    name, options, trained_like, pixels, rng, float64
):
    """Along a direction, by central differences of the model in float64."""
    model = trained_like(name, **options)
    site = model.site_names[-1]
    (image,) = pixels(1).astype("float64")
    found = primal.linearization(model, site, image, "center")
    row, column = found.positions[0]

    def value(images):
        return np.asarray(model.preactivations(images)[site])[:, row, column]

    (here,) = value(image[None])
    np.testing.assert_allclose(
        found.preactivations(image[None])[0], here, rtol=1e-9, atol=1e-9
    )
    step = 1e-4 * rng.standard_normal(image.shape)
    up, down = value(np.stack([image + step, image - step]))
    changes = np.einsum("uhwc,hwc->u", found.weights, 2 * step)
    np.testing.assert_allclose(changes, up - down, rtol=1e-6, atol=1e-12)
    assert not found.exact
    np.testing.assert_array_equal(found.image, image)


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"site": "conv9"}, "one of conv1, conv2, conv3, conv4. .*: conv9"),
        ({"positions": [(6, 0)]}, "positions of conv2 within 0..5 x 0..5"),
        ({"positions": [(0, -1)]}, "positions of conv2"),
        ({"positions": "corner"}, "positions of conv2"),
        ({"positions": []}, "positions of conv2"),
        ({"positions": (3, 4)}, "positions of conv2"),
        ({"positions": [(1, 2, 3, 4)]}, "positions of conv2"),
        ({"channels": [3]}, "channels of conv2 within 0..2"),
        ({"channels": [0.5]}, "channels of conv2"),
    ],
)
def test_wrong_choices(chosen, text, trained_like):
    model = trained_like("c4gap_dlgn", (6, 6, 1), width=3)
    with pytest.raises(UserError, match=text):
        primal.templates(model, **{"site": "conv2", **chosen})


def test_dense_sites_have_no_positions(trained_like):
    model = trained_like("fc_dlgn", (3, 3, 1), width=3)
    with pytest.raises(UserError, match="no positions"):
        primal.templates(model, "dense1", positions=[(0, 0)])
    with pytest.raises(UserError, match="image of shape"):
        primal.linearization(model, "dense1", np.zeros((4, 3, 1)))


_ON_JAX = """
import numpy as np
from dlgn_tf.inspection.templates import templates
from dlgn_tf.models.build import create_model
model = create_model("c4gap_dlgn", (5, 5, 1), 4, width=2, seed=0, mean=0.4)
images = np.random.default_rng(0).integers(0, 256, (3, 5, 5, 1))
q = np.asarray(model.preactivations(images)["conv2"]).reshape(3, -1)
for chosen in ({}, {"positions": "center"}):
    found = templates(model, "conv2", **chosen)
    assert found.weights.dtype == "float64"
    rows = slice(None) if not chosen else slice(24, 26)
    difference = np.abs(found.preactivations(images) - q[:, rows]).max()
    assert difference <= 1e-5 * np.abs(q).max(), difference
"""


@pytest.mark.slow
def test_on_jax(jax_environment):
    pytest.importorskip("jax")
    subprocess.run(
        [sys.executable, "-c", _ON_JAX],
        check=True,
        env={**jax_environment, "JAX_PLATFORMS": "cpu"},
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["c4gap_dlgn", "vgg16_dlgn", "resnet110_dlgn"])
def test_published_networks(name, trained_like, pixels):
    model = trained_like(name, COLOR)
    images = pixels(8, COLOR)
    sites = model.site_names
    for site in (sites[0], sites[len(sites) // 2], sites[-1]):
        check(model, site, images, positions="center", channels=range(0, 16))
