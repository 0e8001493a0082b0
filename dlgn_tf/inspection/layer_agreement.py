"""Whether two layers gate alike, over a stream of batches."""

import collections
import math

import numpy as np

# The estimator over pairs of images needs so many images in a batch.
FEWEST = 4

# Dependence on the images, by the mean square of the kernel, that is none.
_ROUNDING = 1e-10


class LayerAgreement:
    """Compares the hard gates of all pairs of layers.

    Layers of one shape are compared unit for unit (in a residual network such
    layers see the same sum). Layers of any shapes are compared by what they
    make of images: the inner product of two images' gates is how many gates
    both have on, a factor of the neural path kernel, and linear CKA (centered
    kernel alignment) is the correlation of two layers' inner products over
    pairs of images: 1 if they hold the same pairs alike.

    CKA is estimated from the pairs within each batch, without bias in the
    batch's size; a batch of fewer than 4 images has none.

    Sources: Kornblith et al. (arXiv 1905.00414); the estimator of HSIC is that
    of Song et al. (JMLR 13, 2012), averaged over batches as in Nguyen et al.
    (arXiv 2010.15327).

    Args:
        shapes: List of the layers' shapes.
    """

    def __init__(self, shapes):
        self._shapes = [tuple(shape) for shape in shapes]
        self._groups = collections.defaultdict(list)
        for index, shape in enumerate(self._shapes):
            self._groups[shape].append(index)
        count = len(shapes)
        self._differing = np.zeros((count, count))
        self._dependence = np.zeros((count, count))
        self._squares = np.zeros(count)
        self._images = 0

    def add(self, gates):
        """Adds a batch: boolean `(images, units)`, one array per layer."""
        images = len(gates[0])
        self._images += images
        for members in self._groups.values():
            bits = np.stack([_packed(gates[k]) for k in members])
            for index, of_layer in zip(members, bits, strict=True):
                differing = np.bitwise_count(bits ^ of_layer)
                self._differing[index, members] += differing.sum(axis=1)
        if images >= FEWEST:
            kernels = np.stack([_common(of_layer) for of_layer in gates])
            self._dependence += images * _unbiased_hsic(kernels)
            self._squares += images * (kernels**2).mean(axis=(1, 2))

    def agreement(self):
        """Share of equal gates `(layers, layers)`; NaN where shapes differ."""
        result = np.full(self._differing.shape, np.nan)
        for shape, members in self._groups.items():
            block = np.ix_(members, members)
            gates = self._images * math.prod(shape)
            result[block] = 1 - self._differing[block] / gates
        return result

    def similarity(self):
        """Linear CKA `(layers, layers)`; about 0 for unrelated layers.

        NaN for a layer whose gates do not depend on the image, or so little
        that the estimate of it is not positive, and if no batch had 4 images.
        """
        own = np.diagonal(self._dependence)
        scale = np.sqrt(np.where(own > _ROUNDING * self._squares, own, np.nan))
        return self._dependence / np.outer(scale, scale)


def _packed(gates):
    """All gates of a layer as bits of 64-bit words, the rest zeros."""
    packed = np.packbits(gates)
    return np.pad(packed, (0, -len(packed) % 8)).view(np.uint64)


def _common(gates):
    """How many gates two images both have on, by the number of units."""
    gates = gates.astype("float32")
    return (gates @ gates.T).astype("float64") / gates.shape[1]


def _unbiased_hsic(kernels):
    """HSIC of all pairs of kernels `(layers, images, images)`.

    The term of Song et al., equation 5, for each pair.
    """
    layers, n, _ = kernels.shape
    kernels = kernels * (1 - np.eye(n))
    flat = kernels.reshape(layers, -1)
    rows = kernels.sum(axis=2)
    totals = rows.sum(axis=1)
    return (
        flat @ flat.T
        + np.outer(totals, totals) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * rows @ rows.T
    ) / (n * (n - 3))
