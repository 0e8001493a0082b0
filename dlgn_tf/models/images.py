"""What images a model takes: their shape, and the scale of their pixels."""

import keras
import numpy as np
from keras import ops

from dlgn_tf.errors import UserError

# As many are looked at to tell the scale of all.
_SAMPLE = 64


def check_images(model, images):
    """Raises a `UserError` unless there are images that a model takes.

    Args:
        model: `ImageClassifier`.
        images: What is said to be an array `(n, height, width, channels)`,
            n >= 1, of finite numbers.
    """
    images = np.asarray(images)
    check_shape(model, images.shape)
    if not len(images):
        raise _misfit(model, images.shape)
    if not _are_finite(images):
        raise UserError(
            "Expected images of finite numbers. Received: some that are not"
        )


def _are_finite(images):
    if np.issubdtype(images.dtype, np.integer):
        return True
    try:
        return bool(np.all(np.isfinite(images)))
    except TypeError:
        # Text, and objects.
        return False


def with_all_axes(model, images):
    """Grey images without an axis of channels, or vectors, as images.

    Args:
        model: `ImageClassifier`.
        images: Array or tensor `(n, height, width)` or `(n, entries)`.

    Returns:
        The images `(n, height, width, channels)`; others as they came.
    """
    if len(model.image_shape) != 3:
        return images
    height, width, channels = model.image_shape
    sides = tuple(images.shape[1:])
    if sides == (height, width) and channels == 1:
        return _indexed(images)[..., None]
    if sides == (channels,) and height == width == 1:
        return _indexed(images)[:, None, None, :]
    return images


def _indexed(images):
    """Images of a data frame or a file as an array, tensors as they are."""
    if ops.is_tensor(images) or isinstance(images, keras.KerasTensor):
        return images
    return np.asarray(images)


def check_shape(model, shape):
    """Raises a `UserError` unless a model takes a batch of this shape.

    Lengths that are not known are None.
    """
    sides = zip(shape[1:], model.image_shape, strict=False)
    rank = 1 + len(model.image_shape)
    if len(shape) != rank or any(x not in (None, own) for x, own in sides):
        raise _misfit(model, shape)


def _misfit(model, shape):
    return UserError(
        f"Expected images of shape (n, {str(model.image_shape)[1:]}, n >= 1, "
        f"as {model.name} takes them. Received: shape {tuple(shape)}"
    )


def largest_value(images):
    """Largest absolute value of a sample of images, or 0.0 of none.

    A tensor of a graph has no values and gives 0.0.
    """
    if not isinstance(images, np.ndarray) and not hasattr(images, "numpy"):
        return 0.0
    # A tensor that a graph has captured loses its values if it is sliced there.
    sample = np.asarray(images)[:_SAMPLE]
    return float(np.max(np.abs(sample), initial=0.0))
