"""dlgn.8: frozen gates stay, soft gates learn, the head has no counterpart."""

import keras
import numpy as np

from dlgn_tf.claims.small_networks import VGG16, SmallNetwork, listed
from dlgn_tf.command import startup
from dlgn_tf.data.batches import BatchSampler, train_dataset
from dlgn_tf.data.sources import load
from dlgn_tf.models.transfer import copy_gates
from dlgn_tf.training.optimizers import learning_rate
from dlgn_tf.training.steps import TrainingSteps, losses_and_errors

tf = startup.tensorflow()

STEPS = 5
_BATCH_SIZE = 32

_DIGITS = (8, 8, 1)
C4GAP = SmallNetwork("c4gap", width=8, image_shape=_DIGITS)
# Its moving statistics must not move in a frozen network either.
RESNET = SmallNetwork(
    "resnet20", options={"depth": 8}, label="resnet8", image_shape=_DIGITS
)
GCONV = SmallNetwork(
    "gconv", width=8, options={"head_width": 16}, image_shape=_DIGITS
)
# Those in which soft gates must reach every kernel.
LEARNING = (C4GAP, GCONV, RESNET, VGG16)


def measure(rng):
    changes = {
        regime: {
            str(network): train(make(network, rng), rng) for network in networks
        }
        for regime, (make, networks) in REGIMES.items()
    }
    models = [
        (f"{network} {family}", network.create(family, rng))
        for network in LEARNING
        for family in ("dgn", "dlgn")
    ]
    gradients = {name: least_gradient(model, rng) for name, model in models}
    alone = {name: without_counterpart(model) for name, model in models}
    start = dependent_start_difference(dependent(RESNET, rng))
    gating, value = (
        {
            regime: {name: of_one[k] for name, of_one in of_networks.items()}
            for regime, of_networks in changes.items()
        }
        for k in (0, 1)
    )
    return {
        "gating variables changed": {
            "soft": gating.pop("soft"),
            "frozen": gating,
        },
        "value variables changed": value,
        "DI starts apart": start,
        "least max |gradient| of a kernel": gradients,
        "logits alone have no counterpart": {
            name: layers == ["logits"] for name, layers in alone.items()
        },
        "steps on digits": STEPS,
        "networks": listed(LEARNING),
        "details": {"layers_without_counterpart": alone},
    }


def independent(network, rng):
    """Frozen-random gates from weights of their own (FR, II)."""
    return network.create("dgn", rng, gate_regime="frozen_random")


def dependent(network, rng):
    """Frozen-random gates from the value network's initial weights (FR, DI)."""
    return network.create("dgn", rng, gate_regime="frozen_dependent")


def learned(network, rng):
    """Frozen-learned gates: those of a ReLU network after training (FL)."""
    relu_network = network.create("dnn", rng)
    _take_steps(relu_network, rng)
    model = network.create("dgn", rng, gate_regime="frozen_learned")
    copy_gates(relu_network, model)
    return model


def soft(network, rng):
    """Gates that are learned jointly with the values."""
    return network.create("dgn", rng)


# Each with the networks that are trained so.
REGIMES = {
    "FR (II)": (independent, (C4GAP, RESNET)),
    "FR (DI)": (dependent, (C4GAP,)),
    "FL": (learned, (RESNET,)),
    "soft": (soft, (C4GAP,)),
}


def train(model, rng):
    """Takes a few training steps and compares all variables.

    What is returned are the shares of the gating and of the value network's
    variables, moving statistics included, in which any bit differs.
    """
    networks = model.networks.values()
    before = [network.get_weights() for network in networks]
    _take_steps(model, rng)
    after = [network.get_weights() for network in networks]
    return tuple(map(_share_changed, before, after))


def _share_changed(before, after):
    pairs = zip(before, after, strict=True)
    return float(np.mean([not np.array_equal(b, a) for b, a in pairs]))


def _take_steps(model, rng):
    digits, _ = load("digits")
    sampler = BatchSampler(digits, _BATCH_SIZE, seed=int(rng.integers(2**31)))
    optimizer = keras.optimizers.SGD(learning_rate((0.1,)), momentum=0.9)
    # The penalty would move weights that no gradient of the loss reaches.
    steps = TrainingSteps(
        model, optimizer, tf.distribute.get_strategy(), _BATCH_SIZE, l2=1e-4
    )
    batches = iter(train_dataset(sampler, 0, STEPS))
    for _ in range(STEPS):
        steps(batches, 1)


def least_gradient(model, rng):
    """The least max |gradient of the loss| of a gating network's kernel."""
    images = rng.uniform(0, 255, (_BATCH_SIZE, *model.image_shape))
    labels = rng.integers(10, size=_BATCH_SIZE)
    kernels = [
        variable.value
        for variable in model.gating_network.trainable_variables
        if variable.name == "kernel"
    ]
    with tf.GradientTape() as tape:
        logits = model(images.astype("float32"), training=True)
        losses, _ = losses_and_errors(logits, tf.constant(labels))
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, kernels, unconnected_gradients="zero")
    return float(np.min([np.abs(gradient).max() for gradient in gradients]))


def without_counterpart(model):
    """Layers with weights that only one of the two networks has, sorted."""
    gating, value = (
        {layer.name for layer in network.layers if layer.weights}
        for network in model.networks.values()
    )
    return sorted(gating ^ value)


def dependent_start_difference(model):
    """Largest difference between weights of layers of the same name."""
    differences = []
    for layer in model.gating_network.layers:
        if layer.weights:
            value_layer = model.value_network.get_layer(layer.name)
            pairs = zip(
                layer.get_weights(), value_layer.get_weights(), strict=True
            )
            differences += [
                np.abs(gating - value).max() for gating, value in pairs
            ]
    return float(np.max(differences))
