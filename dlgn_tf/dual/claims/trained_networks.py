"""dlgn.24 to dlgn.26: kernels of the networks that people train.

Zero padding, strides, pooling, batch normalisation, skips and depthwise
convolutions: against paths one by one on tiny networks, and against random
value networks with given gates on a ResNet-8 and a VGG.

Source: the DLGN paper (arXiv 2110.03403), section 2 and Theorem 2.1, whose
statements are of sums over paths; the networks are those of its section 4.
"""

import numpy as np

from dlgn_tf.claims.small_networks import (
    SmallNetwork,
    floating_point,
    leave_initial_point,
    relative_difference,
)
from dlgn_tf.dual import convergence
from dlgn_tf.dual.claims import tiny_networks
from dlgn_tf.dual.example_gradients import ExampleGradients
from dlgn_tf.dual.network_kernel import neural_path_kernel
from dlgn_tf.dual.path_features import path_features
from dlgn_tf.dual.polynomials import Polynomials
from dlgn_tf.dual.value_draws import random_signs
from dlgn_tf.dual.value_graph import plan_of
from dlgn_tf.models.conversion import from_keras

IMAGES = 3
DRAWS = 4096
TANGENT_DRAWS = 200
# Draws whose means are looked at.
COUNTS = (4, 16, 64, 256)

NETWORKS = (
    SmallNetwork("resnet20", options={"depth": 8}, label="ResNet-8, v1"),
    SmallNetwork(
        "resnet110", options={"depth": 8, "shortcut": "A"}, label="ResNet-8, v2"
    ),
    SmallNetwork(
        "resnet164", options={"depth": 11}, label="ResNet-11, bottleneck"
    ),
)


def measure_enumeration(rng):
    """dlgn.24."""
    differences, others = {}, {}
    for kind in tiny_networks.KINDS:
        with floating_point("float64"):
            model = tiny_network(kind, rng)
        shape = (IMAGES, *tiny_networks.SHAPE)
        images = rng.integers(0, 256, shape).astype("uint8")
        of_paths, with_biases = (
            Polynomials(model, images, biases).kernel()
            for biases in (False, True)
        )
        kernel = neural_path_kernel(model, images)
        differences[kind] = relative_difference(kernel, of_paths)
        differences[f"{kind}, biases"] = relative_difference(
            neural_path_kernel(model, images, biases=True), with_biases
        )
        others[kind] = relative_difference(kernel, with_biases)
    return {
        "max |difference| / max |H|": differences,
        "biases left out": others,
        "networks": f"{len(differences) // 2} of up to 4 channels, 3x3 images",
    }


def tiny_network(kind, rng):
    """A gated network of one output with soft gates."""
    model = from_keras(
        tiny_networks.create(kind, rng),
        "dgn",
        gate="soft",
        beta=4,
        normalization="unit",
        keep="all",
    )
    tiny_networks.draw_weights(model, rng)
    return model


def measure_draws(rng):
    """dlgn.25."""
    off, others, slopes = {}, {}, {}
    for network in NETWORKS:
        model = network_of(network, rng)
        images = network.images(rng, IMAGES)
        kernel = neural_path_kernel(model, images)
        seed = int(rng.integers(2**31))
        features = path_features(model, images, DRAWS, seed)
        each = features.reshape(IMAGES, DRAWS, -1).astype("float64")
        products = DRAWS * np.einsum("idu,jdu->dij", each, each)
        name = str(network)
        off[name] = standard_errors_off(products, kernel)
        darker = neural_path_kernel(model, images / 2)
        others[name] = standard_errors_off(products, darker)
        errors = [
            np.linalg.norm(
                products.reshape(-1, count, IMAGES, IMAGES).mean(1) - kernel,
                axis=(1, 2),
            )
            for count in COUNTS
        ]
        means = [[np.mean(x)] for x in errors]
        slopes[name] = convergence.slope(COUNTS, np.array(means))
    return {
        "standard errors off": off,
        "slope": slopes,
        "kernel of darker images": others,
        "draws": DRAWS,
        "images": IMAGES,
    }


def network_of(network, rng):
    """A DGN of hard gates, batch normalised as after training."""
    model = network.create("dgn", rng, gate="hard", mean=0.5, std=0.25)
    for each in model.networks.values():
        leave_initial_point(each, rng)
    return model


def standard_errors_off(drawn, expected):
    """The largest distance of a mean from what it should be."""
    error = np.std(drawn, axis=0) / len(drawn) ** 0.5
    return float(np.max(np.abs(np.mean(drawn, axis=0) - expected) / error))


def measure_tangent_kernel(rng):
    """dlgn.26."""
    off, others = {}, {}
    for network in NETWORKS[:2]:
        model = network_of(network, rng)
        images = network.images(rng, IMAGES)
        # In the order of the weight layers, that of the network's graph.
        variances = plan_of(model).variances.values()
        limit = neural_path_kernel(
            model, images, variances=[x for each in variances for x in each]
        )
        kernel = neural_path_kernel(model, images)
        drawn = tangent_kernels(model, images, rng)
        name = str(network)
        off[name] = standard_errors_off(drawn, limit)
        scale = np.trace(limit) / np.trace(kernel)
        others[name] = standard_errors_off(drawn, scale * kernel)
    return {
        "standard errors off": off,
        "neural path kernel, rescaled": others,
        "draws": TANGENT_DRAWS,
        "images": IMAGES,
    }


def tangent_kernels(model, images, rng, draws=TANGENT_DRAWS):
    """Those of the first logit in the value network's weights, `(draws, n, n)`.

    The model's values are drawn, what they add to its layers is 0.
    """
    variances, drawn, kernels = plan_of(model).variances, [], []
    for layer in model.value_network.layers:
        for variable in layer.weights:
            if variable.name in ("bias", "beta", "moving_mean"):
                variable.assign(np.zeros(variable.shape))
        if layer.name in variances:
            drawn.append((layer.kernel, variances[layer.name][0]))
    gradients = ExampleGradients(model)
    for _ in range(draws):
        for variable, variance in drawn:
            variable.assign(random_signs(rng, variable.shape, variance))
        kernels.append(
            sum(
                factors.gram(factors)
                for key, factors in gradients(images, 0).items()
                if key[0] == "value" and key[-1] == "kernel"
            )
        )
    return np.array(kernels)
