"""Derivatives of pre-activations by the image, in blocks under a bound."""

import math

import numpy as np
from keras import ops

from dlgn_tf.command.memory import GIB, least_gib
from dlgn_tf.command.progress import Progress
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.autodiff import compiled, double_precision
from dlgn_tf.inspection.units import Units

# Rows of a block beyond which nothing is gained.
_MOST = 64
# Rows up to which making a graph takes longer than doing without.
_FEW = 8


def derivative(site_map, units, image=None, memory_gib=1.0, progress=False):
    """The derivative of units of a site by the normalised image.

    Units are pulled back one by one. Where an affine site is asked for more of
    them than an image has numbers, one basis image after the other is pushed
    forward instead, which gives the same.

    What is returned is float64, `(units, height, width, channels)`; a
    `UserError` says if memory does not suffice.

    Args:
        site_map: `SiteMap`.
        units: `Units` of its site.
        image: Normalised image `(height, width, channels)` at which the
            derivative is taken; None where it is the same at all.
        memory_gib: Float > 0. Bound on the result and what is held besides.
        progress: Boolean. Whether to show it.
    """
    block = _block(site_map, len(units), memory_gib)
    pixels = math.prod(site_map.image_shape)
    # A pass forward is half the work of one back.
    push = image is None and pixels < 2 * len(units)
    count = pixels if push else len(units)
    block = min(block, count)
    if image is None:
        image = np.zeros(site_map.image_shape)
    untraced = count * site_map.untraced_row_bytes
    traced = count > _FEW or untraced > memory_gib * GIB
    given = site_map, units, image, block
    result = np.empty((len(units), *site_map.image_shape))
    show = Progress(site_map.site, 0, count, "row", silent=not progress)
    with double_precision():
        compute = _Pushed(*given) if push else _Pulled(*given, traced)
        for first in range(0, count, block):
            last = min(first + block, count)
            compute(first, last, result.reshape(len(units), -1))
            show.update(last, line=last == count)
    return result


def lengths(site_map, memory_gib=1.0):
    """Length of the derivative of each unit of an affine site.

    That by the stored image, of the units as they lie in the flattened site: a
    float64 array `(units,)`. Derivatives themselves are not held.

    Args:
        site_map: `SiteMap`.
        memory_gib: Float > 0. Bound on what computing them holds.
    """
    units, pixels = Units.of(site_map), math.prod(site_map.image_shape)
    block = min(_block(site_map, 0, memory_gib), pixels)
    scales = np.resize(site_map.scale, pixels)
    squares = np.zeros(len(units))
    with double_precision():
        pushed = _Pushed(site_map, units, np.zeros(site_map.image_shape), block)
        for first in range(0, pixels, block):
            last = min(first + block, pixels)
            columns = pushed.columns(first, last)
            squares += scales[first:last] ** 2 @ columns**2
    return np.sqrt(squares)


class _Pulled:
    """Rows of the derivative: each unit's own, pulled back to the image."""

    def __init__(self, site_map, units, image, block, traced):
        self._shape = (block, *site_map.shape)
        self._indices = units.indices
        self._pull = site_map.pullback(image, block, traced)

    def __call__(self, first, last, result):
        chosen = self._indices[first:last]
        cotangents = np.zeros((self._shape[0], math.prod(self._shape[1:])))
        cotangents[np.arange(last - first), chosen] = 1
        rows = self._pull(cotangents.reshape(self._shape))
        result[first:last] = rows[: last - first].reshape(last - first, -1)


class _Pushed:
    """Columns of an affine map: what each number of the image adds."""

    def __init__(self, site_map, units, image, block):
        self._indices = units.indices
        self._shape = (block, *image.shape)
        self._forward = compiled(site_map)
        self._offsets = self._at(np.zeros(self._shape))[0]

    def _at(self, images):
        values = self._forward(ops.convert_to_tensor(images, "float64"))
        values = ops.convert_to_numpy(values).reshape(len(images), -1)
        return values[:, self._indices]

    def columns(self, first, last):
        """Of each of these numbers of the image a row `(units,)`."""
        images = np.zeros((self._shape[0], math.prod(self._shape[1:])))
        images[np.arange(last - first), np.arange(first, last)] = 1
        values = self._at(images.reshape(self._shape)) - self._offsets
        return values[: last - first]

    def __call__(self, first, last, result):
        result[:, first:last] = self.columns(first, last).T


def _block(site_map, rows, memory_gib):
    """How many rows at a time, or a `UserError`."""
    pixels = math.prod(site_map.image_shape)
    held = 8 * rows * pixels
    each = site_map.row_bytes + 8 * (2 * math.prod(site_map.shape) + pixels)
    block = int((memory_gib * GIB - held) // each)
    if block >= 1:
        return min(block, _MOST)
    raise UserError(
        f"{rows} templates of {site_map.site} do not fit: they take "
        f"{held:,} bytes. Expected fewer units, or memory_gib of at least "
        f"{least_gib(held + each)}. Received: memory_gib={memory_gib}"
    )
