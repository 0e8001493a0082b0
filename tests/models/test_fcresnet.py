"""Residual networks of fully connected blocks, against NumPy."""

import keras
import numpy as np
import pytest

from dlgn_tf.models import registry
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import copy_weights

SHAPE = (3, 2, 2)


def create(family, rng, **options):
    options = {"width": 5, "depth": 8, "block_depth": 2, **options}
    model = create_model(f"fcresnet_{family}", SHAPE, 3, **options)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) / 2)
    return model


def run(network, x, blocks, at_site):
    """Definition 3.1; `at_site` is what happens where a ReLU would be."""

    def layer(name, h):
        kernel, *bias = network.get_layer(name).get_weights()
        return h @ kernel + (bias[0] if bias else 0)

    def block(h, names):
        for name in names:
            h = at_site(name, layer(name, h))
        return h

    h = block(x.reshape(len(x), -1), blocks[0])
    for names in blocks[1:-1]:
        h = h + block(h, names)
    h = block(h, blocks[-1])
    names = [each.name for each in network.layers]
    return layer("logits", h) if "logits" in names else h


def names_of(skips, depth):
    inner = [
        [f"block{k}_dense{j}" for j in range(1, depth + 1)]
        for k in range(skips + 1)
    ]
    last = [f"block{skips + 1}_dense{j}" for j in range(1, depth)]
    return [*inner, last]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("family", ["dnn", "dgn", "dlgn"])
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize(
    "depth,block_depth,skips", [(8, 2, 2), (3, 1, 1), (9, 3, 1)]
)
def test_equals_numpy(rng, family, biases, depth, block_depth, skips):
    model = create(
        family, rng, depth=depth, block_depth=block_depth, biases=biases
    )
    blocks = names_of(skips, block_depth)
    assert model.site_names == [name for names in blocks for name in names]
    images = rng.integers(0, 256, (4, *SHAPE)).astype("uint8")
    x = images / 255.0
    q = {}

    def gating(name, h):
        q[name] = h
        return h if family == "dlgn" else np.maximum(h, 0)

    network = model.network if family == "dnn" else model.gating_network
    logits = run(network, x, blocks, gating)
    if family != "dnn":
        gates = {n: 1.1 / (1 + np.exp(-4 * v)) for n, v in q.items()}
        logits = run(
            model.value_network, x, blocks, lambda name, h: h * gates[name]
        )
    found = model.preactivations(images)
    for name in model.site_names:
        np.testing.assert_allclose(found[name], q[name], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model(images), logits, rtol=1e-9, atol=1e-9)
    assert np.std(logits) > 0.01


def test_without_biases_there_are_none(rng):
    for name in ("fc", "c1gap", "c4gap", "gconv"):
        model = create_model(f"{name}_dgn", (6, 6, 1), width=2, biases=False)
        assert {weight.name for weight in model.weights} == {"kernel"}
    assert {weight.name for weight in create("dgn", rng).weights} == {"kernel"}


def test_removed_blocks_are_their_skips(rng):
    model = create("dgn", rng, depth=10)
    images = rng.integers(0, 256, (4, *SHAPE)).astype("uint8")
    remaining = create("dgn", rng, depth=10, removed=("block2",))
    for part in ("gating_network", "value_network"):
        copy_weights(getattr(model, part), getattr(remaining, part))
        network = getattr(model, part)
        kernel = network.get_layer("block2_dense2").kernel
        kernel.assign(np.zeros(kernel.shape))
    assert "block2_dense1" not in remaining.site_names
    np.testing.assert_allclose(
        remaining(images), model(images), rtol=1e-5, atol=1e-6
    )
    names = registry.ARCHITECTURES["fcresnet"].removable_blocks({})
    assert names == ["block1", "block2", "block3"]


def test_reload_and_gradient(rng, tmp_path):
    import tensorflow as tf

    model = create("dlgn", rng)
    images = rng.integers(0, 256, (4, *SHAPE)).astype("uint8")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), model(images))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images) ** 2)
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert np.any(gradient)
