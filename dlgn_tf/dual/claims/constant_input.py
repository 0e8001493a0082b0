"""dlgn.5: with a constant into the value network, gates are all that counts."""

import keras
import numpy as np
from keras import ops

from dlgn_tf.claims.check import by_figure
from dlgn_tf.claims.small_networks import (
    SmallNetwork,
    leave_initial_point,
    listed,
    relative_difference,
)
from dlgn_tf.command import startup
from dlgn_tf.layers import Gate
from dlgn_tf.models.gated import GatedNetwork

tf = startup.tensorflow()

NETWORKS = (
    SmallNetwork("c4gap", width=8),
    SmallNetwork("resnet20", options={"depth": 8}, label="resnet8"),
)
FAMILIES = ("dgn", "dlgn", "dlgn_sf")


def measure(rng):
    found = {"ones": {}, "image": {}}
    for network in NETWORKS:
        for family in FAMILIES:
            for value_input, models in found.items():
                model = network.create(family, rng, value_input=value_input)
                models[f"{network} {family}"] = dependence(model, rng)
    return {
        "(x, 1)": by_figure(found["ones"]),
        "(x, x)": by_figure(found["image"]),
        "networks": f"{listed(NETWORKS)} as {', '.join(FAMILIES)}",
    }


def dependence(model, rng):
    """How the logits of a fresh `GatedNetwork` depend on the image.

    Its weights are changed. `same gates`: relative difference of the logits of
    two images that have the same hard gates; `forced gates`: that of two images
    when the second is given the soft gates of the first; `past gates`: max
    |gradient| in the image while the gates are constants; `gradient`: max
    |gradient| in the image.
    """
    shape = (4, *model.image_shape)
    images, others = rng.uniform(0, 255, (2, *shape)).astype("float32")
    same_gates = _same_gates_difference(model, images)
    leave_initial_point(model.gating_network, rng)
    leave_initial_point(model.value_network, rng)
    forced = _with_gate(model, _ForcedGate(model.gates(images).values()))
    constant = _with_gate(model, _ConstantGate(model.gate))
    return {
        "same gates": same_gates,
        "forced gates": relative_difference(forced(others), model(images)),
        "past gates": _max_gradient(constant, images),
        "gradient": _max_gradient(model, images),
    }


def _same_gates_difference(model, images):
    """Compares images with images of half their brightness.

    A gating network without biases is homogeneous, so the signs of all its
    pre-activations stay; halving is exact in floating point.
    """
    hard = _with_gate(model, Gate("hard"))
    darker = images / 2
    pairs = zip(
        hard.gates(images).values(), hard.gates(darker).values(), strict=True
    )
    if not all(np.array_equal(one, other) for one, other in pairs):
        raise ValueError(
            "Expected a gating network without biases. Received: one whose "
            "hard gates change with the brightness"
        )
    return relative_difference(hard(darker), hard(images))


def _max_gradient(model, images):
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(model(images, training=False))
    gradient = tape.gradient(total, images, unconnected_gradients="zero")
    return float(np.abs(gradient).max())


def _with_gate(model, gate):
    """The same two networks with another gate between them."""
    return GatedNetwork(
        model.gating_network,
        model.value_network,
        gate,
        model.normalization,
        model.site_names,
        model.value_input,
    )


class _OneGate(keras.layers.Layer):
    """A gate that is the same layer at all sites."""

    def of_site(self, index):
        return self


class _ForcedGate(_OneGate):
    """Answers with given gates, site by site, whatever it is asked. Once."""

    def __init__(self, gates):
        super().__init__()
        self._gates = iter(gates)

    def call(self, preactivations):
        return next(self._gates)


class _ConstantGate(_OneGate):
    """Another gate that lets no gradient through."""

    def __init__(self, gate):
        super().__init__()
        self._gate = gate

    def call(self, preactivations):
        return ops.stop_gradient(self._gate(preactivations))
