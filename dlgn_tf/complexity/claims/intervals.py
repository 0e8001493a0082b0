"""complexity.21: intervals of shares of variance over images drawn again."""

import numpy as np

from dlgn_tf.complexity.claims.decomposition import PLANTED
from dlgn_tf.complexity.components import Significance
from dlgn_tf.complexity.disentangler import order_of
from dlgn_tf.complexity.resampling import ResampledCovariance

DRAWS, IMAGES, SIZE, RESAMPLES = 200, 300, 4, 200
# How often each image is there in the control.
COPIES = 4


def measure(rng):
    expected = PLANTED[:-1] ** 2 / np.sum(PLANTED**2)
    return {
        "shares in their intervals": _covered(rng, 1, expected),
        f"of images that are there {COPIES} times": (
            _covered(rng, COPIES, expected)
        ),
        "intervals": DRAWS * len(expected),
    }


def _covered(rng, copies, expected):
    """How often the shares of independent parts lie in their intervals."""
    return float(
        np.mean([_covers(rng, copies, expected) for _ in range(DRAWS)])
    )


def _covers(rng, copies, expected):
    """Whether they do, of one draw of images: boolean, `(orders,)`."""
    size = (len(PLANTED), IMAGES // copies, SIZE)
    parts = PLANTED[:, None, None] * rng.normal(size=size)
    stream = ResampledCovariance(
        len(PLANTED), RESAMPLES, seed=int(rng.integers(2**31))
    )
    stream.add(np.repeat(parts, copies, axis=1))
    orders = tuple(order_of(m + 1) for m in range(len(expected)))
    rows = Significance(
        orders, stream.matrix(), stream.count, stream.resampled()
    ).rows()
    return [
        row["significance_low"] <= share <= row["significance_high"]
        for row, share in zip(rows, expected, strict=True)
    ]
