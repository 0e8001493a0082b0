"""Which explanation is right: measures that know, or that ask the network.

Deletion and insertion take pixels away, or bring them, in the order of a map
(Petsiuk et al., arXiv 1806.07421). Under new weights, or of a network that
learned permuted labels, a map that tells of the network must change (Adebayo et
al., arXiv 1810.03292). Where the data leave a network nothing but a known patch
to decide by, a map must lie there. And a gate that is switched off must take
from a logit what its unit was said to add.
"""

import dataclasses
import math
import time
import typing
from collections.abc import Sequence

import numpy as np
import scipy.stats
from numpy import ndarray as Array

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.attributions import METHODS, Question, check_count
from dlgn_tf.inspection.explanations import Explanation, explain
from dlgn_tf.inspection.flips import GateFlips
from dlgn_tf.inspection.logits import one_hot
from dlgn_tf.inspection.units import strongest
from dlgn_tf.models.build import redrawn

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier


def mass(maps: Array, box: tuple[int, int, int, int]) -> Array:
    """Share of each map's absolute values within a box of the image, `(n,)`.

    Args:
        maps: Array `(n, height, width, channels)`.
        box: `(top, left, bottom, right)`, one past the last row and column.
    """
    top, left, bottom, right = box
    sizes = np.abs(maps)
    inside = sizes[:, top:bottom, left:right].sum(axis=(1, 2, 3))
    whole = sizes.sum(axis=(1, 2, 3))
    return np.divide(inside, whole, out=np.zeros_like(inside), where=whole > 0)


def curves(
    model: "ImageClassifier",
    found: Explanation,
    steps: int = 16,
    insertion: bool = False,
    memory_gib: float = 1.0,
) -> Array:
    """What is explained as pixels go, those first that a map has most of.

    They become 0 in the normalised image; all channels of a pixel go together.

    Args:
        model: `ImageClassifier`.
        found: `Explanation` of images.
        steps: Integer >= 1, in how many equal parts the pixels go.
        insertion: Boolean. Whether they come instead, from an image of zeros.
        memory_gib: Float > 0, see `explain`.

    Returns:
        Array `(n, steps + 1)`: the logit, or the difference, before the first
        part goes to after the last one has. A map is good where deletion falls
        at once, and insertion rises.

    Raises:
        UserError: if it is an explanation of a gate site, or `steps` is not
            an integer >= 1.
    """
    check_count("steps", steps)
    if found.site is not None:
        raise UserError(
            "Expected an explanation of pixels, which can go. Received: one of "
            f"the units of {found.site}"
        )
    directions = one_hot(found.targets, model.classes, found.against)
    question = Question(model, found.images, directions, memory_gib)
    pixels = question.pixels
    count, height, width, channels = pixels.shape
    # A vector's entries are its pixels.
    places = channels if height == width == 1 else height * width
    flat = pixels.reshape(count, places, -1)
    of_places = found.maps.reshape(count, places, -1).sum(axis=-1)
    ranks = np.argsort(np.argsort(-of_places, axis=1, kind="stable"), axis=1)
    values = []
    for step in range(steps + 1):
        gone = ranks < round(step * places / steps)
        kept = gone if insertion else ~gone
        values.append(
            question.logits((flat * kept[..., None]).reshape(pixels.shape))
        )
    return np.stack(values, axis=1)


def area(values: Array) -> float:
    """Mean over pixels of the mean curve, relative to its rise.

    Args:
        values: Array `(n, steps + 1)`, see `curves`, from no pixels to all.

    Returns:
        Float, on a scale on which the curve is 0 without pixels and 1 with all
        of them; NaN where all have no more than none.
    """
    curve = values.mean(axis=0)
    rise = curve[-1] - curve[0]
    return float((curve - curve[0]).mean() / rise) if rise > 0 else math.nan


def agreement(first: Array, second: Array) -> Array:
    """Rank correlation of two sets of maps, `(n,)`.

    1 where they order pixels alike, 0 where they have nothing in common, or one
    has the same everywhere.
    """
    pairs = zip(first, second, strict=True)
    return np.array([_rank_correlation(a.ravel(), b.ravel()) for a, b in pairs])


