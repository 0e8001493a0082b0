"""smaso.11: windowed patches add up to the image and bound its error."""

import numpy as np
from scipy import signal

from dlgn_tf.splines import apodization

DRAWS = 200
IMAGE = (12, 12, 2)
# Sides of windows, by stride.
SIZES = {1: (3, 5), 2: (4, 3)}


def measure(rng):
    reconstruction = {}
    for stride, sizes in SIZES.items():
        for size in sizes:
            for name in apodization.WINDOWS:
                label = f"{name} {size}/{stride}"
                h = _unity(name, size, stride)
                reconstruction[label] = error(h, stride, rng)
    return {
        "|image - sum of patches|": reconstruction,
        "3x3 Hamming merely scaled, stride 2": scaled_only(rng),
        "filter swap": filter_swap(rng),
        "error over its bound": [bound_ratio(rng) for _ in range(DRAWS)],
        "of constant residuals": constant_ratio(),
    }


def error(h, stride, rng):
    """max |image - sum of its windowed patches|."""
    image = rng.normal(size=IMAGE)
    patches = apodization.Patches(IMAGE, len(h), stride)
    parts = h[..., None] * patches.of(image)
    return float(np.abs(image - patches.sum(parts)).max())


def scaled_only(rng):
    """A 3x3 window at stride 2 whose sum is right and coverage is not."""
    h = apodization.window("hamming", 3)
    return error(4 * h / h.sum(), 2, rng)


def _unity(name, size=3, stride=1):
    return apodization.partition_of_unity(
        apodization.window(name, size), stride
    )


def filter_swap(rng):
    """A convolution with h w against products with windowed patches.

    <w, h P> = <h w, P>, so that no patch need be cut out.
    """
    image = rng.normal(size=IMAGE)
    kernel = rng.normal(size=(3, 3, IMAGE[2], 4))
    h = _unity("hamming")
    patches = h[..., None] * apodization.Patches(IMAGE, 3).of(image)
    direct = np.einsum("ijuvc,uvcf->ijf", patches, kernel)
    swapped = h[:, :, None, None] * kernel
    found = np.stack(
        [_correlate(image, swapped[..., f]) for f in range(4)], axis=-1
    )
    inside = direct[: IMAGE[0] - 2, : IMAGE[1] - 2]
    return float(np.abs(found - inside).max())


def _correlate(image, kernel):
    return sum(
        signal.correlate2d(image[..., c], kernel[..., c], mode="valid")
        for c in range(image.shape[-1])
    )


def bound_ratio(rng):
    """Left side over right side of equation 18, models at random."""
    image = rng.normal(size=IMAGE)
    # From independent residuals to ones that nearly add up.
    common = rng.normal(size=IMAGE[2]) * rng.uniform(0, 3)
    shape = (*IMAGE[:2], 3, 3, IMAGE[2])
    return _ratio("hamming", image, rng.normal(size=shape) + common)


def constant_ratio():
    """The same where all residuals are 1: how tight the bound can be."""
    return _ratio("rectangular", np.ones(IMAGE), 1.0)


def _ratio(window, image, residuals):
    patches, h = apodization.Patches(IMAGE, 3), _unity(window)
    models = h[..., None] * patches.of(image) + residuals
    left, right = apodization.errors(patches, h, image, models)
    return left / right
