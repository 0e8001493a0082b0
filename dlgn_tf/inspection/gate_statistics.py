"""How the gates of a network behave over a data set."""

import dataclasses
import math
import typing
from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.command.memory import GIB, least_gib
from dlgn_tf.command.progress import Progress
from dlgn_tf.dual.kernel_learning import check_labels
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.autodiff import compiled
from dlgn_tf.inspection.layer_agreement import FEWEST, LayerAgreement
from dlgn_tf.inspection.sites import chosen_sites

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier


# Images of a batch, at most; layers are compared by the pairs of one.
_MOST = 64


@dataclasses.dataclass(frozen=True, eq=False)
class SiteStatistics:
    """Gates of one site over a data set; "on" means a pre-activation > 0.

    Units are the site's channels. A share is over images and, where nothing
    else is said, positions.

    Attributes:
        site: String, site of the value network: with the gate that it uses.
        on_at: float64 array of the site's shape, share of images in which a
            unit is on at a position.
        images_on: float64 array `(channels,)`, share of images in which a unit
            is on at some position.
        overlap: float64 array `(classes, classes)`: share of units and
            positions at which both gates are on, the mean over pairs of
            different images, one of each class; NaN without such a pair. It is
            a layer's factor in the neural path kernel.
        sureness: Float, mean of |2 g - 1|, g being the gate as a share of its
            range: 1 for hard gates, 0 for gates that stay halfway; NaN for
            gates without bounds.
        entropy: Float, mean entropy in bits of a coin that falls with
            probability g: 0 for hard gates, 1 for gates that stay halfway; NaN
            for gates without bounds.
    """

    site: str
    on_at: np.ndarray
    images_on: np.ndarray
    overlap: np.ndarray
    sureness: float
    entropy: float

    @property
    def on(self) -> Array:
        """Share at which a unit is on: float64 array `(channels,)`."""
        return self.on_at.reshape(-1, self.on_at.shape[-1]).mean(axis=0)

    @property
    def dead(self) -> Array:
        """Channels that are off at all images and positions."""
        return np.flatnonzero(self._all_positions(self.on_at == 0))

    @property
    def always_on(self) -> Array:
        """Channels that are on at all images and positions."""
        return np.flatnonzero(self._all_positions(self.on_at == 1))

    @property
    def relative_overlap(self) -> Array:
        """Overlap of two classes by the geometric mean of that within each."""
        within = np.sqrt(np.diagonal(self.overlap))
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.overlap / np.outer(within, within)

    def _all_positions(self, holds):
        return holds.reshape(-1, holds.shape[-1]).all(axis=0)


@dataclasses.dataclass(frozen=True, eq=False)
class GateStatistics:
    """Gates of a whole network over a data set.

    Attributes:
        sites: Dict from site name to `SiteStatistics`.
        agreement: float64 array `(sites, sites)`: share of units, positions and
            images at which the hard gates of two layers are the same, unit for
            unit; NaN where the layers differ in shape.
        similarity: float64 array `(sites, sites)`: linear CKA of the layers'
            hard gates, whatever their shapes: whether the same pairs of images
            have gates in common; see `layer_agreement`. NaN for a layer whose
            gates are the same for all images.
        images: Integer, how many images were seen.
    """

    sites: dict
    agreement: np.ndarray
    similarity: np.ndarray
    images: int


