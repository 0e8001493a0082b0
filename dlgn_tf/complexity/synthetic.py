"""Images made by rule, for experiments that need no data set.

Ten classes are ten patterns of shape; colour, texture, place and noise are
nuisances, and some labels are wrong, so that the number of samples matters.
"""

import numpy as np

from dlgn_tf.data.images import ImageSet

CLASSES = 10


def shapes(count, seed, side=16, noise=20.0, wrong_labels=0.1):
    """Draws an `ImageSet` of shapes, images `(count, side, side, 3)`.

    Args:
        count: How many; class by class in turn.
        seed: Integer or sequence of integers.
        side: Height and width.
        noise: Standard deviation of the pixels' noise on [0, 255].
        wrong_labels: In [0, 1], share of labels that are drawn at random.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    masks = _masks(labels, side, rng)
    front, back = _colours(count, rng)
    images = masks * front + (1 - masks) * back
    images += 15 * _texture(count, side, rng)
    images += rng.normal(0, noise, images.shape)
    wrong = rng.random(count) < wrong_labels
    told = np.where(wrong, rng.integers(0, CLASSES, count), labels)
    pixels = np.clip(np.rint(images), 0, 255).astype("uint8")
    return ImageSet(pixels, told.astype("int32"))


def _masks(labels, side, rng):
    """How much of a pixel the shape covers: `(count, side, side, 1)`."""
    count = len(labels)
    places = np.linspace(-1, 1, side)
    centre = rng.uniform(-0.2, 0.2, (2, count, 1, 1))
    size = rng.uniform(0.55, 0.75, (count, 1, 1))
    y = (places[None, :, None] - centre[0]) / size
    x = (places[None, None, :] - centre[1]) / size
    radius, box = np.hypot(x, y), np.maximum(np.abs(x), np.abs(y))
    kinds = np.stack(
        [
            radius < 1,
            box < 0.9,
            (radius < 1) & (radius > 0.55),
            (box < 1) & (box > 0.6),
            (np.minimum(np.abs(x), np.abs(y)) < 0.3) & (box < 1),
            (np.abs(np.abs(x) - np.abs(y)) < 0.4) & (box < 1),
            np.abs(x) + np.abs(y) < 1,
            (y > -0.8) & (y < 0.9) & (np.abs(x) < (y + 0.9) / 1.8),
            (np.abs(y) < 0.35) & (np.abs(x) < 1.2),
            (np.abs(x) < 0.35) & (np.abs(y) < 1.2),
        ]
    )
    return kinds[labels, np.arange(count)][..., None].astype("float64")


def _colours(count, rng):
    """Two colours, the first the brighter one: `(count, 1, 1, 3)` each."""
    back = rng.uniform(20, 120, (count, 1, 1, 3))
    return back + rng.uniform(60, 120, back.shape), back


def _texture(count, side, rng):
    """A plane wave of any direction, `(count, side, side, 1)`."""
    places = np.arange(side)
    angle, phase = rng.uniform(0, 2 * np.pi, (2, count, 1, 1))
    rate = rng.uniform(0.5, 2.0, (count, 1, 1))
    y, x = places[None, :, None], places[None, None, :]
    wave = np.sin(rate * (np.cos(angle) * x + np.sin(angle) * y) + phase)
    return wave[..., None]
