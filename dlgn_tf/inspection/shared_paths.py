"""What the strongest paths of several images have in common."""

import dataclasses
import itertools
from collections import Counter

from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Sharing:
    """What the strongest paths of several images have in common.

    Attributes:
        units: List of `(site, index, images, paths)`: a unit, the share of the
            images that have a strong path through it, and the share of all
            strong paths that pass it; the most shared first.
        common: Float in [0, 1], of two images the share of paths that both
            have (number in both / number in the smaller set), in the mean over
            pairs. Two paths are the same if they start at the same place and
            pass the same units. NaN of a single image.
        paths: Integer, different paths in all.
    """

    units: list
    common: float
    paths: int


def sharing(paths_of_images):
    """`Sharing` of images, such as those of a class, each a list of `Path`.

    Raises:
        UserError: if there is no image, or one without a path.
    """
    sets = [
        {(p.start, p.start_unit, p.units) for p in paths}
        for paths in paths_of_images
    ]
    if not sets or not all(sets):
        raise UserError(
            "Expected images with at least one path each. Received: "
            f"{[len(paths) for paths in sets]} paths"
        )
    everywhere = [path for paths in sets for path in paths]
    on_paths = Counter(unit for path in everywhere for unit in path[2])
    in_images = Counter(
        unit
        for paths in sets
        for unit in {unit for path in paths for unit in path[2]}
    )
    units = [
        (*unit, images / len(sets), on_paths[unit] / len(everywhere))
        for unit, images in in_images.items()
    ]
    shares = [
        len(a & b) / min(len(a), len(b))
        for a, b in itertools.combinations(sets, 2)
    ]
    return Sharing(
        sorted(units, key=lambda u: (-u[2], -u[3], u[0], u[1])),
        sum(shares) / len(shares) if shares else float("nan"),
        len(set(everywhere)),
    )
