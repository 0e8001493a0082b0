"""Decisions explained, against the value network with pixels taken away."""

import itertools
import pathlib

import keras
import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import create_model, explain
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.attributions import (
    AROUND,
    CONSTANT,
    METHODS,
    Question,
    occlusion,
)
from dlgn_tf.inspection.explanations import Explanation
from dlgn_tf.inspection.site_map import float64_copy
from dlgn_tf.models.zoo import ARCHITECTURES

TOLERANCES = {"float32": 1e-5, "float64": 1e-12}
FAMILIES = ("dnn", "dgn", "dlgn", "dlgn_sf")
# Of networks of the zoo that are quick; slow tests try all of them.
SIZES = {
    "fc": {"depth": 3, "width": 5},
    "c4gap": {"width": 4},
    "resnet20": {"depth": 8, "width": 4},
}
QUICK = {
    *itertools.product(["fc"], ["dgn", "dlgn"], ["image", "ones"]),
    ("fc", "dlgn_sf", "ones"),
    ("c4gap", "dlgn", "image"),
    ("resnet20", "dnn", "image"),
}
USER_GRAPHS = pathlib.Path(__file__).parents[1] / "models" / "user_graphs.py"


def check_sums(model, images, site=None):
    """The sums are the logits, in both precisions."""
    logits = np.asarray(model(images))
    scale, predicted = np.abs(logits).max(), logits.argmax(axis=1)
    for dtype, tolerance in TOLERANCES.items():
        found = explain(model, images, dtype=dtype, site=site)
        np.testing.assert_array_equal(found.targets, predicted)
        explained = logits[np.arange(len(images)), predicted]
        assert np.abs(found.logits - explained).max() <= 1e-5 * scale
        assert found.maps.dtype == dtype
        total = found.maps.reshape(len(images), -1).sum(1) + found.bias
        assert np.abs(total - found.logits).max() <= tolerance * scale
        assert found.gap.max() <= tolerance
    return found


def cases():
    """Every architecture with gates, in every family, of image and ones."""
    for name, entry in ARCHITECTURES.items():
        if entry.gate_sites == 0:
            continue
        for family in FAMILIES:
            for value_input in ("image", "ones")[: 1 + (family != "dnn")]:
                case = name, family, value_input
                slow = [pytest.mark.slow] * (case not in QUICK)
                yield pytest.param(*case, marks=slow)


@pytest.mark.parametrize("name,family,value_input", list(cases()))
def test_sums_are_the_logits(
    name, family, value_input, general_model, images_for
):
    entry = ARCHITECTURES[name]
    side = max(8, entry.minimum_side)
    options = SIZES.get(name) or {
        k: 4 for k in ("width", "head_width") if k in entry.options
    }
    if "grayscale" in entry.options:
        options = {**options, "grayscale": False}
    if entry.recipe in ("resnet", "wrn"):
        block = entry.options.get("block")
        few = {"bottleneck": 11, None: 10}.get(block, 8)
        options = {**options, "depth": few}
    if family != "dnn":
        options = {**options, "value_input": value_input}
    model = general_model(f"{name}_{family}", (side, side, 2), **options)
    found = check_sums(model, images_for(model, 2))
    # With a constant all goes through the gates, and that is said.
    constant = value_input == "ones"
    assert found.maps.any() != constant
    assert (CONSTANT in found.biases) == constant
    assert ("through the gates" in found.said) == constant


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(seed, marks=[pytest.mark.slow] * (seed != 1))
        for seed in range(18)
    ],
)
def test_converted_networks(seed, module_of):
    drawn = module_of(USER_GRAPHS).Drawn(seed)
    images = drawn.images()
    bent = any(isinstance(x, keras.Sequential) for x in drawn.model.layers)
    for family in ("dnn", "dgn")[: 1 + (seed != 1)]:
        model = dlgn_tf.from_keras(
            drawn.model, family, weights="copy", keep="all", seed=0
        )
        if bent:
            # Its group normalisation is neither linear nor homogeneous.
            with pytest.raises(UserError, match="linear given its gates"):
                explain(model, images)
        else:
            check_sums(model, images)


