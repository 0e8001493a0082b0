"""Templates: what each unit of a linear gating network looks at, exactly.

In evaluation mode every pre-activation of a DLGN's gating network is affine in
the image, q(x) = <T, x> + b. T is the unit's template, an image of its own.
Where a ReLU comes before a unit (in a DGN or a DNN beyond the first gate site)
no such template exists; `linearization` then gives the affine map that the
pre-activation equals near one image.

Source: the DLGN paper (arXiv 2110.03403), section 3 (the primal view).
"""

import dataclasses
import typing
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.autodiff import double_precision
from dlgn_tf.inspection.derivative import derivative
from dlgn_tf.inspection.site_map import SiteMap, bending_layers
from dlgn_tf.inspection.units import Units
from dlgn_tf.models.functional import calls_of
from dlgn_tf.models.orthogonal import folded

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier


@dataclasses.dataclass(frozen=True, eq=False)
class Templates:
    """Affine maps of stored images, one per row: a unit at a position.

    Attributes:
        site: String, gate site of the gating network. (Under a gate
            permutation the value network may use its gate elsewhere.)
        weights: float64 array `(rows, height, width, channels)`: T for stored
            images, pixels from 0 to 255.
        offsets: float64 array `(rows,)`: b for stored images.
        positions: Integer array `(rows, 2)`, row and column within the site;
            `(rows, 0)` for a dense site. Rows come position by position, all
            channels of one before the next.
        channels: Integer array `(rows,)`, channel of the site, or unit.
        scale: float64 array `(channels,)`; the model normalises a stored image
            x to x * scale - shift.
        shift: float64 array `(channels,)`.
        standardized: Boolean. Whether the model standardises each image by
            itself, which is not affine. What is called a stored image here is
            then what `model.normalization(images)` returns.
        image: The stored image `(height, width, channels)` near which the map
            holds; None if it holds for all images, exactly.
    """

    site: str
    weights: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray
    channels: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    standardized: bool = False
    image: np.ndarray | None = None

    @property
    def exact(self) -> bool:
        """Whether the maps hold for all images."""
        return self.image is None

    @property
    def normalized_weights(self) -> Array:
        """T for the normalised image, of the shape of `weights`."""
        return self.weights / self.scale

    @property
    def normalized_offsets(self) -> Array:
        """b for the normalised image, of the shape of `offsets`."""
        shifts = self.normalized_weights * self.shift
        return self.offsets + shifts.sum(axis=(1, 2, 3))

    def preactivations(self, images: Array) -> Array:
        """<T, x> + b of stored images: float64 array `(images, rows)`."""
        images = np.asarray(images, "float64")
        flat = self.weights.reshape(len(self.weights), -1)
        return images.reshape(len(images), -1) @ flat.T + self.offsets


