"""smaso.16: orthogonal filters, folded into plain ones, saved and loaded."""

import pathlib
import tempfile

import keras
import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.claims.small_networks import (
    SmallNetwork,
    leave_initial_point,
    listed,
    relative_difference,
)
from dlgn_tf.layers import OrthogonalKernel
from dlgn_tf.models.build import load_model
from dlgn_tf.models.orthogonal import folded, with_orthogonal_filters
from dlgn_tf.models.orthogonal_options import OrthogonalFilters

NETWORKS = (
    SmallNetwork("c4gap", width=8),
    SmallNetwork("resnet20", options={"depth": 8}, label="resnet8"),
)
SCALES = ("residual", "unit", "gain")


def measure(rng):
    found = {
        f"{network}, {scale}": differences(network, scale, rng)
        for network in NETWORKS
        for scale in SCALES
    }
    return {**by_figure(found), "networks": f"{listed(NETWORKS)} dnn"}


def differences(network, scale, rng):
    """Of logits: after folding, after loading, and of the raw kernels."""
    plain = network.create("dnn", rng)
    leave_initial_point(plain.network, rng)
    options = OrthogonalFilters(scale=scale)
    model = plain.with_networks(
        lambda inside: with_orthogonal_filters(inside, options)
    )
    images = network.images(rng).astype("float32")
    logits = np.asarray(model(images, training=False))
    bare = folded(model)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        loaded = load_model(path)
    return {
        "folded": relative_difference(bare(images, training=False), logits),
        "loaded": relative_difference(loaded(images, training=False), logits),
        "raw kernels": relative_difference(
            plain(images, training=False), logits
        ),
        "layers left": count(bare.network),
        "orthogonal layers": count(model.network),
    }


def count(network):
    """Orthogonal layers of a functional `keras.Model`."""
    layers = [x for x in network.layers if isinstance(x, keras.layers.Layer)]
    return sum(isinstance(layer, OrthogonalKernel) for layer in layers)
