"""Random mirroring and shifting of whole batches, in NumPy.

Imports no TensorFlow. It works on raw pixels, before any normalisation, in the
order flip, pad, crop: the padding is black, whatever the mean.
"""

import numpy as np

from dlgn_tf.data.catalog import POLICIES
from dlgn_tf.errors import UserError

# Pixels of padding on each side.
PAD = 4


def augment(images, policy, rng):
    """Augments a batch.

    Args:
        images: Array `(batch, height, width, channels)`.
        policy: One of `POLICIES`: `"none"`; `"crop"` pads by 4 pixels and
            crops at random; `"flip_crop"` mirrors half of the images before.
        rng: `numpy.random.Generator`.

    Returns:
        Array of the same shape and dtype; `images` itself for `"none"`.

    Raises:
        UserError: if there is no such policy.
    """
    check_policy(policy)
    if policy == "none":
        return images
    if policy == "flip_crop":
        images = random_flip(images, rng)
    return random_crop(images, PAD, rng)


def check_policy(policy):
    """Raises a `UserError` unless `policy` is one of `POLICIES`."""
    if policy not in POLICIES:
        raise UserError(
            f"Unknown augmentation. Expected one of {', '.join(POLICIES)}. "
            f"Received: augmentation={policy}"
        )


def random_flip(images, rng):
    """Mirrors each image left to right with probability 1/2.

    Args:
        images: Array `(batch, height, width, channels)`.
        rng: `numpy.random.Generator`.

    Returns:
        New array of the same shape and dtype.
    """
    mirrored = np.flatnonzero(rng.random(len(images)) < 0.5)
    flipped = images.copy()
    # Channel by channel: whole pixels of 3 bytes are copied 3 times slower.
    for c in range(images.shape[-1]):
        flipped[mirrored, :, :, c] = images[mirrored, :, ::-1, c]
    return flipped


def random_crop(images, pad, rng):
    """Shifts each image by up to `pad` pixels, filling up with zeros.

    Each is padded with zeros on all sides and cropped to its size again, at
    one of the `(2 * pad + 1) ** 2` places, all equally likely.

    Args:
        images: Array `(batch, height, width, channels)`.
        pad: Integer >= 0, in pixels.
        rng: `numpy.random.Generator`.

    Returns:
        New array of the same shape and dtype.
    """
    count, height, width, channels = images.shape
    top, left = rng.integers(0, 2 * pad + 1, (2, count))
    padded = _pad(images, pad)
    row = np.arange(count)[:, None] * padded.shape[1] + top[:, None]
    row = row + np.arange(height)
    start = row * padded.shape[2] + left[:, None]
    return _runs(padded, width)[start].view(images.dtype).reshape(images.shape)


def _pad(images, pad):
    count, height, width, channels = images.shape
    shape = (count, height + 2 * pad, width + 2 * pad, channels)
    padded = np.zeros(shape, images.dtype)
    padded[:, pad : pad + height, pad : pad + width] = images
    return padded


def _runs(padded, width):
    """Views an array as overlapping runs of `width` pixels, one a start.

    A row of a crop is such a run. Indexing them copies it as one item: half
    the time of `sliding_window_view`.
    """
    pixel = padded.shape[-1] * padded.itemsize
    return np.ndarray(
        (padded.nbytes // pixel - width + 1,),
        dtype=np.dtype((np.void, width * pixel)),
        buffer=padded,
        strides=(pixel,),
    )