def templates(
    model: "ImageClassifier",
    site: str,
    positions: str | None = None,
    channels: Sequence[int] | None = None,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> Templates:
    """The templates of units of a gate site, exactly.

    Computed in float64 from the model's float32 weights, block by block.

    Args:
        model: `ImageClassifier`.
        site: String, one of `model.site_names`.
        positions: `"center"`, or a sequence of pairs `(row, column)`. Defaults
            to all positions of the site. None for a dense site.
        channels: Sequence of integers. Defaults to all.
        memory_gib: Float > 0. Bound on the memory of the templates and of what
            computing them holds beside the model.
        progress: Boolean. Whether to show it.

    Raises:
        UserError: if there is no such site, position or channel, the site is
            not affine in the image (then see `linearization`), or memory does
            not suffice.
    """
    site_map = affine_site(model, site)
    units = Units.of(site_map, positions, channels)
    return _assembled(site_map, units, None, memory_gib, progress)


def linearization(
    model: "ImageClassifier",
    site: str,
    image: Array,
    positions: str | None = None,
    channels: Sequence[int] | None = None,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> Templates:
    """The local linearisation of pre-activations at one image.

    Of any family: T is the derivative of q with respect to the stored image,
    and b is such that <T, x> + b is q at this image. In a network of ReLUs that
    holds as long as no ReLU before the site switches; for a site that is affine
    it is what `templates` gives.

    Args:
        image: Array `(height, width, channels)`, pixels from 0 to 255.

    The other arguments, what is returned and what is raised are those of
    `templates`, but that sites need not be affine.
    """
    site_map = SiteMap(model, site)
    units = Units.of(site_map, positions, channels)
    image = np.array(image)
    if image.shape != site_map.image_shape:
        raise UserError(
            f"Expected an image of shape {site_map.image_shape}. Received: "
            f"shape {image.shape}"
        )
    return _assembled(site_map, units, image, memory_gib, progress)


def of_units(
    model: "ImageClassifier",
    site: str,
    units: Sequence[tuple],
    image: Array | None = None,
    memory_gib: float = 1.0,
    site_map: SiteMap | None = None,
) -> Templates:
    """Templates, or a linearisation, of any units one by one.

    Args:
        units: Sequence of tuples `(row, column, channel)`, or `(unit,)` at a
            dense site; each gives a row, in their order.
        image: As for `linearization`. Defaults to `None`: templates, exactly.
        site_map: That of the site, where there is one already.

    All else is as for `templates` and `linearization`.
    """
    if site_map is None:
        site_map = SiteMap(model, site)
    if image is None:
        _check_affine(model, site_map)
    units = Units.listed(site_map, units)
    return _assembled(site_map, units, image, memory_gib)


def is_affine(model: "ImageClassifier", site: str) -> bool:
    """Whether a site's pre-activations are affine in the image.

    They are at all sites of a DLGN and a DLGN-SF (unless it has max pooling),
    and at the first site of every family.
    """
    return SiteMap(model, site).nonlinear is None


def affine_sites(model: "ImageClassifier") -> set[str]:
    """The sites of `preactivations` that are affine in the image.

    Those to which no way leads through a layer that is not affine.
    """
    network = folded(model).preactivation_network
    with double_precision():
        bending = {layer.name for layer in bending_layers(network)}
    bent: set[int] = set()
    for node in calls_of(network):
        taken = {id(x) for x in node.input_tensors}
        if node.operation.name in bending or bent & taken:
            bent |= {id(x) for x in node.outputs}
    made = zip(model.site_names, network.outputs, strict=True)
    return {site for site, q in made if id(q) not in bent}


def affine_site(model: "ImageClassifier", site: str) -> SiteMap:
    """The `SiteMap` of a site, or a `UserError` where it is not affine."""
    site_map = SiteMap(model, site)
    _check_affine(model, site_map)
    return site_map


def _check_affine(model, site_map):
    if site_map.nonlinear is not None:
        raise UserError(
            "Expected a gate site that is affine in the image, as those of a "
            "DLGN are; elsewhere linearization(model, site, image) gives the "
            f"affine map near one image. Received: site={site_map.site} of "
            f"{model.name}, behind {site_map.nonlinear}"
        )


def _assembled(site_map, units, image, memory_gib, progress=False):
    """Takes the normalisation into the map, and fits the offsets."""
    at = np.zeros(site_map.image_shape) if image is None else image
    pixels = site_map.normalized(at[None])
    here = None if image is None else pixels[0]
    weights = derivative(site_map, units, here, memory_gib, progress)
    values = site_map.values(pixels)
    if site_map.standardizes:
        at = pixels[0]
        image = None if image is None else at
    weights *= site_map.scale
    reached = weights.reshape(len(weights), -1) @ at.astype("float64").ravel()
    return Templates(
        site=site_map.site,
        weights=weights,
        offsets=values.reshape(-1)[units.indices] - reached,
        positions=units.positions,
        channels=units.channels,
        scale=site_map.scale,
        shift=site_map.shift,
        standardized=site_map.standardizes,
        image=image,
    )
