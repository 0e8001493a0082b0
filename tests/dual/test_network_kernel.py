"""Kernels of models: against NumPy, enumeration, and what they must not see."""

import itertools

import numpy as np
import pytest

from dlgn_tf import dual
from dlgn_tf.dual import kernels
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model

SHAPE = (3, 3, 2)


def images_of(rng, count=5, shape=SHAPE):
    return rng.integers(0, 256, (count, *shape)).astype("uint8")


def create(name, rng, shape=SHAPE, biases=None, **options):
    """One output; biases as they might be after training."""
    model = create_model(name, shape, 1, biases=biases, **options)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) / 2)
    return model


def enumerated(model, images, kind, blocks=None):
    """Kernel and output of a model without biases, path by path."""
    gates = {
        k: np.asarray(g, "float64") for k, g in model.gates(images).items()
    }
    network = getattr(model, "value_network", None) or model.network
    weights = {
        name: network.get_layer(name).get_weights()[0]
        for name in [*model.site_names, "logits"]
    }
    weights["logits"] = weights["logits"][:, 0]
    inputs = np.asarray(model.normalization(images), "float64")
    if getattr(model, "value_input", "image") == "ones":
        inputs = np.ones_like(inputs)
    if kind != "convolutional":
        inputs = inputs.reshape(len(inputs), -1)
    if blocks:
        gates = [[gates[n] for n in b if n != "logits"] for b in blocks]
        weights = [[weights[n] for n in b] for b in blocks]
        scaled = [[g / np.sqrt(g.shape[1]) for g in b] for b in gates]
    else:
        gates, weights = list(gates.values()), list(weights.values())
        scaled = [
            g / np.sqrt(g.shape[-1] * (9 if g.ndim == 4 else 1)) for g in gates
        ]
    function = getattr(dual, f"{kind}_paths")
    output = function(inputs, gates, weights).output()
    return function(inputs, scaled, weights).kernel(), output


CASES = {
    "fc": ("fully_connected", {"depth": 4, "width": 4}, None),
    "c1gap": ("convolutional", {"width": 3, "padding": "circular"}, None),
    "c4gap": (
        "convolutional",
        {"width": 2, "depth": 2, "padding": "circular"},
        None,
    ),
    "gconv": (
        "convolutional",
        {"width": 1, "depth": 2, "head_width": 2, "padding": "circular"},
        None,
    ),
    "fcresnet": (
        "residual",
        {"width": 3, "depth": 8},
        [
            ["block0_dense1", "block0_dense2"],
            ["block1_dense1", "block1_dense2"],
            ["block2_dense1", "block2_dense2"],
            ["block3_dense1", "logits"],
        ],
    ),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("family", ["dnn", "dgn", "dlgn", "dlgn_sf"])
@pytest.mark.parametrize("name", CASES)
def test_equals_enumeration(name, family, hard, rng):
    kind, options, blocks = CASES[name]
    if family != "dnn":
        options = {**options, "gate": "hard" if hard else "soft"}
    elif not hard:
        pytest.skip("a ReLU network has hard gates")
    model = create(f"{name}_{family}", rng, biases=False, **options)
    images = images_of(rng)
    expected, output = enumerated(model, images, kind, blocks)
    # The paths are those of this very network.
    np.testing.assert_allclose(model(images)[:, 0], output, rtol=1e-8)
    found = dual.neural_path_kernel(model, images)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert np.any(expected)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("activation", ["swish", "abs_beta_vq"])
@pytest.mark.parametrize("name", ["fc", "c4gap"])
def test_networks_without_relus_equal_enumeration(name, activation, rng):
    """Their gates are what they multiply by, no longer 0 and 1."""
    kind, options, _ = CASES[name]
    model = create(
        f"{name}_dnn", rng, biases=False, activation=activation, **options
    )
    images = images_of(rng)
    expected, output = enumerated(model, images, kind)
    np.testing.assert_allclose(model(images)[:, 0], output, rtol=1e-8)
    found = dual.neural_path_kernel(model, images)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("value_input", ["image", "ones"])
def test_fc_by_products_of_grams(rng, value_input):
    model = create("fc_dgn", rng, gate="hard", value_input=value_input, depth=3)
    images = images_of(rng)
    x = images.reshape(5, -1) / 255.0
    if value_input == "ones":
        x = np.ones_like(x)
    expected = x @ x.T
    for gate in model.gates(images).values():
        expected = expected * (np.asarray(gate) @ np.transpose(gate)) / 128
    found = dual.neural_path_kernel(model, images)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


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


def test_two_sets_and_several_batches(rng, monkeypatch):
    from dlgn_tf.dual import network_kernel

    model = create("gconv_dgn", rng, padding="circular", width=2, head_width=3)
    images = images_of(rng, 7)
    whole = dual.neural_path_kernel(model, images)
    sizes = []
    asked = type(model).gates

    def gates(self, images):
        sizes.append(len(images))
        return asked(self, images)

    monkeypatch.setattr(type(model), "gates", gates)
    # Of four bytes a number; see `network_kernel._numbers_of_pass`.
    of_two = 2 * 4 * network_kernel._numbers_of_pass(model)
    monkeypatch.setattr(network_kernel, "_MOST_PASSING", of_two)
    found = dual.neural_path_kernel(model, images[:3], images[3:])
    np.testing.assert_allclose(found, whole[:3, 3:], rtol=1e-6)
    assert sizes == [2, 1, 2, 2]


def test_few_images_at_a_time_where_memory_is_short(rng, monkeypatch):
    """The bound counts what images take on their way through the network."""
    model = create("fc_dgn", rng, width=512)
    images = images_of(rng, 100)
    sizes = []
    asked = type(model).gates

    def gates(self, images):
        sizes.append(len(images))
        return asked(self, images)

    monkeypatch.setattr(type(model), "gates", gates)
    kernels = [
        dual.neural_path_kernel(model, images, memory_gib=bound)
        for bound in (1.0, 0.0012)
    ]
    np.testing.assert_allclose(*kernels, rtol=1e-6)
    assert sizes[0] == 100 and max(sizes[1:]) < 50


def rotations(shape):
    return itertools.product(*map(range, shape))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "name",
    [
        "c4gap_dnn",
        "c4gap_dgn",
        "c4gap_dlgn",
        "c4gap_dlgn_sf",
        "gconv_dnn",
        # Not gconv_dlgn_sf: the gates of its dense layers see positions.
        "gconv_dlgn",
    ],
)
def test_rotation_invariance(name, rng):
    """Of output and kernel, each image by a rotation of its own."""
    model = create(name, rng, (4, 3, 1), width=2, padding="circular")
    images = images_of(rng, 2, (4, 3, 1)).astype("float64")
    expected = dual.neural_path_kernel(model, images)
    logits = np.asarray(model(images))
    for shift in rotations((4, 3)):
        rotated = images.copy()
        rotated[1] = np.roll(images[1], shift, (0, 1))
        np.testing.assert_allclose(model(rotated), logits, rtol=1e-10)
        found = dual.neural_path_kernel(model, rotated)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_zero_padding_sees_rotations(rng):
    """In the output, and in the sum over rotations of the same gates."""
    model = create("c4gap_dgn", rng, (4, 4, 1), width=2)
    images = images_of(rng, 2, (4, 4, 1)).astype("float64")
    rotated = np.roll(images, 2, axis=1)
    logits, others = np.asarray(model(images)), np.asarray(model(rotated))
    assert np.abs(others / logits - 1).max() > 0.01

    def kernel(images):
        gates = [np.asarray(g) for g in model.gates(images).values()]
        return kernels.convolutional(gates, images / 255.0, 3)

    assert np.abs(kernel(rotated) / kernel(images) - 1).max() > 0.01


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


