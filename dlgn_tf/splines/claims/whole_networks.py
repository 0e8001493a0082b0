"""smaso.24: networks layer by layer, and what their layers multiply to."""

import keras
import numpy as np

from dlgn_tf.claims.small_networks import (
    SmallNetwork,
    floating_point,
    leave_initial_point,
    relative_difference,
)
from dlgn_tf.command import startup
from dlgn_tf.models.build import load_model
from dlgn_tf.splines import measured_layers
from dlgn_tf.splines.layerwise import network_splines

tf = startup.tensorflow()

DRAWS, IMAGES = 3, 3
DRAWN = {
    "largecnn": SmallNetwork("largecnn", image_shape=(12, 12, 3)),
    "smallcnn": SmallNetwork("smallcnn", image_shape=(12, 12, 3)),
    "ResNet-20": SmallNetwork("resnet20", options={"shortcut": "A"}),
}
SOFT = SmallNetwork(
    "largecnn", options={"activation": "beta_vq"}, image_shape=(12, 12, 3)
)
# Their size is another than that of what they were trained on, so that a layer
# is read in a second: they are fully convolutional.
TRAINED = {
    "trained c4gap": ("preset:c4gap_dnn_digits", (8, 8, 1)),
    "trained ResNet-20": ("preset:resnet20_dnn_cifar10", (8, 8, 3)),
}


def measure(rng):
    with floating_point("float64"):
        found = {
            name: [compare(drawn(small, rng), rng) for _ in range(DRAWS)]
            for name, small in DRAWN.items()
        }
        found |= {
            name: [compare(trained(*preset), rng)]
            for name, preset in TRAINED.items()
        }
        soft = [compare(drawn(SOFT, rng), rng) for _ in range(DRAWS)]
    figures = {
        figure: {name: [x[figure] for x in xs] for name, xs in found.items()}
        for figure in ("output", "Jacobian", "regions of another input")
    }
    figures["output"]["largecnn, swish"] = [x["output"] for x in soft]
    return {
        **figures,
        "soft choices": [x["Jacobian"] for x in soft],
        "layers": {name: xs[0]["layers"] for name, xs in found.items()},
        "inputs of each": IMAGES,
    }


def drawn(small, rng):
    network = small.create("dnn", rng).network
    leave_initial_point(network, rng)
    return _of_tensors(network)


def trained(name, shape):
    """The network of a preset in float64, on images of a shape."""
    network = _of_tensors(load_model(name).network)
    copy = keras.models.clone_model(
        network,
        input_tensors=keras.Input(shape),
        clone_function=measured_layers.in_float64,
    )
    copy.set_weights(network.get_weights())
    return copy


def _of_tensors(network):
    """The same, of a tensor, not of a list of one."""
    return keras.Model(network.inputs[0], network.outputs[0])


def compare(network, rng):
    """Largest relative differences over some inputs, as a dict of floats."""
    splines = network_splines(network)
    images = rng.normal(size=(IMAGES, *network.input_shape[1:]))
    flat = images.reshape(IMAGES, -1)
    chosen = [splines.select(x) for x in flat]
    composed = [splines.affine_map(regions) for regions in chosen]
    jacobians = [jacobian(network, image) for image in images]
    slopes, offsets = map(np.array, zip(*composed, strict=True))
    outputs = np.einsum("nkd,nd->nk", slopes, flat) + offsets
    pairs = zip(slopes, jacobians, strict=True)
    others = zip(np.roll(slopes, 1, axis=0), jacobians, strict=True)
    return {
        "output": relative_difference(outputs, network(images)),
        "Jacobian": max(relative_difference(*pair) for pair in pairs),
        "regions of another input": min(
            relative_difference(*pair) for pair in others
        ),
        "layers": len(splines.layers),
    }


def jacobian(network, image):
    """Derivative of the outputs in the input, by the backend's autodiff."""
    outputs = network.output_shape[-1]
    # One copy of the image for each output.
    copies = tf.constant(np.repeat(image[None], outputs, axis=0))
    with tf.GradientTape() as tape:
        tape.watch(copies)
        total = tf.reduce_sum(network(copies) * np.eye(outputs))
    return np.reshape(tape.gradient(total, copies), (outputs, -1))
