"""Option `removed`: blocks without their branch, against neutral weights."""

import functools

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models import registry
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import copy_weights

RESNET = {"depth": 14, "width": 4}
VGG = {"width": 2}


def networks_of(model):
    parts = ("network", "gating_network", "value_network")
    return {p: getattr(model, p) for p in parts if hasattr(model, p)}


@pytest.fixture
def assert_removal_equals(draw, randomize):
    """A function that compares a network without blocks with a whole one."""
    return functools.partial(compare, draw, randomize)


def compare(draw, randomize, name, shape, removed, neutralize, **options):
    """Left out, a block is as with the weights that `neutralize` sets."""
    model = randomize(create_model(name, shape, **options))
    remaining = create_model(
        model.name, model.image_shape, removed=removed, **options
    )
    for part, network in networks_of(remaining).items():
        copy_weights(networks_of(model)[part], network)
    images = draw(model.image_shape, 3)
    before = np.asarray(model(images))
    for network in networks_of(model).values():
        for block in removed:
            neutralize(network, block)
    expected = np.asarray(model(images))
    scale = np.abs(expected).max()
    # The blocks mattered.
    assert np.abs(before - expected).max() > 1e-3 * scale
    np.testing.assert_allclose(
        remaining(images), expected, rtol=1e-4, atol=1e-5 * scale
    )


def zero_last_kernel(network, block):
    """Of the branch of a preactivated block, or a fully connected one.

    A gating network has no head: what follows its last site is not there.
    """
    names = {layer.name for layer in network.layers}
    for name in (f"{block}_conv3", f"{block}_conv2", f"{block}_dense2"):
        if name in names:
            kernel = network.get_layer(name).kernel
            kernel.assign(np.zeros(kernel.shape))
            return


def zero_last_norm(network, block):
    """Of the branch of an original block."""
    layer = network.get_layer(f"{block}_conv2_bn")
    layer.gamma.assign(np.zeros(layer.gamma.shape))
    layer.beta.assign(np.zeros(layer.beta.shape))


def pass_on(network, name):
    """A convolution and batch normalisation that change nothing."""
    layer, norm = network.get_layer(name), network.get_layer(f"{name}_bn")
    kernel = np.zeros(layer.kernel.shape)
    kernel[1, 1] = np.eye(kernel.shape[-1])
    layer.kernel.assign(kernel)
    ones, zeros = np.ones(kernel.shape[-1]), np.zeros(kernel.shape[-1])
    layer.bias.assign(zeros)
    norm.gamma.assign(ones)
    norm.beta.assign(zeros)
    norm.moving_mean.assign(zeros)
    norm.moving_variance.assign(ones - 1e-3)


@pytest.mark.parametrize(
    "family,removed,shortcut",
    [
        ("dnn", ["group1_block1"], "B"),
        ("dnn", ["group2_block1"], "A"),
        ("dgn", ["group1_block2", "group3_block2"], "A"),
        ("dlgn", ("group1_block1", "group2_block2", "group3_block1"), "B"),
    ],
)
@pytest.mark.parametrize(
    "name,options,neutralize",
    [
        ("resnet20", RESNET, zero_last_norm),
        ("resnet110", RESNET, zero_last_kernel),
        ("resnet164", {"depth": 20, "width": 2}, zero_last_kernel),
    ],
)
def test_residual_networks(
    assert_removal_equals, family, shortcut, removed, name, options, neutralize
):
    whole = f"{name}_{family}", (8, 8, 3), removed, neutralize
    assert_removal_equals(*whole, **options, shortcut=shortcut)


@pytest.mark.parametrize("family", ["dnn", "dgn"])
def test_fully_connected_residual_networks(assert_removal_equals, family):
    whole = f"fcresnet_{family}", (3, 2, 2), ["block2"], zero_last_kernel
    assert_removal_equals(*whole, width=5, depth=10)


@pytest.mark.parametrize(
    "removed", [["conv3_2"], ["conv5_1"], ["conv4_2", "conv5_1", "conv5_2"]]
)
@pytest.mark.parametrize("pooling", ["average", "max"])
def test_vgg(assert_removal_equals, removed, pooling):
    """What comes out of a ReLU passes another one unchanged."""
    whole = "vgg11_dnn", (32, 32, 3), removed, pass_on
    assert_removal_equals(*whole, **VGG, pooling=pooling)


