"""From a name to a model: seeds, options, inputs, errors."""

import random

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.layers import Gate
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import GatedNetwork
from dlgn_tf.models.relu import ReLUNetwork

SHAPE = (8, 8, 3)
FAMILIES = ("dnn", "dgn", "dlgn", "dlgn_sf")
# One of each kind, small.
OPTIONS = {
    "fc": {"width": 5},
    "c1gap": {"width": 3},
    "c4gap": {"width": 3},
    "gconv": {"width": 2, "head_width": 5},
    "vconv": {"width": 2, "head_width": 5},
    "resnet20": {"depth": 8, "width": 4},
    "resnet164": {"depth": 11, "width": 2},
    "wrn16_4": {"depth": 10, "width": 1},
}


def build(name, shape=SHAPE, classes=3, **options):
    given = OPTIONS[name.split("_d")[0]] | options
    return create_model(name, shape, classes, **given)


def kernels(model):
    return [np.asarray(w) for w in model.weights if w.name == "kernel"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["fc", "c4gap", "vconv", "resnet164"])
def test_every_kind_takes_images_of_any_dtype_and_number(draw, name, family):
    model = build(f"{name}_{family}", seed=0)
    assert model.name == f"{name}_{family}"
    assert isinstance(model, ReLUNetwork if family == "dnn" else GatedNetwork)
    assert model.image_shape == SHAPE
    images = draw(SHAPE, 7)
    logits = np.asarray(model(images))
    assert logits.shape == (7, 3)
    assert np.all(np.isfinite(logits))
    for dtype in ("float32", "float64"):
        np.testing.assert_allclose(
            model(images.astype(dtype)), logits, rtol=1e-5, atol=1e-6
        )
    # Each image by itself, in evaluation mode.
    for index in (0, 6):
        np.testing.assert_allclose(
            model(images[index : index + 1])[0],
            logits[index],
            rtol=1e-4,
            atol=1e-5,
        )
    q = model.preactivations(images)
    gates = model.gates(images)
    assert list(q) == list(gates) == model.site_names
    for site in q:
        assert q[site].shape == gates[site].shape
        assert q[site].shape[0] == 7


@pytest.mark.parametrize("name", ["fc_dlgn", "c4gap_dlgn_sf", "resnet20_dgn"])
def test_logits_keep_to_float_inputs_between_integers(draw, name):
    """Nothing rounds the pixels of float images."""
    model = build(name, seed=0)
    images = draw(SHAPE, 2).astype("float32")
    moved = images + np.float32(0.5)
    q = model.preactivations(images), model.preactivations(moved)
    first = model.site_names[0]
    assert np.max(np.abs(q[0][first] - q[1][first])) > 1e-4


@pytest.mark.parametrize("name", ["c4gap_dlgn", "resnet20_dgn", "fc_dnn"])
def test_seed_decides_the_initial_weights(name):
    first, again = (build(name, seed=3) for _ in range(2))
    for a, b in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    other = build(name, seed=4)
    for a, b in zip(kernels(first), kernels(other), strict=True):
        assert np.all(a != b)


def test_without_a_seed_models_differ():
    first, other = (build("c4gap_dlgn") for _ in range(2))
    for a, b in zip(kernels(first), kernels(other), strict=True):
        assert np.any(a != b)


@pytest.mark.parametrize("family", ["dgn", "dlgn"])
@pytest.mark.parametrize("name", ["c4gap", "resnet20", "fc"])
def test_gating_and_value_weights_are_independent(name, family):
    model = build(f"{name}_{family}", seed=0)
    pairs = list(zip(*map(kernels, _networks(model)), strict=False))
    assert len(pairs) >= 4
    for gating, value in pairs:
        assert gating.shape == value.shape
        assert np.mean(gating == value) < 0.01
        assert abs(np.corrcoef(gating.ravel(), value.ravel())[0, 1]) < 0.5


def _networks(model):
    return model.gating_network, model.value_network


def test_layers_of_one_shape_differ():
    model = build("c4gap_dnn", seed=0)
    second, third = kernels(model)[1:3]
    assert second.shape == third.shape
    assert np.all(second != third)


@pytest.mark.parametrize("seed", [None, 0, 7])
def test_other_random_states_are_untouched(seed):
    random.seed(123)
    np.random.seed(123)
    state, numpy_state = random.getstate(), np.random.get_state()
    build("c4gap_dlgn", seed=7)
    assert random.getstate() == state
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])


def test_random_state_is_put_back_after_an_error():
    state = random.getstate()
    with pytest.raises(ValueError, match="beta"):
        build("c4gap_dlgn", seed=7, beta=0)
    assert random.getstate() == state


def test_seed_does_not_depend_on_what_came_before():
    random.seed(1)
    first = build("fc_dnn", seed=5)
    random.seed(2)
    build("c4gap_dlgn")
    again = build("fc_dnn", seed=5)
    for a, b in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_initialisers_of_plain_networks():
    """Glorot uniform, zero bias: Keras' defaults, as in the NPK code."""
    model = create_model("c4gap_dnn", SHAPE, seed=0)
    for layer in model.network.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            area = np.prod(kernel.shape[:-2])
            limit = np.sqrt(6 / (area * (kernel.shape[-2] + kernel.shape[-1])))
            assert 0.95 * limit < np.abs(kernel).max() <= limit
            assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
            np.testing.assert_array_equal(bias, 0)


def test_gate_is_the_given_one():
    model = build("fc_dlgn", gate="hard", beta=4.0, epsilon=0.1)
    assert isinstance(model.gate, Gate)
    found = (model.gate.kind, model.gate.beta, model.gate.epsilon)
    assert found == ("hard", 4.0, 0.1)
    for name, beta, epsilon in (
        ("c1gap_dlgn", 10.0, 0.0),
        # The networks of the neural path kernel paper.
        ("fc_dlgn", 4.0, 0.1),
        ("gconv_dgn", 4.0, 0.1),
    ):
        default = build(name).gate
        found = (default.kind, default.beta, default.epsilon)
        assert found == ("soft", beta, epsilon)


@pytest.mark.parametrize(
    "family,default", [("dgn", "image"), ("dlgn", "image"), ("dlgn_sf", "ones")]
)
def test_value_input(family, default):
    assert build(f"fc_{family}").value_input == default
    for given in ("image", "ones"):
        assert build(f"fc_{family}", value_input=given).value_input == given


def test_images_too_small_for_vgg():
    with pytest.raises(UserError, match="32x32 pixels. Received: 8x8"):
        create_model("vgg16_dlgn", (8, 8, 1))


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"gate": "medium"}, "one of soft, hard, own. Received: gate=medium"),
        ({"seed": "a"}, "an integer >= 0. Received: seed=a"),
        ({"seed": -1}, "an integer >= 0. Received: seed=-1"),
    ],
)
def test_gates_and_seeds_that_cannot_be(arguments, message):
    with pytest.raises(UserError, match=message):
        build("fc_dlgn", **arguments)


@pytest.mark.parametrize("arguments", [{"mean": (1, 2)}, {"std": (1, 2)}])
@pytest.mark.parametrize("family", ["dnn", "dlgn"])
def test_channels_of_the_normalization_are_checked_at_once(family, arguments):
    with pytest.raises((UserError, ValueError), match="one for each channel"):
        build(f"fc_{family}", **arguments)
