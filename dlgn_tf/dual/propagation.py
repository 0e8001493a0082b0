"""The covariance of a value network with random weights, layer by layer.

For two images x, x' the covariance of a base is one number for a pair of
positions, K[p, p']. A weight layer needs that of what enters it, summed over
channels: for each term of its input (`dlgn_tf.dual.terms`) the inner products
of masks, one matrix product of all positions of all images at work, times K of
its bases; then sums over slots, and over windows, which run over p and p'
together. Weights that are not learned are taken as they are: scales of batch
normalisation, averages, padding.

With derivatives each covariance has a second part, its derivative in the
variances of all layers, summed: that of the output is the expected tangent
kernel of the weights.

Positions are the leading dimension of both sides: arrays are `(parts,
positions, images, positions', images')`.

Source: the DLGN paper (arXiv 2110.03403), Lemmas 2.1, A.1 and B.1, of which it
is the common case; Theorems 2.1, 3.2 and 3.3 with derivatives.
"""

import math
import time

import numpy as np
from numpy import ndarray as Array
from threadpoolctl import threadpool_limits

from dlgn_tf.dual import blocks, costs
from dlgn_tf.dual.gram import EXACT_IN_FLOAT32, total_bytes
from dlgn_tf.dual.plan import Plan
from dlgn_tf.dual.position_sums import (
    over_slots,
    rows_of,
    taken,
    window_sums,
)
from dlgn_tf.dual.scratch import Scratch
from dlgn_tf.dual.terms import CONSTANT


