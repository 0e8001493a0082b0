"""The region priors of a network's layers, filter by filter.

Source: the SMASO paper (arXiv 1810.09274), appendix C.
"""

from collections.abc import Sequence

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.layers.batch_norm import scale_and_shift
from dlgn_tf.models.orthogonal import kernel_in_effect
from dlgn_tf.splines import parameters
from dlgn_tf.splines.mixture import region_prior


def filters(
    layer: keras.layers.Dense, windowed: bool = True
) -> tuple[Array, Array]:
    """A layer's weights as one row per filter or unit.

    Apodised filters are those in effect, with their window, or where not
    `windowed` those that may be orthogonal, without it.

    Returns:
        Float64 arrays `(filters, height * width * channels)` and `(filters,)`,
        weights and biases.
    """
    kernel = kernel_in_effect(layer) if windowed else layer.kernel
    kernel = np.asarray(kernel, "float64")
    rows = kernel.reshape(-1, kernel.shape[-1]).T
    if layer.bias is None:
        return rows, np.zeros(len(rows))
    return rows, np.asarray(layer.bias, "float64")


def network_filters(network: keras.Model, windowed: bool = True) -> dict:
    """`filters` of every dense and convolutional layer, by the layer's name.

    A batch normalisation that directly follows is part of its layer.
    """
    followers = {
        id(layer.input): layer
        for layer in network.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    by_layer = {}
    for layer in network.layers:
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            rows, bias = filters(layer, windowed)
            if id(layer.output) in followers:
                scale, shift = scale_and_shift(followers[id(layer.output)])
                rows, bias = rows * scale[:, None], bias * scale + shift
            by_layer[layer.name] = rows, bias
    return by_layer


def prior_of_filters(
    rows: Array,
    bias: Array,
    activation: str = "relu",
    negative_slope: float = parameters.LEAKY_SLOPE,
) -> Array:
    """The region prior of each filter, away from an image's border.

    Args:
        rows: Array `(filters, inputs)`.
        bias: Array `(filters,)`.
        activation: See `parameters.slopes_of`, and so `negative_slope`.

    Returns:
        Array `(filters, 2)`: left of the kink, right of it (active).
    """
    slopes = np.asarray(parameters.slopes_of(activation, negative_slope))
    norms = np.sum(rows**2, axis=1)[:, None]
    return region_prior(slopes**2 * norms, slopes * bias[:, None])


def network_priors(
    network: keras.Model,
    activation: str = "relu",
    negative_slope: float = parameters.LEAKY_SLOPE,
    without: Sequence[str] = ("logits",),
) -> dict:
    """`prior_of_filters` of each layer of a functional network, by its name.

    Layers named in `without` have no nonlinearity.
    """
    return {
        name: prior_of_filters(rows, bias, activation, negative_slope)
        for name, (rows, bias) in network_filters(network).items()
        if name not in without
    }
