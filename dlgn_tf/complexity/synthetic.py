"""Images drawn on the spot: ten shapes in random colours and textures.

The shape is the class. Place, size, both colours, a texture of stripes, noise
and a share of wrong labels are not: a network needs many images to tell one
from the other, so that the number of training images matters as it does with
photographs. Nothing is read from disk.
"""

import numpy as np

from dlgn_tf.data.images import ImageSet

CLASSES, SIDE = 10, 16
IMAGE_SHAPE = (SIDE, SIDE, 3)
# Training and test images are of one distribution and of streams of their own.
_STREAMS = {"train": 0, "test": 1}


def load(train_examples=2000, test_examples=1000, seed=0, wrong_labels=0.05):
    """Training and test images.

    The first n of more images are those that n alone would be, so that smaller
    training sets are parts of larger ones.

    Args:
        train_examples: Integer, a multiple of 10.
        test_examples: Integer, a multiple of 10.
        seed: Integer >= 0.
        wrong_labels: Float in [0, 1], share of the labels that are drawn anew
            among all classes, in both sets.

    Returns:
        `(ImageSet, ImageSet)` of 16x16 images in three colours.
    """
    return tuple(
        draw(count, np.random.default_rng([seed, stream]), wrong_labels)
        for count, stream in (
            (train_examples, _STREAMS["train"]),
            (test_examples, _STREAMS["test"]),
        )
    )


def draw(count, rng, wrong_labels=0.05):
    """Draws images, the classes in turn.

    Args:
        count: Integer.
        rng: `numpy.random.Generator`.
        wrong_labels: See `load`.

    Returns:
        `ImageSet` of `count` images.
    """
    # An image takes the same numbers whatever the count: they are drawn one
    # image after the other.
    drawn = [_one(index % CLASSES, rng, wrong_labels) for index in range(count)]
    images, labels = zip(*drawn, strict=True)
    return ImageSet(np.stack(images), np.array(labels, np.int32))


def _one(shape, rng, wrong_labels):
    """An image of a class, and its label."""
    centre = rng.uniform(5.5, SIDE - 6.5, 2)
    radius = rng.uniform(3.0, 5.5)
    inside = _SHAPES[shape](*_coordinates(centre, radius))
    background = rng.uniform(40, 140, 3)
    # Brighter in every colour, so that a few hundred images show something.
    colour = background + rng.uniform(30, 110, 3)
    image = np.where(inside[..., None], colour, background)
    image = image + _stripes(rng)[..., None] + rng.normal(0, 15, image.shape)
    wrong, label = rng.random() < wrong_labels, rng.integers(CLASSES)
    return (
        np.clip(np.rint(image), 0, 255).astype(np.uint8),
        label if wrong else shape,
    )


def _coordinates(centre, radius):
    """Rows and columns as multiples of the radius, 0 in the centre."""
    grid = np.arange(SIDE)
    rows, columns = (grid - c for c in centre)
    return np.meshgrid(rows / radius, columns / radius, indexing="ij")


def _stripes(rng):
    """A wave of random direction, length and phase."""
    direction, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
    frequency = rng.uniform(0.5, 2.0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    along = rows * np.cos(direction) + columns * np.sin(direction)
    return rng.uniform(0, 30) * np.sin(frequency * along + phase)


def _largest(y, x):
    return np.maximum(np.abs(y), np.abs(x))


# Which points (y, x) belong to a shape of radius 1.
_SHAPES = (
    lambda y, x: y**2 + x**2 <= 1,
    lambda y, x: np.abs(np.hypot(y, x) - 0.8) <= 0.25,
    lambda y, x: _largest(y, x) <= 0.85,
    lambda y, x: np.abs(_largest(y, x) - 0.75) <= 0.25,
    lambda y, x: (np.abs(x) <= (y + 0.9) / 2) & (y <= 0.8),
    lambda y, x: (np.abs(x) <= (0.9 - y) / 2) & (y >= -0.8),
    lambda y, x: (
        (np.minimum(np.abs(y), np.abs(x)) <= 0.25) & (_largest(y, x) <= 1)
    ),
    lambda y, x: (
        (np.minimum(np.abs(y - x), np.abs(y + x)) <= 0.35)
        & (_largest(y, x) <= 1)
    ),
    lambda y, x: (np.abs(np.abs(y) - 0.6) <= 0.25) & (np.abs(x) <= 1),
    lambda y, x: (np.abs(np.abs(x) - 0.6) <= 0.25) & (np.abs(y) <= 1),
)
