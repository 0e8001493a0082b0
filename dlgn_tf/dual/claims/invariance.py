"""dlgn.6 and dlgn.7: what leaves the neural path kernel as it is."""

import itertools

import keras
import numpy as np

from dlgn_tf.claims.small_networks import (
    SmallNetwork,
    floating_point,
    listed,
    relative_difference,
)
from dlgn_tf.dual import kernels
from dlgn_tf.dual.network_kernel import neural_path_kernel
from dlgn_tf.dual.tangent_kernel import empirical_ntk
from dlgn_tf.errors import UserError
from dlgn_tf.models.gated import GatedNetwork

_SHAPE = (6, 6, 2)


def _network(architecture, padding="circular", **options):
    options = {"padding": padding, "biases": False, **options}
    return SmallNetwork(architecture, options=options, image_shape=_SHAPE)


CIRCULAR = (_network("c4gap"), _network("gconv", head_width=8))
ZERO_PADDED = _network("c4gap", padding="same")
FC = SmallNetwork(
    "fc", options={"depth": 4, "biases": False}, width=16, image_shape=(4, 4, 1)
)


def measure_rotations(rng):
    found = {}
    for network in CIRCULAR:
        model = create(network, rng)
        found[str(network)] = {
            **changes(model, rng),
            "path kernel": path_kernel_change(model, rng),
        }
    return {
        "circular": found,
        "zero padding": changes(create(ZERO_PADDED, rng), rng),
        "without pooling": changes(unpooled(create(CIRCULAR[0], rng)), rng),
        "networks": f"{listed(CIRCULAR)} as dlgn",
    }


def create(network, rng, family="dlgn", **options):
    """A model in float64."""
    with floating_point("float64"):
        return network.create(family, rng, mean=0.5, std=0.25, **options)


def unpooled(model):
    """The same model with a dense layer in place of pooling and head."""
    value = model.value_network
    flat = keras.layers.Flatten(dtype="float64")(value.get_layer("pool").input)
    # Of a seed of its own, so that the figures repeat.
    initializer = keras.initializers.GlorotUniform(seed=0)
    head = keras.layers.Dense(
        value.output.shape[-1], dtype="float64", kernel_initializer=initializer
    )
    return GatedNetwork(
        model.gating_network,
        keras.Model(value.inputs, head(flat)),
        model.gate,
        model.normalization,
        model.site_names,
    )


def changes(model, rng):
    """Relative changes of outputs and of the value part of the NTK.

    Every image is rotated by its own number of rows and columns.
    """
    images, rotated = _pairs(model, rng)
    before, after = (
        empirical_ntk(model, x, logit=0).value for x in (images, rotated)
    )
    return {
        "outputs": relative_difference(model(rotated), model(images)),
        "tangent kernel": relative_difference(after, before),
    }


def path_kernel_change(model, rng):
    before, after = (neural_path_kernel(model, x) for x in _pairs(model, rng))
    return relative_difference(after, before)


def _pairs(model, rng, count=4):
    """Images, and each of them rotated."""
    height, width, _ = model.image_shape
    images = rng.uniform(0, 255, (count, *model.image_shape))
    rotated = [
        np.roll(x, (rng.integers(1, height), rng.integers(1, width)), (0, 1))
        for x in images
    ]
    return images, np.stack(rotated)


def measure_permutations(rng):
    images = FC.images(rng, 6)
    weights = int(rng.integers(2**31))
    found = {
        family: order_changes(family, images, weights)
        for family in ("dgn", "dlgn")
    }
    control = {
        family: repeated_layer_change(family, images, weights)
        for family in found
    }
    refused = {str(network): refuses(network, rng) for network in REFUSED}
    return {
        "orders": found,
        "one layer twice": control,
        "refused": refused,
        "networks": f"3 gate layers as dgn and dlgn, {FC.size}",
    }


# Networks in which the first gate does not fit the last site.
REFUSED = (
    SmallNetwork("gconv", options={"head_width": 8}),
    SmallNetwork("resnet20", options={"depth": 8}, label="resnet8"),
)


def order_changes(family, images, weights):
    """Change of the model's kernel for every order but the identity."""
    kernel = _kernel_of(family, images, weights, None)
    return {
        str(order): relative_difference(
            _kernel_of(family, images, weights, order), kernel
        )
        for order in list(itertools.permutations(range(3)))[1:]
    }


def _kernel_of(family, images, weights, order):
    # Of a generator of its own, so that all models have the same weights.
    rng = np.random.default_rng(weights)
    model = create(FC, rng, family, gate_permutation=order)
    return neural_path_kernel(model, images)


def repeated_layer_change(family, images, weights):
    """Change of the kernel if the second layer's gates replace the last's."""
    model = create(FC, np.random.default_rng(weights), family)
    gates = [np.asarray(gate) for gate in model.gates(images).values()]
    inputs = np.asarray(model.normalization(images)).reshape(len(images), -1)
    first, second, _ = gates
    before = kernels.fully_connected(gates, inputs)
    after = kernels.fully_connected([first, second, second], inputs)
    return relative_difference(after, before)


def refuses(network, rng):
    """Whether the reverse order of gates ends in a `UserError`."""
    sites = network.create("dlgn", rng).site_names
    reverse = tuple(reversed(range(len(sites))))
    try:
        network.create("dlgn", rng, gate_permutation=reverse)
    except UserError:
        return True
    return False
