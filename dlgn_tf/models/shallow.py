"""Shallow features: every gate its own single linear map of the image."""

import keras
from keras import layers

from dlgn_tf.layers import BatchNorm
from dlgn_tf.models.convolution import convolution


def shallow_gating_network(image_shape, sites, batch_norm, padding="same"):
    """The gating network of a DLGN-SF.

    A site of shape (height, width, filters) gets its pre-activation from
    average pooling of the image to that resolution, a 3x3 convolution and, in
    architectures that have it, batch normalisation; a site of shape (units,)
    from one dense layer on the flattened image. Nothing is composed.

    Source: the DLGN paper (arXiv 2110.03403), section 4. Pooling before the
    convolution rather than after it is assumed; both are linear.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        sites: Dict from site name to shape without the batch dimension.
        batch_norm: Boolean.
        padding: `"same"` or `"circular"`, of the convolutions.

    Returns:
        Functional `keras.Model`, image -> list of pre-activations.
    """
    image = keras.Input(image_shape, name="image")
    preactivations = []
    for name, shape in sites.items():
        if len(shape) == 1:
            flat = layers.Flatten(name=f"{name}_flatten")(image)
            q = layers.Dense(shape[0], name=name)(flat)
        else:
            pooled = image
            if tuple(shape[:2]) != tuple(image.shape[1:3]):
                pooled = _pool_to(image, shape[:2], name)
            q = convolution(pooled, shape[2], 3, name, padding)
            if batch_norm:
                q = BatchNorm(name=f"{name}_bn")(q)
        preactivations.append(q)
    return keras.Model(image, preactivations, name="gating_network")


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
