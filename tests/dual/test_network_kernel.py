"""Kernels of models: against NumPy, enumeration, and what they must not see."""

import numpy as np
import pytest

from dlgn_tf import dual
from dlgn_tf.dual import image_arrays
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import GatedNetwork

SHAPE = (3, 3, 2)


def images_of(rng, count=5, shape=SHAPE):
    return rng.integers(0, 256, (count, *shape)).astype("uint8")


def create(name, rng, shape=SHAPE, biases=None, **options):
    """One output; biases as they might be after training."""
    model = create_model(name, shape, 1, biases=biases, **options)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) / 2)
    return model


CIRCULAR = {"padding": "circular"}
CASES = {
    "fc": {"depth": 4, "width": 4},
    "c1gap": {"width": 3, **CIRCULAR},
    "c4gap": {"width": 2, "depth": 2, **CIRCULAR},
    "gconv": {"width": 1, "depth": 2, "head_width": 2, **CIRCULAR},
    "fcresnet": {"width": 3, "depth": 8},
}


KINDS = (
    ("dnn", {}),
    ("dnn", {"activation": "swish"}),
    ("dnn", {"activation": "abs_beta_vq"}),
    *(
        (family, {"gate": gate, **options})
        for family, options in (
            ("dgn", {}),
            ("dlgn", {"value_input": "ones"}),
            ("dlgn_sf", {}),
        )
        for gate in ("hard", "soft")
    ),
)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("family,options", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_equals_enumeration(name, family, options, rng, enumerated_paths):
    """Gates of other nonlinearities are what they multiply by."""
    options = {**CASES[name], **options}
    model = create(f"{name}_{family}", rng, biases=False, **options)
    images = images_of(rng)
    # The paths are those of this very network.
    output = enumerated_paths(model, images).output()
    np.testing.assert_allclose(model(images)[:, 0], output, rtol=1e-8)
    expected = enumerated_paths(model, images, normalized=True).kernel()
    found = dual.neural_path_kernel(model, images)
    close = {"rtol": 1e-10, "atol": 1e-14}
    if "activation" in options:
        close = {"rtol": 1e-5, "atol": 1e-8}
    np.testing.assert_allclose(found, expected, **close)
    assert np.any(expected)


def test_gate_permutation(rng):
    """Changes the kernel of convolutions alone, by windows in another order."""
    shape = (5, 6, 1)
    images = images_of(rng, shape=shape)

    def kernel(name, permutation, **options):
        model = create_model(
            name, shape, seed=1, gate_permutation=permutation, **options
        )
        return dual.neural_path_kernel(model, images)

    for name, options, least, most in (
        ("fc_dlgn", {"depth": 4}, 0, 1e-12),
        ("c4gap_dlgn", {"depth": 3, "padding": "circular"}, 1e-6, 1),
    ):
        plain = kernel(name, None, **options)
        permuted = kernel(name, (2, 0, 1), **options)
        assert least <= np.abs(permuted / plain - 1).max() <= most


@pytest.fixture
def batch_sizes(monkeypatch):
    """How many images come at a time where gates are asked for."""
    sizes = []
    asked = GatedNetwork.gates

    def gates(self, images):
        sizes.append(len(images))
        return asked(self, images)

    monkeypatch.setattr(GatedNetwork, "gates", gates)
    return sizes


def test_two_sets_and_several_batches(rng, monkeypatch, batch_sizes):
    model = create("gconv_dgn", rng, padding="circular", width=2, head_width=3)
    images = images_of(rng, 7)
    whole = dual.neural_path_kernel(model, images)
    # Of four bytes a number.
    of_two = 2 * 4 * image_arrays.ImageArrays(model)._numbers_of_pass()
    monkeypatch.setattr(image_arrays, "_MOST_PASSING", of_two)
    found = dual.neural_path_kernel(model, images[:3], images[3:])
    np.testing.assert_allclose(found, whole[:3, 3:], rtol=1e-6)
    assert batch_sizes == [7, 2, 1, 2, 2]


def test_few_images_at_a_time_where_memory_is_short(rng, batch_sizes):
    """The bound counts what images take on their way through the network."""
    model = create("fc_dgn", rng, width=512)
    images = images_of(rng, 100)
    found = [
        dual.neural_path_kernel(model, images, memory_gib=bound)
        for bound in (1.0, 0.0012)
    ]
    np.testing.assert_allclose(*found, rtol=1e-6)
    assert batch_sizes[0] == 100 and max(batch_sizes[1:]) < 50


def test_biases_of_the_value_network_start_no_path(rng):
    images = images_of(rng)
    model = create("fc_dgn", rng, depth=3, gate="hard")
    expected = dual.neural_path_kernel(model, images)
    for layer in model.value_network.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(size=layer.bias.shape))
    found = dual.neural_path_kernel(model, images)
    np.testing.assert_array_equal(found, expected)
    # Those of the gating network make gates.
    bias = model.gating_network.get_layer("dense1").bias
    bias.assign(5 * rng.normal(size=bias.shape))
    assert np.any(dual.neural_path_kernel(model, images) != expected)


def test_variances(rng):
    model = create("c4gap_dgn", rng, padding="circular", width=2, depth=2)
    images = images_of(rng)
    found = dual.neural_path_kernel(
        model, images, variances=[2 / 18, 2 / 18, 2 / 2]
    )
    # sum_l prod_{j != l}: (2/18 * 2/2 twice, (2/18)^2 once) / (1 / (18 * 18)).
    factor = (2 * 2 / 18 + (2 / 18) ** 2) * 18 * 18
    expected = factor * dual.neural_path_kernel(model, images)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_ensemble_is_refused():
    model = create_model("c1gap_dnn", SHAPE, width=2, members=2)
    with pytest.raises(UserError, match="single network.*c1gap_dnn"):
        dual.neural_path_kernel(model, np.zeros((2, *SHAPE), "uint8"))


@pytest.mark.parametrize(
    "kernel", [dual.neural_path_kernel, dual.empirical_ntk]
)
@pytest.mark.parametrize(
    "images,text",
    [
        (np.zeros((0, *SHAPE)), r"n >= 1.*Received: shape \(0"),
        (np.zeros((3, *SHAPE[:2])), r"\(n, .*Received: shape \(3"),
        (np.zeros((3, 32, 32, 3)), r"Received: shape \(3, 32"),
        (np.full((3, *SHAPE), np.nan), "finite"),
    ],
)
def test_images_that_no_model_takes(rng, kernel, images, text):
    model = create("fc_dgn", rng)
    for arguments in ([images], [images_of(rng), images]):
        with pytest.raises(UserError, match=text):
            kernel(model, *arguments)


@pytest.mark.parametrize("options", [{"kernel_size": 1}, {"depth": 1}])
def test_covered_though_unusual(rng, options):
    """A window of one pixel needs no padding."""
    padding = "same" if "kernel_size" in options else "circular"
    model = create("c4gap_dgn", rng, padding=padding, width=2, **options)
    assert dual.neural_path_kernel(model, images_of(rng)).shape == (5, 5)


def test_memory_is_refused_before_gates_are_made(rng, monkeypatch):
    model = create("fc_dgn", rng)
    monkeypatch.setattr(type(model), "gates", None)
    with pytest.raises(UserError, match="2000 x 2000 images: "):
        dual.neural_path_kernel(
            model, np.zeros((2000, *SHAPE), "uint8"), memory_gib=0.01
        )