def collect(
    model: "ImageClassifier",
    images: Array,
    labels: Array,
    classes: int | None = None,
    sites: Sequence[str] | None = None,
    batch_size: int | None = None,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> GateStatistics:
    """Gate statistics over a data set, streamed batch by batch.

    Memory does not grow with the number of images: it holds one count for each
    class, unit and position, and the pre-activations of a batch.

    Args:
        model: `ImageClassifier` of any family, on any backend.
        images: Array `(images, height, width, channels)`, pixels from 0 to 255.
        labels: Integer array `(images,)`.
        classes: Integer. Defaults to the largest label + 1.
        sites: Sequence of site names. Defaults to all.
        batch_size: Integer >= 1. Defaults to as many as memory allows, up to
            64.
        memory_gib: Float > 0. Bound on what is held beside model and images.
        progress: Boolean. Whether to show it.

    Raises:
        UserError: if there are no images, they do not fit the model or the
            labels, there is no such site, or memory does not suffice.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    classes = _checked(model, images, labels, classes)
    sites = chosen_sites(model, sites)
    shapes = {site: model.site_shapes[site] for site in sites}
    batch_size = _batch_size(model, shapes, classes, batch_size, memory_gib)
    counts = {site: _Counts(shapes[site], classes) for site in sites}
    agreement = LayerAgreement([shapes[site] for site in sites])
    forward = compiled(_gates_of_sites(model, sites))
    show = Progress("gates", 0, len(labels), "image", silent=not progress)
    batch_size = min(batch_size, len(labels))
    for first in range(0, len(labels), batch_size):
        last = min(first + batch_size, len(labels))
        # The last batch is filled up: another size would be compiled anew.
        rows = np.arange(first, first + batch_size) % len(labels)
        made = forward(ops.convert_to_tensor(images[rows]))
        hard = []
        for site, of_site in zip(sites, made, strict=True):
            on, sureness, entropy = (
                ops.convert_to_numpy(x)[: last - first] for x in of_site
            )
            counts[site].add(on, sureness, entropy, labels[first:last])
            hard.append(on.reshape(len(on), -1))
        agreement.add(hard)
        show.update(last, line=last == len(labels))
    return GateStatistics(
        {site: counts[site].statistics(site) for site in sites},
        agreement.agreement(),
        agreement.similarity(),
        len(labels),
    )


class _Counts:
    """Running sums over the images of one site."""

    def __init__(self, shape, classes):
        self._shape, self._classes = tuple(shape), classes
        self._images = np.zeros(classes, int)
        # Counts of images: exact in float32 up to 2**24.
        self._on = np.zeros((classes, math.prod(shape)), "float32")
        # Of each class, over its images, how many gates an image has on.
        self._own = np.zeros(classes)
        self._somewhere = np.zeros(shape[-1])
        self._sureness = self._entropy = 0.0

    def add(self, on, sureness, entropy, labels):
        count = len(on)
        flat = on.reshape(count, -1)
        members = (labels == np.arange(self._classes)[:, None]).astype(
            "float32"
        )
        self._images += members.sum(axis=1).astype(int)
        self._on += members @ flat.astype("float32")
        self._own += members @ flat.sum(axis=1)
        self._somewhere += (
            on.reshape(count, -1, on.shape[-1]).any(axis=1).sum(axis=0)
        )
        self._sureness += sureness.sum(dtype="float64")
        self._entropy += entropy.sum(dtype="float64")

    def statistics(self, site):
        total = self._images.sum()
        on = self._on.sum(axis=0, dtype="float64").reshape(self._shape)
        return SiteStatistics(
            site=site,
            on_at=on / total,
            images_on=self._somewhere / total,
            overlap=self._overlap(),
            sureness=self._sureness / total,
            entropy=self._entropy / total,
        )

    def _overlap(self):
        sums = self._on.astype("float64")
        common = sums @ sums.T - np.diag(self._own)
        pairs = np.outer(self._images, self._images) - np.diag(self._images)
        with np.errstate(invalid="ignore"):
            return common / np.where(pairs > 0, pairs, np.nan) / sums.shape[1]


def _gates_of_sites(model, sites):
    """Images -> hard gates, and of each image how sure its gates are.

    The latter two are means over positions and units.
    """

    def of_site(site, preactivations, gates):
        on = preactivations > 0
        gate = model.gate_at(site)
        share = ops.cast(gates, "float32") - gate.least
        # NaN for gates without bounds, of which there is no share.
        width = gate.most - gate.least
        share = share / (width if math.isfinite(width) else math.nan)
        axes = tuple(range(1, len(share.shape)))
        sureness = ops.mean(ops.abs(2 * share - 1), axis=axes)
        return on, sureness, ops.mean(_entropy_bits(share), axis=axes)

    def forward(images):
        preactivations = model.routed(model.preactivations(images))
        gates = model.gates_of(preactivations)
        return [of_site(s, preactivations[s], gates[s]) for s in sites]

    return forward


def _entropy_bits(probability):
    rest = 1 - probability
    tiny = float(np.finfo("float32").tiny)
    nats = probability * ops.log(ops.maximum(probability, tiny)) + (
        rest * ops.log(ops.maximum(rest, tiny))
    )
    return -nats / math.log(2)


def _checked(model, images, labels, classes):
    """The number of classes, where all arguments fit one another."""
    shape = tuple(model.image_shape)
    if not (len(labels) and np.shape(images) == (*labels.shape, *shape)):
        raise UserError(
            f"Expected at least one image of shape {shape}, each with a label. "
            f"Received: images of shape {np.shape(images)} and labels of shape "
            f"{labels.shape}"
        )
    classes = int(labels.max()) + 1 if classes is None else classes
    check_labels(labels, classes)
    return classes


def _batch_size(model, shapes, classes, given, memory_gib):
    """How many images are looked at together; a `UserError` if few fit."""
    if given is not None and given < 1:
        raise UserError(
            f"Expected a batch_size >= 1. Received: batch_size={given}"
        )
    units = sum(math.prod(shape) for shape in shapes.values())
    everywhere = sum(math.prod(shape) for shape in model.site_shapes.values())
    # Of an image: every layer on its way, pre-activations, gates, bits.
    held, image = 4 * classes * units, 8 * everywhere + 9 * units
    fitting = int((memory_gib * GIB - held) // image)
    wanted = given or max(FEWEST, min(_MOST, fitting))
    if wanted > fitting:
        least = least_gib(held + wanted * image)
        raise UserError(
            "Expected fewer sites, a smaller batch_size, or memory_gib of at "
            f"least {least}. Received: {len(shapes)} sites, "
            f"batch_size={wanted}, memory_gib={memory_gib}"
        )
    return wanted
