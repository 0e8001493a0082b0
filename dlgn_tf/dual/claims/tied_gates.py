"""dlgn.3: tied weights and hard gates give the ReLU network back."""

from dlgn_tf.claims.small_networks import (
    RESNET110,
    VGG16,
    SmallNetwork,
    floating_point,
    leave_initial_point,
    listed,
    relative_difference,
)
from dlgn_tf.models.gated import copy_weights


def _resnet(label, depth, block, shortcut):
    options = {"depth": depth, "block": block, "shortcut": shortcut}
    return SmallNetwork("resnet20", options=options, label=label)


C4GAP = SmallNetwork("c4gap", width=8)
_RESNET_V1 = _resnet("resnet14 v1/A", 14, "original", "A")
# ResNet-110 is v2/B. Depths 14 and 20 are two blocks a group: the shortcut of
# the second is the identity.
NETWORKS = {
    "float32": (VGG16, _RESNET_V1, RESNET110),
    "float64": (
        SmallNetwork("fc", width=8),
        SmallNetwork("gconv", width=8, options={"head_width": 16}),
        C4GAP,
        VGG16,
        _RESNET_V1,
        _resnet("resnet8 v1/B", 8, "original", "B"),
        _resnet("resnet8 v2/A", 8, "preactivated", "A"),
        _resnet("bottleneck20/B", 20, "bottleneck", "B"),
    ),
}


def measure(rng):
    tied = {dtype: {} for dtype in NETWORKS}
    untied = {dtype: {} for dtype in NETWORKS}
    for dtype, networks in NETWORKS.items():
        for network in networks:
            dgn, dnn, images = create_pair(network, dtype, rng)
            logits = dnn(images, training=False)
            copy_weights(dnn.network, dgn.value_network)
            untied[dtype][str(network)] = difference(dgn, images, logits)
            copy_weights(dnn.network, dgn.gating_network)
            tied[dtype][str(network)] = difference(dgn, images, logits)
    return {
        "tied": tied,
        "gates untied": untied,
        **{dtype: listed(networks) for dtype, networks in NETWORKS.items()},
    }


def create_pair(network, dtype, rng):
    """A DGN with hard gates, a ReLU network of other weights, and images."""
    with floating_point(dtype):
        normalization = {"mean": 0.5, "std": 0.25}
        dnn = network.create("dnn", rng, **normalization)
        dgn = network.create("dgn", rng, gate="hard", **normalization)
    leave_initial_point(dnn.network, rng)
    return dgn, dnn, network.images(rng).astype(dtype)


def difference(dgn, images, logits):
    """Largest difference of the DGN from these logits, on their scale."""
    return relative_difference(dgn(images, training=False), logits)
