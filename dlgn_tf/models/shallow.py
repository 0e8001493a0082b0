"""Shallow features: every gate its own single linear map of the image."""

import dataclasses
import math

import keras
from keras import layers

from dlgn_tf.layers import BatchNorm, Grayscale
from dlgn_tf.models.convolution import convolution
from dlgn_tf.models.head import last_with_weights


@dataclasses.dataclass(frozen=True)
class LinearMaps:
    """What the linear maps of all gate sites have in common.

    Attributes:
        batch_norm: Boolean. Whether convolutions are batch-normalised.
        biases: Boolean. Whether convolutions and dense layers have biases.
        kernel_size: Integer, side of a convolution's filters.
        padding: `"same"` or `"circular"`, of the convolutions.
        apodized: Boolean. Whether filters are windowed, see `ApodizedConv2D`.
        grayscale: Boolean. Whether colours become grey first.
        rescaling: Layers that put pixels on a scale first.
    """

    batch_norm: bool = False
    biases: bool = True
    kernel_size: int = 3
    padding: str = "same"
    apodized: bool = False
    grayscale: bool = False
    rescaling: tuple[keras.layers.Layer, ...] = ()


def linear_maps_like(value_network, options, rescaling=()):
    """`LinearMaps` like the layers of a value network of these options.

    There are biases, and batch normalisation, where the value network has them
    before its gates: one that only standardises stands behind them.
    """
    last = last_with_weights(value_network)
    below = [x for x in value_network.layers if x is not last]
    circular = options.get("padding") == "circular"
    return LinearMaps(
        batch_norm=any(
            isinstance(x, layers.BatchNormalization) and x.center for x in below
        ),
        biases=any(getattr(x, "use_bias", False) for x in below),
        kernel_size=options.get("kernel_size", 3),
        padding="circular" if circular else "same",
        apodized=options.get("apodized", False),
        grayscale=any(isinstance(x, Grayscale) for x in below),
        rescaling=rescaling,
    )


def shallow_gating_network(image_shape, sites, maps):
    """The gating network of a DLGN-SF.

    A site of shape (height, width, filters) gets its pre-activation from
    average pooling of the image to that resolution, a convolution and, in
    architectures that have it, batch normalisation; a site of another shape,
    such as (units,), from one dense layer on the flattened image. Nothing is
    composed.

    Source: the DLGN paper (arXiv 2110.03403), section 4. Pooling before the
    convolution rather than after it is assumed; both are linear.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        sites: Dict from site name to shape without the batch dimension.
        maps: `LinearMaps`.

    Returns:
        Functional `keras.Model`, image -> list of pre-activations.
    """
    image = keras.Input(image_shape, name="image")
    seen = Grayscale(name="gray")(image) if maps.grayscale else image
    for layer in maps.rescaling:
        seen = type(layer).from_config(layer.get_config())(seen)
    preactivations = []
    for name, shape in sites.items():
        if len(shape) != 3:
            flat = layers.Flatten(name=f"{name}_flatten")(seen)
            units = math.prod(shape)
            q = layers.Dense(units, use_bias=maps.biases, name=name)(flat)
            if len(shape) > 1:
                q = layers.Reshape(shape, name=f"{name}_reshape")(q)
        else:
            pooled = seen
            if tuple(shape[:2]) != tuple(image.shape[1:3]):
                pooled = _pool_to(seen, shape[:2], name)
            q = _convolution(pooled, shape[2], name, maps)
        preactivations.append(q)
    return keras.Model(image, preactivations, name="gating_network")


def _convolution(x, filters, name, maps):
    options = maps.padding, maps.biases, maps.apodized
    q = convolution(x, filters, maps.kernel_size, name, *options)
    return BatchNorm(name=f"{name}_bn")(q) if maps.batch_norm else q


def _pool_to(image, size, name):
    """Average pooling by the power of two that leads to this resolution.

    A network that halves with 'same' padding rounds up ('valid': down), and so
    does pooling once by the power of two. To sizes that halving does not lead
    to, pooling is adaptive: over windows that may overlap by a pixel.
    """
    sides = tuple(image.shape[1:3])
    factor = 1
    while factor <= max(sides):
        for padding, rounding in (("valid", 0), ("same", factor - 1)):
            if tuple((s + rounding) // factor for s in sides) == tuple(size):
                return layers.AveragePooling2D(
                    factor, padding=padding, name=f"{name}_pool"
                )(image)
        factor *= 2
    return layers.AdaptiveAveragePooling2D(tuple(size), name=f"{name}_pool")(
        image
    )
