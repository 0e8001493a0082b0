"""How the gates of a network behave over a data set."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class SiteStatistics:
    """Gates of one site over a data set; "on" means a pre-activation > 0.

    Units are the site's channels; a share is over images and positions.

    Attributes:
        site: String, site of the value network: with the gate that it uses.
        shape: Tuple, the site's shape.
        on: float64 array `(channels,)`, share of images and positions at which
            a unit is on.
        images_on: float64 array `(channels,)`, share of images in which a unit
            is on at some position.
        on_by_class: float64 array `(classes, channels)`, as `on`, over the
            images of each class; NaN for a class without images.
        on_by_position: float64 array `(height, width)`, share of images and
            channels; `()` for a dense site.
        sureness: Float, mean of |2 g - 1| over images, positions and units, g
            being the gate divided by its largest value 1 + epsilon: 1 for hard
            gates, 0 for gates that stay halfway.
        entropy: Float, mean entropy in bits of a coin that falls with
            probability g: 0 for hard gates, 1 for gates that stay halfway.
    """

    site: str
    shape: tuple
    on: np.ndarray
    images_on: np.ndarray
    on_by_class: np.ndarray
    on_by_position: np.ndarray
    sureness: float
    entropy: float
    overlap: np.ndarray

    @property
    def dead(self):
        """Channels that are off at all images and positions."""
        return np.flatnonzero(self.on == 0)

    @property
    def always_on(self):
        """Channels that are on at all images and positions."""
        return np.flatnonzero(self.on == 1)


@dataclasses.dataclass(frozen=True, eq=False)
class GateStatistics:
    """Gates of a whole network over a data set.

    Attributes:
        sites: Dict from site name to `SiteStatistics` (whose `overlap` is a
            class by class float64 matrix `(classes, classes)`: the mean over
            pairs of images, one of each class, of the share of units and
            positions at which both gates are on; on the diagonal over pairs of
            different images).
        agreement: float64 array `(sites, sites)`, in [-1, 1]; see `collect`.
        images: Integer, how many images were seen.
        class_counts: Integer array `(classes,)`.
    """

    sites: dict
    agreement: np.ndarray
    images: int
    class_counts: np.ndarray


def collect(
    model,
    images,
    labels,
    classes=None,
    sites=None,
    batch_size=64,
    progress=False,
):
    """Gate statistics over a data set, streamed batch by batch.

    What is held does not grow with the number of images.

    Agreement between layers: sites differ in shape, so that units cannot be
    matched. What is compared is the similarity of images: linear CKA would need
    all pairs, so pairs within each batch are taken. [to be settled]

    Args:
        model: `ImageClassifier` of any family, any backend.
        images: uint8 array `(images, height, width, channels)`.
        labels: Integer array `(images,)`.
        classes: Integer. Defaults to the largest label + 1.
        sites: Sequence of site names. Defaults to all.
        batch_size: Integer >= 1.
        progress: Boolean.

    Returns:
        `GateStatistics`.

    Raises:
        UserError: if there are no images, they do not fit the model or the
            labels, or there is no such site.
    """
    raise NotImplementedError