class Propagation:
    """H(x, x') of any plan.

    Args:
        plan: `Plan`.
        arrays: Dict by name, of those in `plan.shapes`: arrays `(n, ...)` of
            that size; see `dlgn_tf.dual.image_arrays`.
        others: The same of m other images, or None: the same images.
        derivatives: Boolean. Whether it is the derivative that is returned.
        single: Boolean. Whether all inner products of masks are computed in
            float32. Those of hard gates always are, which is exact.
    """

    def __init__(
        self,
        plan: Plan,
        arrays: dict[str, Array],
        others: dict[str, Array] | None = None,
        derivatives: bool = False,
        single: bool = False,
    ) -> None:
        self._plan = plan
        self._left = self._right = self._by_sites(arrays)
        if others is not None:
            self._right = self._by_sites(others)
        self._symmetric = others is None
        self._parts = 2 if derivatives else 1
        self._single = single

    def _by_sites(self, arrays):
        return {
            name: arrays[name].reshape(-1, *shape)
            for name, shape in self._plan.shapes.items()
        }

    def __call__(
        self, memory_gib: float = 1.0, progress: bool = False
    ) -> Array:
        """The kernel, float64 `(n, m)`, within the memory."""
        if progress:
            seconds = self.expected_seconds(
                *self.shape, self._symmetric, memory_gib
            )
            print(f"kernel: about {seconds:.0f} s")
        return blocks.fill_within(
            self.of_block,
            self.shape,
            self._symmetric,
            self.block_bytes,
            memory_gib,
            progress,
            held=self.nbytes,
            most=self.most,
        )

    def expected_seconds(
        self,
        rows: int,
        columns: int,
        symmetric: bool,
        memory_gib: float = 1.0,
    ) -> float:
        """About how long a kernel takes whose blocks are as the first one.

        It may have more rows and columns than there are images here. A
        `UserError` says that memory does not suffice, before anything is tried.
        """
        side, workers, _ = blocks.fitting(
            (rows, columns),
            self.block_bytes,
            memory_gib,
            self.nbytes,
            min(self.most, *self.shape),
        )
        with threadpool_limits(1, user_api="blas"):
            # The first block of all finds nothing in the cache.
            for count in (1, side):
                began = time.perf_counter()
                self.of_block(blocks.Block(slice(count), slice(count), False))
                spent = time.perf_counter() - began
        pairs = blocks.pairs((rows, columns), symmetric)
        return spent * pairs / side**2 / workers

    @property
    def _sides(self):
        return self._left, self._right

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = (len(next(iter(x.values()))) for x in self._sides)
        return rows, columns

    @property
    def nbytes(self) -> int:
        return total_bytes(*(x.values() for x in self._sides))

    @property
    def most(self) -> int:
        """Rows and columns of a block beyond which nothing is gained."""
        return costs.most_images(self._plan)

    def block_bytes(self, side: int) -> int:
        """Memory of a block of `side` rows and columns."""
        pairs, images = costs.numbers_held(self._plan)
        return 8 * (self._parts * side * side * pairs + 2 * side * images)

    def of_block(self, block: blocks.Block) -> Array:
        """float64 `(rows, columns)`."""
        left = _Images(self._left, block.rows, self._single)
        right = left
        if not block.diagonal:
            right = _Images(self._right, block.columns, self._single)
        covariances: dict = {(CONSTANT,): None}
        work = Scratch()
        for step in self._plan.steps:
            for first, rest in step.sums:
                total = covariances[first] + covariances[(rest[0],)]
                for base in rest[1:]:
                    total += covariances[(base,)]
                covariances[(*first, *rest)] = total
            layer = step.layer
            made = self._of_layer(layer, left, right, covariances, work)
            covariances[(layer.base,)] = made
            for bases in step.gone:
                covariances.pop(bases, None)
            left.forget(step.masks)
            right.forget(step.masks)
        return made[-1, 0, :, 0]

    def _of_layer(self, layer, left, right, covariances, work):
        """The covariance of the base that a layer makes."""
        if layer.window is None:
            made = self._flat(layer, left, right, covariances)
        else:
            total = self._total(layer, left, right, covariances, work)
            made = window_sums(
                total, layer.window, layer.space, layer.after, work
            )
        if layer.learned and self._parts == 2:
            # The derivative by the variance of this layer itself.
            value = made[0].copy()
            made *= layer.variance
            made[1] += value
        else:
            made *= layer.variance
        return made

    def _total(self, layer, left, right, covariances, work):
        """The covariance, summed over channels, of what enters a layer."""
        positions = math.prod(layer.space)
        shape = self._parts, positions, left.count, positions, right.count
        for index, pair in enumerate(layer.pairs):
            base = covariances[pair.bases]
            product = self._entering(pair, left, right, base, work)
            if len(layer.pairs) == 1 and product.shape == shape:
                # A pass less over all numbers.
                return product
            total = work.array("total", shape=shape)
            if index:
                total += product
            else:
                total[:] = product
        return total

    def _entering(self, pair, left, right, base, work):
        """What a pair of terms adds to the covariance at each position."""
        first, second = self._operands(pair, left, right)
        shape = *first.shape[:2], *second.shape[:2]
        gram = work.array("gram", first.dtype, shape)
        rows, columns = rows_of(first), rows_of(second)
        np.matmul(rows, columns.T, out=gram.reshape(len(rows), len(columns)))
        copied = base is not None and pair.moves
        if copied:
            base = taken(taken(base, pair.left.rows, 1), pair.right.rows, 3)
        product = self._times(gram, base, pair, work, copied)
        return over_slots(over_slots(product, pair.left, 1), pair.right, 3)

    def _operands(self, pair, left, right):
        """Masks of both terms, `(sites, images, channels)`.

        Sides of length 1 stand for all.
        """
        low, high = pair.left.channels
        masks = pair.left.mask, pair.right.mask
        hard = all(mask is None or mask.hard for mask in masks)
        exact = hard and high - low <= EXACT_IN_FLOAT32
        dtype = "float32" if exact or self._single else "float64"
        return [
            np.ones((1, 1, high - low), dtype)
            if mask is None
            else side.mask(mask).astype(dtype, copy=False)
            for mask, side in zip(masks, (left, right), strict=True)
        ]

    def _times(self, gram, base, pair, work, copied):
        """Inner products times a covariance that has a dimension of parts.

        None is that of `CONSTANT`; a copied one is overwritten.
        """
        factor, inverses = pair.left.factor, pair.left.inverses
        shape = (self._parts, *gram.shape) if base is None else base.shape
        product = base if copied else work.array("product", shape=shape)
        if base is not None:
            np.multiply(base, gram, out=product)
        else:
            product[0] = gram
            product[1:] = 0
        if factor != 1.0:
            product *= factor
        if self._parts == 2 and inverses:
            product[1] += inverses * product[0]
        return product

    def _flat(self, layer, left, right, covariances):
        """The sum over all units of what a layer sees."""
        total = np.zeros((self._parts, 1, left.count, 1, right.count))
        for pair in layer.pairs:
            base = covariances[pair.bases]
            total[:, 0, :, 0] += self._units(layer, pair, left, right, base)
        return total

    def _units(self, layer, pair, left, right, base):
        """What a pair of terms adds to it, `(parts, images, images')`."""
        work = Scratch()
        operands = self._operands(pair, left, right)
        positions = math.prod(layer.space)
        total = np.zeros((self._parts, left.count, right.count))
        for slots in np.ndindex(pair.left.slots, pair.right.slots):
            at = [
                slice(slot * positions, (slot + 1) * positions)
                for slot in slots
            ]
            first, second = (
                x if len(x) == 1 else x[k]
                for x, k in zip(operands, at, strict=True)
            )
            gram = np.matmul(first, np.swapaxes(second, 1, 2))
            if base is None:
                product = self._times(gram, None, pair, work, False)
            else:
                rows = [
                    np.arange(positions) if x.rows is None else x.rows[k]
                    for x, k in zip((pair.left, pair.right), at, strict=True)
                ]
                # Of each position with itself: `(positions, parts, ...)`.
                diagonal = base[:, rows[0], :, rows[1], :]
                diagonal = np.moveaxis(diagonal, 0, 1)
                product = self._times(gram, diagonal, pair, work, True)
            for term, k in zip((pair.left, pair.right), at, strict=True):
                if term.weights is not None:
                    product *= term.weights[k][:, None, None]
            shape = (self._parts, positions, left.count, right.count)
            total += np.broadcast_to(product, shape).sum(axis=1)
        return total


class _Images:
    """What is known of some images, and masks that were made of it.

    Products of masks are exact, or as exact as sums of them are to be.
    """

    def __init__(self, arrays, images, single):
        self.count = images.stop - (images.start or 0)
        self._leaves = {
            name: np.ascontiguousarray(
                np.swapaxes(array[images], 0, 1),
                None if single or array.dtype == "uint8" else "float64",
            )
            for name, array in arrays.items()
        }
        self._known = {}

    def mask(self, mask):
        return mask.of(self._leaves, self._known)

    def forget(self, masks):
        for mask in masks:
            self._known.pop(mask, None)
