"""Images of which a known patch alone decides the class: evidence, planted."""

import numpy as np

from dlgn_tf.data.images import ImageSet

# Of a patch in the image: top, left, bottom, right.
BOX = (2, 3, 6, 7)
_SIDE, _CLASSES = 12, 2


def planted_patch(count: int, seed: int, noise: float = 30.0) -> ImageSet:
    """Grey images of noise, with a patch of stripes whose direction decides.

    Stripes of random phase and contrast stand in `BOX`, 4x4 pixels: upright
    ones are of class 0, lying ones of class 1. The rest, noise about mid-grey,
    is the same for both.

    Args:
        count: Integer >= 1, how many images.
        seed: Integer >= 0, from which they follow.
        noise: Float, standard deviation of the noise in grey levels.

    Returns:
        `ImageSet` of uint8 images `(count, 12, 12, 1)`.
    """
    rng = np.random.default_rng(seed)
    images = rng.normal(128, noise, (count, _SIDE, _SIDE))
    labels = rng.integers(0, _CLASSES, count).astype("int32")
    top, left, bottom, right = BOX
    stripes = np.where(np.arange(right - left) % 2, 1.0, -1.0)
    sign = rng.choice([-1.0, 1.0], count)
    contrast = sign * rng.uniform(60, 110, count)
    upright = np.tile(stripes, (bottom - top, 1))
    patches = np.stack([upright, upright.T])[labels]
    images[:, top:bottom, left:right] = 128 + (
        contrast[:, None, None] * patches
    )
    pixels = np.clip(np.rint(images), 0, 255).astype("uint8")
    return ImageSet(pixels[..., None], labels)