@pytest.fixture(scope="module")
def model():
    """Of a shape whose axes are told apart."""
    model = create_model("c4gap_dgn", (6, 5, 2), 4, width=3, mean=0.5, seed=3)
    rng = np.random.default_rng(1)
    for weight in model.value_network.weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    return model


@pytest.fixture
def images(model, rng):
    shape = (3, *model.image_shape)
    return rng.integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def held(model, images):
    """A function of normalised images: logits under the gates of `images`."""
    network = float64_copy(model.value_network)
    gates = [np.asarray(x, "float64") for x in model.gates(images).values()]
    return lambda pixels: np.asarray(network([pixels, *gates]))


def test_each_pixel_and_the_biases_alone(model, images, held):
    """By taking them away from the value network, gates held."""
    pixels = np.asarray(model.normalization(images), "float64")
    found = explain(model, images, 2, dtype="float64")
    whole = held(pixels)[:, 2]
    np.testing.assert_allclose(found.bias, held(0 * pixels)[:, 2], atol=1e-10)
    for place in ((0, 0, 1), (5, 4, 0), (2, 3, 1)):
        without = pixels.copy()
        without[(slice(None), *place)] = 0
        lost = whole - held(without)[:, 2]
        np.testing.assert_allclose(
            found.maps[(slice(None), *place)], lost, atol=1e-10
        )
        assert np.abs(lost).max() > 1e-6
    # Control: the derivative is not what a pixel adds.
    other = explain(model, images, 2, "gradient")
    assert np.abs(other.total - whole).max() > 1e-2 * np.abs(whole).max()


def test_differences_sites_and_bounds(model, images, held):
    pixels = np.asarray(model.normalization(images), "float64")
    both = explain(model, images, [0, 1, 2], against=3, dtype="float64")
    lead = held(pixels)[range(3), [0, 1, 2]] - held(pixels)[:, 3]
    np.testing.assert_allclose(both.logits, lead, atol=1e-10)
    np.testing.assert_allclose(both.total, lead, atol=1e-10)
    alone = [explain(model, images, c, dtype="float64").maps for c in (1, 3)]
    np.testing.assert_allclose(both.maps[1], (alone[0] - alone[1])[1])
    found = check_sums(model, images, "conv2")
    assert found.maps.shape == (3, 6, 5, 3)
    assert found.channels.shape == (3, 3) and not found.biases[AROUND].any()
    small = explain(model, images, memory_gib=3e-5, dtype="float64", target=1)
    # Gates of other batches round otherwise.
    np.testing.assert_allclose(small.maps, alone[0], atol=1e-9)
    with pytest.raises(UserError, match="Expected memory_gib of at least"):
        explain(model, images, memory_gib=1e-7)


def test_vectors(rng):
    model = create_model("fc_dlgn", (1, 1, 7), 3, width=5, depth=3, seed=1)
    rows = rng.normal(size=(4, 7)).astype("float32")
    found = check_sums(model, rows)
    assert found.maps.shape == (4, 7)
    assert occlusion(
        Question(model, rows[:, None, None], np.eye(3)[[0] * 4])
    ).maps.any()
    assert found.plot() is not None


def numeric_derivative(function, pixels, place, step=0.5):
    """By central differences; exact where the function is linear between."""
    moved = np.zeros_like(pixels)
    moved[(slice(None), *place)] = step
    return (function(pixels + moved) - function(pixels - moved)) / (2 * step)


