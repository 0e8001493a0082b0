"""The kernel of circular convolutions and global average pooling.

Paths that share all weights differ in where they start, and there are as many
as positions. So the kernel is a sum over all rotations r of the second image,
and for each of them a recursion from the pooling back to the input. With the
layers' inner products at each position,

    s_l[f] = <G_l(x)[f], G_l(x')[f + r]>,
    M_L[j] = 1,   M_{l-1}[j] = sum over f whose window holds j of s_l[f] M_l[f],
    H(x, x') = sum_r sum_j <x[j], x'[j + r]> M_0[j] / positions^2.

Positions of the first image are the leading dimensions of all arrays, the
first image, the rotation along the height and the second image the last ones.
Then s_l is one matrix product a position, of all rotations along the height at
once, and the sum over a window adds whole matrices. Rotations along the width
come one after another; each pairs other positions and copies nothing. So few
images are worked on at a time that a processor's cache holds what is made of
them.

The last sum over a window, of s_1 M_1, is moved to the inputs: the inner
product with the sum is that of s_1 M_1 with inner products of patches.

Inner products of hard gates are whole numbers. They are computed in float32,
and so are the sums for as many layers as they are sure to stay exact.

Of c4gap with 32 channels on images of 32x32 it reaches a third of the rate of a
matrix product: inner products of so few channels take 37 % of the time, sums
over windows 35 %, products of both 27 %, whatever the size of the blocks.

Source: the DLGN paper (arXiv 2110.03403), appendix A, Lemma A.1.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual.blocks import Block
from dlgn_tf.dual.gram import (
    EXACT_IN_FLOAT32,
    check_same_layers,
    is_hard,
    power_scales,
    total_bytes,
)
from dlgn_tf.dual.scratch import Scratch
from dlgn_tf.errors import UserError

# Positions times rotations along the height times pairs that are worked on at
# a time: 2 MiB in float64.
_NUMBERS = 2**18
# Fewer rows make slow matrix products.
_ROWS = 8
_SMALLEST_FLOAT32 = 2.0**-100


class RotationSum:
    """H(x, x') of convolutions and pooling, normalised, for blocks of pairs.

    Calling it gives float64 `(rows, columns)` of a `Block`.

    Args:
        images: List of arrays: gates `(n, height, width, w_l)`, one a
            convolution, and last the inputs `(n, height, width, channels)`.
        windows: Sequence of pairs of integers, height and width of each
            convolution's window.
        others: The same of m other images, or None: the same images.
        factors: Floats > 0, one per convolution, that its sums over units and
            window are multiplied by. Defaults to 1 / (w_l * window).
        single: Boolean. Whether inner products of soft gates are in float32
            too.

    Raises:
        UserError: if shapes do not fit one another.
    """

    def __init__(
        self,
        images: Sequence[Array],
        windows: Sequence[tuple[int, int]],
        others: Sequence[Array] | None = None,
        factors: Sequence[float] | Array | None = None,
        single: bool = False,
    ) -> None:
        self._single = single
        self._left = self._right = images
        _check_resolution(images)
        if others is not None:
            self._right = others
            _check_resolution(others)
            check_same_layers(images, others)
        self._windows = windows
        self._space = images[-1].shape[1:3]
        if factors is None:
            factors = [
                1.0 / (gates.shape[-1] * math.prod(window))
                for gates, window in zip(images[:-1], windows, strict=True)
            ]
        self._plan(factors)

    def _plan(self, factors):
        """Types and scales of every layer, from the last to the first."""
        sides = (self._left,)
        if self._right is not self._left:
            sides += (self._right,)
        self._of_grams, self._of_sums = [], []
        self._scales, self._rest = power_scales(reversed(factors))
        largest, scale = 1.0, 1.0
        for layer, power in zip(
            reversed(range(len(self._windows))), self._scales, strict=True
        ):
            of_both = [side[layer] for side in sides]
            scale *= power
            hard = all(map(is_hard, of_both))
            most = min(map(_most_open, of_both)) if hard else math.inf
            largest *= most * math.prod(self._windows[layer])
            # Whatever is summed is such a number times a whole one.
            exact = largest <= EXACT_IN_FLOAT32 and (
                _SMALLEST_FLOAT32 < scale < 1 / _SMALLEST_FLOAT32
            )
            narrow = hard or self._single
            self._of_grams.append("float32" if narrow else "float64")
            self._of_sums.append("float32" if exact else "float64")
        self._rest /= math.prod(self._space) ** 2

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._left[-1]), len(self._right[-1])

    @property
    def nbytes(self) -> int:
        return total_bytes(self._left, self._right)

    @property
    def most(self) -> int:
        """Rows and columns of a block that a processor's cache holds."""
        pairs = self._pairs
        return max(1, math.isqrt(pairs), min(_ROWS, pairs))

    @property
    def _pairs(self):
        """Pairs of images that are worked on at a time."""
        return _NUMBERS // (math.prod(self._space) * self._space[0])

    def _columns(self, side):
        """How many columns of a block are computed at a time."""
        # On the diagonal the rows below them are left out: so, not all.
        return max(1, min(-(-side // 4), self._pairs // max(1, side)))

    def block_bytes(self, side: int) -> int:
        """Memory of a block of `side` rows and columns."""
        positions, height = math.prod(self._space), self._space[0]
        units = sum(g.shape[-1] for g in self._left[:-1])
        units += 2 * self._left[-1].shape[-1] * math.prod(self._windows[0])
        columns = -(-side // 4)
        operands = (side + 4 * columns) * units
        pairs = min(side * columns, max(side, self._pairs)) * height
        # Three arrays of each type.
        numbers = positions * (operands + 3 * 1.5 * pairs) + 4 * side * side
        return int(8 * numbers)

    def __call__(self, block: Block) -> Array:
        left = self._operands(self._left, block.rows)
        for gates, scale in zip(left, self._scales, strict=False):
            gates *= gates.dtype.type(scale)
        rows = left[0].shape[2]
        first, last = block.columns.start, block.columns.stop
        step = self._columns(max(rows, last - first))
        work = Scratch()
        total = np.empty((rows, last - first))
        for start in range(0, last - first, step):
            part = slice(start, min(start + step, last - first))
            images = slice(first + part.start, first + part.stop)
            right = self._operands(self._right, images)
            right = list(map(_rotations, right))
            # Of a symmetric block no more than down to the diagonal.
            above = slice(0, part.stop if block.diagonal else rows)
            of_rows = [operand[:, :, above] for operand in left]
            total[above, part] = self._sum(of_rows, right, work)
            if block.diagonal:
                total[part, above] = total[above, part].T
        total *= self._rest
        return total

    def _sum(self, left, right, work):
        """`(rows, columns)`, the sum over all rotations."""
        height, width, rows, _ = left[0].shape
        columns = right[0].shape[-1] // height
        work.shape = (height, width, rows, height * columns)
        total = 0.0
        for shift in range(width):
            total = total + self._of_shift(left, right, shift, work)
        return total.reshape(rows, height, columns).sum(axis=1)

    def _operands(self, arrays, images):
        """Gates from the last layer to the first, then patches of inputs.

        Each is `(height, width, images, units)`.
        """
        *gates, inputs = (np.moveaxis(array[images], 0, 2) for array in arrays)
        pairs = zip(reversed(gates), self._of_grams, strict=True)
        operands = [gate.astype(dtype, order="C") for gate, dtype in pairs]
        return [*operands, _patches(inputs, self._windows[0])]

    def _of_shift(self, left, right, shift, work):
        """`(rows, height * columns)`: the terms of rotations along the height.

        The image is rotated along the width by `shift`.
        """
        terms, sums = None, 1
        for layer, dtype in enumerate(self._of_sums):
            if terms is not None:
                # Of the layer after this one: the recursion runs backwards.
                sums = _window_sums(terms, self._windows[-layer], work)
            grams = work.array("terms", left[layer].dtype)
            _grams(left[layer], right[layer], shift, grams)
            terms = work.array("terms", dtype)
            np.multiply(grams, sums, out=terms, dtype=dtype)
        of_patches = work.array("between", "float64")
        _grams(left[-1], right[-1], shift, of_patches)
        of_patches *= terms
        return of_patches.reshape(-1, *of_patches.shape[2:]).sum(axis=0)


def _check_resolution(arrays):
    shapes = [array.shape for array in arrays]
    if len({shape[:3] for shape in shapes}) > 1:
        raise UserError(
            "Expected gates and inputs of as many images and one resolution. "
            f"Received: shapes {shapes}"
        )


def _most_open(gates):
    """The most open gates of an image at one position."""
    return max((float(gate.sum(axis=-1).max()) for gate in gates), default=0)


def _patches(inputs, window):
    """float64 `(height, width, images, window * channels)`.

    Windows are centred as 'same' padding centres them.
    """
    inputs = inputs.astype("float64")
    corners = itertools.product(
        *(
            range((side - 1) // 2 - side + 1, (side - 1) // 2 + 1)
            for side in window
        )
    )
    shifted = [np.roll(inputs, corner, axis=(0, 1)) for corner in corners]
    return np.concatenate(shifted, axis=-1)


def _rotations(operand):
    """The columns of all rotations along the height, side by side.

    `(height, width, columns, units)` becomes `(height, width, units, height *
    columns)`, which repeats what it holds: at [y] are rows y, y + 1, ... of
    each image, then from row 0 on.
    """
    height, width, columns, units = operand.shape
    # In this order in memory too, or matrix products take twice as long.
    twice = np.empty((width, units, 2 * height, columns), operand.dtype)
    twice[:, :, :height] = np.transpose(operand, (1, 3, 0, 2))
    twice[:, :, height:] = twice[:, :, :height]
    twice = twice.reshape(width, units, 2 * height * columns)
    along_width, along_units, along_rows = twice.strides
    return np.lib.stride_tricks.as_strided(
        twice,
        (height, width, units, height * columns),
        (columns * along_rows, along_width, along_units, along_rows),
        writeable=False,
    )


def _grams(left, right, shift, out):
    """left[y, x] @ right[y, x + shift] for every position (y, x).

    `(height, width, rows, units)` by what `_rotations` makes.
    """
    for here, there in _wrapped(left.shape[1], shift):
        np.matmul(left[:, here], right[:, there], out=out[:, here])


def _window_sums(terms, window, work):
    """sums[j] = sum over f whose window holds j of terms[f]."""
    source = terms
    for axis, side in enumerate(window):
        before = (side - 1) // 2
        shifts = [s for s in range(before - side + 1, before + 1) if s]
        if not shifts:
            continue
        target = work.array(("between", "sums")[axis], terms.dtype)
        first = source
        for shift in shifts:
            for here, there in _wrapped(source.shape[axis], shift):
                at, of = ((slice(None),) * axis + (x,) for x in (here, there))
                np.add(first[at], source[of], out=target[at])
            first = target
        source = target
    if source is terms:
        # A window of one position; the terms are written over next.
        source = work.array("sums", terms.dtype)
        source[:] = terms
    return source


def _wrapped(length, shift):
    """Slices of positions i, and of i + shift on a circle, in two parts."""
    shift %= length
    pairs = [
        (slice(0, length - shift), slice(shift, length)),
        (slice(length - shift, length), slice(0, shift)),
    ]
    return pairs if shift else pairs[:1]