def test_removed_block(rng):
    """Without block 2 the sub-networks that have it are gone."""
    images = images_of(rng)
    options = {"depth": 5, "block_depth": 1, "width": 6, "gate": "hard"}
    # Gates that do not depend on what comes before them.
    model = create("fcresnet_dlgn_sf", rng, **options)
    remaining = create("fcresnet_dlgn_sf", rng, removed=("block2",), **options)
    for layer in remaining.gating_network.layers:
        twin = model.gating_network.get_layer(layer.name)
        layer.set_weights(twin.get_weights())
    gates = {k: np.asarray(g) for k, g in model.gates(images).items()}
    blocks = [[gates[f"block{k}_dense1"]] for k in range(4)] + [[]]
    inputs = np.ones((5, 18))
    expected = sum(
        dual.sub_network(blocks, inputs, kept)
        for kept in ((), (1,), (3,), (1, 3))
    )
    found = dual.neural_path_kernel(remaining, images)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    whole = dual.neural_path_kernel(model, images)
    assert np.abs(whole - found).max() > 0.1


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


@pytest.mark.parametrize(
    "name,options,reason",
    [
        ("c4gap_dgn", {}, "zeros beyond the edge of an image .padding=same"),
        ("gconv_dnn", {}, "padding=same"),
        ("c4gap_dlgn", {"kernel_size": 2}, "padding=same"),
        ("vconv_dgn", {"head_width": 2}, "no global average pooling"),
        ("vgg11_dlgn", {}, "batch normalisation and pooling between"),
        ("vgg11_dnn", {"pooling": "max"}, "max pooling"),
        ("resnet20_dlgn", {"depth": 8}, "batch normalisation and .*skips"),
        ("c1gap_dnn", {"members": 2}, "no single network"),
    ],
)
def test_not_covered(name, options, reason):
    model = create_model(name, (32, 32, 1), width=2, **options)
    with pytest.raises(UserError, match=reason) as caught:
        dual.neural_path_kernel(model, np.zeros((2, 32, 32, 1), "uint8"))
    text = str(caught.value)
    assert "padding=circular" in text and f"Received: {name}" in text
    assert "\n" not in text


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