def test_methods_of_a_smooth_network(rng):
    """Against differences and sums in NumPy, of an MLP of softened gates."""
    model = create_model("fc_dlgn", (3, 3, 1), 3, width=4, depth=3, seed=1)
    images = rng.integers(0, 256, (2, 3, 3, 1), dtype=np.uint8)
    pixels = np.asarray(model.normalization(images), "float64")

    def logit(x):
        x = keras.ops.convert_to_tensor(x, "float32")
        return np.asarray(model.of_pixels(x))[:, 1]

    found = {name: explain(model, images, 1, name) for name in METHODS
             if name != "grad_cam"}  # fmt: skip
    place = (1, 2, 0)
    expected = numeric_derivative(logit, pixels, place, 1e-2)
    of = {
        name: each.maps[(slice(None), *place)] for name, each in found.items()
    }
    np.testing.assert_allclose(of["gradient"], expected, rtol=2e-2, atol=1e-4)
    np.testing.assert_allclose(
        of["gradient_x_input"], of["gradient"] * pixels[:, 1, 2, 0], rtol=1e-5
    )
    # Integrated gradients are complete, but for the midpoint rule.
    integrated = found["integrated_gradients"]
    scale = np.abs(integrated.maps).sum()
    assert np.abs(integrated.total - logit(pixels)).max() < 1e-3 * scale
    np.testing.assert_allclose(integrated.bias, logit(0 * pixels), rtol=1e-5)
    again = explain(model, images, 1, "smoothgrad")
    np.testing.assert_array_equal(again.maps, found["smoothgrad"].maps)
    quiet = explain(model, images, 1, "smoothgrad", noise=0.0, samples=2)
    np.testing.assert_allclose(quiet.maps, found["gradient"].maps, rtol=1e-5)
    # One window of the whole image: all pixels share what is lost.
    whole = explain(model, images, 1, "occlusion", window=3)
    lost = logit(pixels) - logit(0 * pixels)
    np.testing.assert_allclose(
        whole.maps, np.tile(lost[:, None, None, None], (1, 3, 3, 1)), rtol=1e-4
    )
    assert np.ptp(found["occlusion"].maps, axis=(1, 2, 3)).min() > 0


def test_grad_cam_by_hand(model, images):
    """The last site's outputs times their mean derivative, by NumPy."""
    found = explain(model, images, 2, "grad_cam")
    site = model.site_names[-1]
    weights = model.value_network.get_layer("logits").get_weights()[0][:, 2]
    q = keras.Model(model.value_network.inputs, model.value_at(site))
    outputs = np.asarray(q(model.entering(images)))
    outputs = outputs * np.asarray(model.gates(images)[site])
    # Global pooling: each position has the weight of its channel / positions.
    expected = np.maximum((outputs * weights / 30).sum(-1), 0)
    np.testing.assert_allclose(found.maps.sum(-1), expected, rtol=1e-4)
    assert expected.any()