def agreement_with(
    other: "ImageClassifier", found: Explanation, memory_gib: float = 1.0
) -> Array:
    """Rank correlation with the maps of another network, `(n,)`.

    Both explain the same logits, by the same method with the same options.

    Args:
        other: `ImageClassifier`, such as the network with new weights, or one
            that was trained on permuted labels: a map that tells of what was
            learned has little in common with theirs.
        found: `Explanation`.
        memory_gib: Float > 0, see `explain`.

    Returns:
        Array of `agreement`.
    """
    maps = explain(
        other,
        found.images,
        found.targets,
        found.method,
        against=found.against,
        memory_gib=memory_gib,
        # A view is of one network alone.
        **{k: v for k, v in found.options.items() if k != "view"},
    ).maps
    return agreement(found.maps, maps.reshape(found.maps.shape))


def _rank_correlation(first, second):
    if not np.ptp(first) or not np.ptp(second):
        return 0.0
    return float(scipy.stats.spearmanr(first, second).statistic)


def switched_off(
    model: "ImageClassifier",
    image: Array,
    site: str,
    count: int = 20,
    memory_gib: float = 1.0,
) -> tuple[Array, Array]:
    """What strong units of a site add, and what the logit loses without them.

    The causal check: gates are forced to 0 one by one. Both agree in a gated
    network without max pooling; else what is behind a unit responds to it, see
    `GateFlips.responds`.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        image: Array `(height, width, channels)`, a stored image.
        site: Name of a gate site.
        count: Integer >= 1, how many units: those that add or take most.
        memory_gib: Float > 0, see `GateFlips`.

    Returns:
        Arrays `(units,)`: said, and measured.
    """
    flips = GateFlips(model, [site], memory_gib)
    found = explain(model, image[None], site=site, view=flips.view)
    units = strongest(found.maps[0], count)
    after = flips.forced(image, [(site, unit) for unit in units], 0.0)
    said = np.array([found.maps[0][unit] for unit in units])
    return said, found.logits[0] - after[:, found.targets[0]]


@dataclasses.dataclass(frozen=True)
class Scores:
    """What is measured of a method, in the mean over images.

    Attributes:
        method: String, a key of `attributions.METHODS`.
        gap: Float, how far sums are from logits, see `Explanation.gap`.
        deletion: Float, mean of the logit while pixels go, of its value for the
            whole image less that for none: the lower the better. NaN where
            that is not positive.
        insertion: Float, the same while they come: the higher the better.
        redrawn: Float in [-1, 1], `agreement` with the maps of the network with
            new weights: high where a map does not tell of what was learned.
        seconds: Float, for each image.
    """

    method: str
    gap: float
    deletion: float
    insertion: float
    redrawn: float
    seconds: float


def compare(
    model: "ImageClassifier",
    images: Array,
    methods: Sequence[str] = tuple(METHODS),
    steps: int = 16,
    seed: int = 0,
    memory_gib: float = 1.0,
) -> dict[str, tuple[Explanation, Scores]]:
    """Several methods on the same images, and measures of each.

    Args:
        model: `ImageClassifier`.
        images: Array `(n, height, width, channels)`, stored images.
        methods: Sequence of keys of `attributions.METHODS`.
        steps: See `curves`.
        seed: Integer, of the new weights.
        memory_gib: Float > 0, see `explain`.

    Returns:
        Dict from method to its explanations and scores.
    """
    other, found = redrawn(model, seed), {}
    for method in methods:
        began = time.perf_counter()
        explained = explain(model, images, method=method, memory_gib=memory_gib)
        seconds = (time.perf_counter() - began) / len(images)
        deleted, inserted = (
            curves(model, explained, steps, insertion, memory_gib)
            for insertion in (False, True)
        )
        agreed = agreement_with(other, explained, memory_gib)
        found[method] = (
            explained,
            Scores(
                method,
                float(explained.gap.mean()),
                area(deleted[:, ::-1]),
                area(inserted),
                float(agreed.mean()),
                seconds,
            ),
        )
    return found
