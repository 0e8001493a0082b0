"""Layers written out unit by unit, against the layers themselves."""

import numpy as np
import pytest
from keras import layers

from dlgn_tf.inspection.affine import AffineNetwork, Step
from dlgn_tf.inspection.connections import connections_of, scaled
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.layers import Grayscale

NETWORKS = {
    "resnet20": dict(depth=8, width=2),
    "resnet20 option B": dict(depth=8, width=2, shortcut="B"),
    "resnet20 bottleneck": dict(depth=11, width=4, block="bottleneck"),
    "gconv": dict(depth=2, width=2, head_width=3, padding="circular"),
    "vconv": dict(depth=2, width=2, head_width=3),
    "largecnn": dict(width=1, padding="same", apodized=True),
    "fcresnet": dict(depth=3, width=3, block_depth=1, biases=True),
}


def forward(view, images):
    """Logits of one image, by sums over connections."""
    entering, gates = view.entering(images)
    tensors = [np.asarray(entering)[0].ravel()]
    shapes = [tuple(entering.shape[1:])]
    for step in view.network.steps:
        taken = np.concatenate([tensors[k] for k in step.sources])
        known = (
            scaled(np.asarray(gates[step.site])[0])
            if step.site
            else connections_of(step, [shapes[k] for k in step.sources])
        )
        result = np.array(
            [
                sum(
                    known.weight(unit, k) * taken[source]
                    for k, source in enumerate(
                        known.sources[unit // known.weights.shape[1]]
                    )
                    if source >= 0
                )
                for unit in range(int(np.prod(step.shape)))
            ]
        )
        if step.shift is not None:
            result = (result.reshape(step.shape) + step.shift).ravel()
        tensors.append(result)
        shapes.append(step.shape)
    return tensors[-1]


@pytest.mark.parametrize("name", NETWORKS)
def test_sums_over_connections_are_the_network(name, general_model, images_for):
    # An odd side: 'same' padding then depends on the stride.
    model = general_model(f"{name.split()[0]}_dgn", (5, 4, 2), **NETWORKS[name])
    images = images_for(model, 1)
    found = forward(DualView(model, "float64"), images)
    np.testing.assert_allclose(found, model(images)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_average_pooling(padding, rng):
    """By loops; what lies beyond the edge does not count."""
    shape = (5, 4, 2)
    layer = layers.AveragePooling2D(
        (3, 2), strides=2, padding=padding, dtype="float64"
    )
    values = rng.normal(size=shape)
    expected = np.asarray(layer(values[None]))[0]
    step = Step("pool", (0,), layer, shape=expected.shape)
    known = connections_of(step, [shape])
    padded = np.append(values.ravel(), 0.0)
    found = (padded[known.sources] * known.weights[:, 0]).sum(1)
    np.testing.assert_allclose(found, expected.ravel(), rtol=1e-12)


# Made when they are tried: TensorFlow's devices are set once all tests are
# collected.
LAYERS = {
    "grouped": lambda: layers.Conv2D(4, 3, groups=2, use_bias=False),
    "dilated": lambda: layers.Conv2D(3, 2, dilation_rate=2, use_bias=False),
    "depthwise": lambda: layers.DepthwiseConv2D(3, use_bias=False),
    "dense at each position": lambda: layers.Dense(3, use_bias=False),
    "grey": lambda: Grayscale(),
    "flipped": lambda: layers.Permute((2, 1, 3)),
    "upsampled": lambda: layers.UpSampling2D(2, interpolation="bilinear"),
    "concatenated": lambda: layers.Concatenate(),
    "averaged": lambda: layers.Average(),
    "subtracted": lambda: layers.Subtract(),
    "dropped out": lambda: layers.Dropout(0.5),
}


@pytest.mark.parametrize("name", LAYERS)
def test_linear_layers_of_every_kind(name, rng):
    """Sums over connections are what the layer computes."""
    layer = LAYERS[name]()
    count = 2 if hasattr(layer, "_merge_function") else 1
    shape = (5, 4, 3 if name == "grey" else 2)
    values = rng.normal(size=(count, *shape)).astype("float32")
    taken = [value[None] for value in values]
    expected = np.asarray(layer(taken if count > 1 else taken[0]))[0]
    step = Step(name, tuple(range(count)), layer, shape=expected.shape)
    known = connections_of(step, [shape] * count)
    padded = np.append(values.ravel(), 0.0)[known.sources][:, None]
    found = (padded * known.weights).sum(-1)
    np.testing.assert_allclose(
        found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6
    )


def test_what_is_not_linear_is_named(general_model):
    model = general_model("vgg11_dnn", (32, 32, 1), width=2, pooling="max")
    network = AffineNetwork(model)
    assert network.not_linear == tuple(f"pool{k}" for k in range(1, 6))