def test_excitation_pullback_has_soft_gates_on_the_way_back_alone(rng):
    """One hidden layer by NumPy: the derivative under sigmoid(beta q)."""
    model = create_model("fc_dnn", (2, 2, 1), 3, width=6, depth=2, seed=1)
    images = rng.integers(0, 256, (3, 2, 2, 1), dtype=np.uint8)
    found = explain(model, images, 1, "excitation_pullback", beta=2.0)
    (first, bias), (last, _) = (
        model.network.get_layer(name).get_weights()
        for name in ("dense1", "logits")
    )
    pixels = np.asarray(model.normalization(images)).reshape(3, 4)
    soft = 1 / (1 + np.exp(-2.0 * (pixels @ first + bias)))
    expected = (soft * last[:, 1]) @ first.T
    np.testing.assert_allclose(
        found.maps.reshape(3, 4), expected, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(found.logits, np.asarray(model(images))[:, 1])


def test_refusals(model, images):
    for given, expected in (
        ({"method": "magic"}, "one of contributions, gradient.*'magic'"),
        ({"target": 4}, "logits from 0 to 3. Received: 4"),
        ({"against": [0, 1]}, "one for each of 3 images. Received: 2"),
        ({"site": "conv9"}, "a gate site.*conv9"),
        ({"steps": 3}, "site, dtype, view. Received: steps=3"),
        ({"method": "gradient", "dtype": "float64"}, "none. Received: dtype"),
        ({"method": "grad_cam", "site": "dense"}, "a gate site"),
        ({"method": "smoothgrad", "samples": 0}, "samples .* >= 1"),
        (
            {"method": "integrated_gradients", "steps": 2.5},
            "integer >= 1. Received: steps=2.5",
        ),
        ({"target": np.zeros((3, 1), int)}, "one for each of 3 images"),
    ):
        with pytest.raises(UserError, match=expected):
            explain(model, images, **given)
    with pytest.raises(UserError, match="dlgn_tf.from_keras. .*Sequential"):
        explain(keras.Sequential([keras.layers.Dense(2)]), images)
    with pytest.raises(UserError, match="Expected images of shape"):
        explain(model, images[:, :3])


def test_the_plot_has_zero_in_the_middle(model, images):
    figure = explain(model, images, 1).plot(0, list("abcd"))
    legend = figure.axes[-1]
    low, high = legend.get_ylim()
    assert low == -high and "0" in legend.get_ylabel()
    assert figure.axes[1].get_title() == "contributions: b"
    assert isinstance(explain(model, images), Explanation)


@pytest.mark.parametrize(
    "policy",
    ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)],
)
def test_every_method_in_mixed_precision(policy, dtype_policy, rng):
    """As in single precision, but for the rounding of 16 bits."""
    options = {"width": 3, "mean": 0.5, "std": 0.25, "seed": 3}
    exact = create_model("c1gap_dgn", (4, 4, 1), 3, **options)
    dtype_policy(policy)
    mixed = create_model("c1gap_dgn", (4, 4, 1), 3, **options)
    images = rng.integers(0, 256, (2, 4, 4, 1), dtype=np.uint8)
    for method in METHODS:
        maps = [
            explain(model, images, 1, method).maps.ravel()
            for model in (exact, mixed)
        ]
        assert np.corrcoef(*maps)[0, 1] > 0.95, method


@pytest.mark.usefixtures("float64")
def test_methods_in_double_precision(rng):
    model = create_model("c1gap_dgn", (4, 4, 1), 3, width=3, seed=3)
    images = rng.integers(0, 256, (2, 4, 4, 1), dtype=np.uint8)
    for method in ("gradient", "grad_cam", "excitation_pullback"):
        assert explain(model, images, 1, method).maps.any()


def test_occlusion_by_hand(model, images):
    """Of each pixel the mean of what its windows lose, by NumPy."""
    pixels = np.asarray(model.normalization(images))

    def logit(x):
        return np.asarray(model.of_pixels(keras.ops.convert_to_tensor(x)))[:, 1]

    sums, counts = np.zeros((3, 6, 5)), np.zeros((6, 5))
    for top, left in itertools.product((0, 2, 3), (0, 2)):
        without = pixels.copy()
        without[:, top : top + 3, left : left + 3] = 0
        lost = logit(pixels) - logit(without)
        sums[:, top : top + 3, left : left + 3] += lost[:, None, None]
        counts[top : top + 3, left : left + 3] += 1
    options = {"window": 3, "stride": 2, "memory_gib": 1e-4}
    found = explain(model, images, 1, "occlusion", **options)
    np.testing.assert_allclose(
        found.maps.sum(-1), sums / counts, rtol=1e-4, atol=1e-6
    )
    for wrong, expected in (
        ({"window": 2, "stride": 4}, "from 1 to 2.*Received: stride=4"),
        ({"window": 0}, "window .* >= 1. Received: window=0"),
        ({"stride": 0}, "Received: stride=0"),
        ({"stride": 1.5}, "Received: stride=1.5"),
    ):
        with pytest.raises(UserError, match=expected):
            explain(model, images, 1, "occlusion", **wrong)


def test_numbers_of_a_regression_are_named():
    model = create_model(
        "fc_dlgn", (1, 1, 3), 2, loss="squared", width=4, depth=2
    )
    rows = np.ones((2, 3), "float32")
    with pytest.raises(UserError, match="which of the numbers.*0 to 1"):
        explain(model, rows)
    assert explain(model, rows, 1).targets.tolist() == [1, 1]