@pytest.mark.parametrize("family", ["dgn", "dlgn"])
@pytest.mark.parametrize("removed", [["conv3_2"], ["conv4_2", "conv5_2"]])
def test_gated_vgg(assert_removal_equals, family, removed):
    """The same pre-activation once more: a hard gate changes nothing."""
    whole = f"vgg11_{family}", (32, 32, 3), removed, pass_on
    assert_removal_equals(*whole, **VGG, gate="hard")


@pytest.mark.parametrize("family", ["dnn", "dlgn", "dlgn_sf"])
@pytest.mark.parametrize(
    "name,shape,options,removed,gone",
    [
        ("resnet20", (8, 8, 1), RESNET, "group2_block2", ["_1"]),
        ("resnet110", (8, 8, 1), RESNET, "group2_block2", ["_1", "_2"]),
        ("resnet110", (8, 8, 1), RESNET, "group1_block1", ["_2"]),
        ("vgg11", (32, 32, 1), VGG, "conv5_1", [""]),
    ],
)
def test_sites_that_are_left(family, name, shape, options, removed, gone):
    whole = create_model(f"{name}_{family}", shape, **options)
    model = create_model(
        f"{name}_{family}", shape, seed=1, removed=(removed,), **options
    )
    left_out = [f"{removed}{end}" for end in gone]
    assert model.site_names == [
        site for site in whole.site_names if site not in left_out
    ]


def test_initial_weights_of_whole_networks_are_as_ever():
    """Layers are made in the same order, hence with the same seeds."""
    plain = create_model("resnet20_dnn", (8, 8, 1), seed=3, **RESNET)
    empty = create_model(
        "resnet20_dnn", (8, 8, 1), seed=3, removed=(), **RESNET
    )
    np.testing.assert_equal(plain.get_weights(), empty.get_weights())


@pytest.mark.parametrize(
    "name,options,count,first,last",
    [
        ("resnet32", {}, 15, "group1_block1", "group3_block5"),
        ("resnet164", {}, 54, "group1_block1", "group3_block18"),
        ("wrn40_4", {}, 18, "group1_block1", "group3_block6"),
        ("resnet20", {"depth": 8}, 3, "group1_block1", "group3_block1"),
        ("fcresnet", {}, 3, "block1", "block3"),
        ("vgg11", {}, 4, "conv3_2", "conv5_2"),
        ("vgg16", {}, 9, "conv1_2", "conv5_3"),
        ("vgg19", {}, 12, "conv1_2", "conv5_4"),
    ],
)
def test_removable_blocks(name, options, count, first, last):
    names = registry.ARCHITECTURES[name].removable_blocks(options)
    assert len(set(names)) == len(names) == count
    assert (names[0], names[-1]) == (first, last)


@pytest.mark.parametrize("name", ["vgg11", "vgg13", "vgg16", "vgg19"])
def test_removable_convolutions_are_those_that_keep_the_channels(name):
    network = create_model(f"{name}_dnn", **VGG).network
    keep = [
        layer.name
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D)
        and layer.input.shape[-1] == layer.filters
    ]
    assert registry.ARCHITECTURES[name].removable_blocks({}) == keep


@pytest.mark.parametrize(
    "name,removed,message",
    [
        ("vgg16", ("conv2_1",), "without changing shapes: conv1_2, conv2_2"),
        ("vgg16", ("conv1_1",), "removed=.'conv1_1'"),
        ("vgg16", ("conv9_1",), "Received: removed=.'conv9_1'"),
        ("resnet20", ("group4_block1",), "group1_block1, .*group3_block3"),
        ("resnet20", ("group1_block2", "group1_block4"), "group1_block4"),
        ("resnet20", "group1_block1", "a sequence"),
        ("resnet1001", ("x",), r"group1_block2, \.\.\., group3_block110"),
        ("c4gap", ("conv1",), "ResNet or a VGG.*Received: c4gap"),
    ],
)
def test_refusals(name, removed, message):
    with pytest.raises(UserError, match=message) as caught:
        create_model(f"{name}_dnn", removed=removed)
    assert "Received" in str(caught.value) and "\n" not in str(caught.value)
