"""The strongest paths of an image to a logit, without enumerating all.

A path contributes what enters where it starts, times the gates on it (its
neural path feature), times the weights on it (its neural path value). The k
largest products that lead to a unit are among the k largest and the k smallest
that lead to the units before it, so they are found layer by layer (dynamic
programming) among any number of paths, exactly.

Source: the DLGN paper (arXiv 2110.03403), section 2, for paths, their features
and values; `dlgn_tf.dual.paths` enumerates them.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Path:
    """A path from the input, or from a bias, to a logit.

    Attributes:
        contribution: Float, feature times value. Contributions of all paths
            sum to the logit.
        feature: Float, neural path feature: what enters at the start, times
            the gates on the path. 1 times the gates where a bias is the start.
        value: Float, neural path value: the product of the weights on the path,
            with the scales of batch normalisations and averages, and of the
            bias where it starts there.
        start: `"input"`, or the name of the layer whose bias it starts at.
        start_unit: Tuple of integers, the index in the input, `(row, column,
            channel)`, or in what that layer puts out.
        units: Tuple of pairs `(site, index)`, the units it passes at gate
            sites, from input to output; index is a tuple of integers.
    """

    contribution: float
    feature: float
    value: float
    start: str
    start_unit: tuple[int, ...]
    units: tuple[tuple[str, tuple[int, ...]], ...]


class PathFinder:
    """Finds the strongest paths of a small network.

    Every network whose value network is linear given its gates will do, as long
    as it is small: time and memory grow with `count` times the number of
    weighted connections between units (a convolution: positions times window
    times input times output channels).

    Args:
        model: `GatedNetwork` or `ReLUNetwork`, see `contributions.DualView`.
        biases: Boolean. Whether paths start at biases too, so that all paths
            sum to the logit; without them they sum to the part without biases.

    Raises:
        UserError: as `DualView`, or if the network is too large.
    """

    def __init__(self, model, biases=True):
        ...

    def strongest(self, images, logit, count=10, kind="absolute"):
        """The strongest paths of each image to a logit.

        Args:
            images: Array `(n, height, width, channels)`, pixels in [0, 255].
            logit: Integer, or integers `(n,)`.
            count: Integer >= 1, how many.
            kind: `"positive"`, those that add most; `"negative"`, those that
                subtract most; `"absolute"`, the largest of both.

        Returns:
            List of n lists of at most `count` `Path`s, strongest first; fewer
            where fewer paths contribute anything.

        Raises:
            UserError: if there is no such logit or kind.
        """
        ...


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
    """What strongest paths share, e.g. of the images of a class.

    Args:
        paths_of_images: List of lists of `Path`, as `strongest` returns it.

    Returns:
        `Sharing`.
    """
    ...
