"""Shallow features: every gate its own single linear map of the image."""

import keras
from keras import layers

from dlgn_tf.errors import UserError
from dlgn_tf.layers import BatchNorm


def shallow_gating_network(image_shape, sites, batch_norm):
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

    Returns:
        Functional `keras.Model`, image -> list of pre-activations.

    Raises:
        UserError: if a site's resolution is no whole fraction of the image's.
    """
    image = keras.Input(image_shape, name="image")
    preactivations = []
    for name, shape in sites.items():
        if len(shape) == 1:
            flat = layers.Flatten(name=f"{name}_flatten")(image)
            q = layers.Dense(shape[0], name=name)(flat)
        else:
            pooled = _pool_to(image, shape[:2], name)
            q = layers.Conv2D(shape[2], 3, padding="same", name=name)(pooled)
            if batch_norm:
                q = BatchNorm(name=f"{name}_bn")(q)
        preactivations.append(q)
    return keras.Model(image, preactivations, name="gating_network")


def _pool_to(image, size, name):
    if tuple(image.shape[1:3]) == tuple(size):
        return image
    factor = round(image.shape[1] / size[0])
    for padding in ("valid", "same"):
        pooled = layers.AveragePooling2D(
            factor, padding=padding, name=f"{name}_pool"
        )(image)
        if tuple(pooled.shape[1:3]) == tuple(size):
            return pooled
    raise UserError(
        f"Expected an image whose size pools to {size[0]}x{size[1]} for gate "
        f"site {name!r}. Received: {image.shape[1]}x{image.shape[2]}"
    )
