"""The kernel of circular convolutions and global average pooling.

Paths that share all weights differ in where they start, and there are as many
as positions. So the kernel is a sum over all rotations r of the second image,
and for each of them a recursion from the pooling back to the input. With the
layers' inner products at each position,

    s_l[f] = <G_l(x)[f], G_l(x')[f + r]>,
    M_L[j] = 1,   M_{l-1}[j] = sum over f whose window holds j of s_l[f] M_l[f],
    H(x, x') = sum_r sum_j <x[j], x'[j + r]> M_0[j] / positions^2.

Positions are the leading dimensions here and pairs of images the last two:
s_l is then one matrix product a position, a rotation is another pairing of
positions, which copies nothing, and the sum over a window adds whole matrices.
Blocks of pairs are so small that the recursion stays in a processor's cache.

The last sum over a window, of s_1 M_1, is moved to the inputs: the inner
product with the sum is that of s_1 M_1 with inner products of patches.

Inner products of hard gates are whole numbers. They are computed in float32,
and so are the sums for as many layers as they are sure to stay exact.

Source: the DLGN paper (arXiv 2110.03403), appendix A, Lemma A.1.
"""

import itertools
import math

import numpy as np

from dlgn_tf.dual.gram import EXACT_IN_FLOAT32
from dlgn_tf.dual.gram import check_same_layers
from dlgn_tf.dual.gram import is_hard
from dlgn_tf.dual.gram import total_bytes
from dlgn_tf.errors import UserError

# Positions times pairs that are worked on at a time: 2 MiB in float64.
_NUMBERS = 2**18
_SMALLEST_FLOAT32 = 2.0**-100


class RotationSum:
    """H(x, x') of convolutions and pooling, normalised, for blocks of pairs.

    Args:
        images: List of arrays: gates `(n, height, width, w_l)`, one a
            convolution, and last the inputs `(n, height, width, channels)`.
        windows: Sequence of pairs of integers, height and width of each
            convolution's window.
        others: The same of m other images, or None: the same images.

    Call arguments:
        block: `dlgn_tf.dual.blocks.Block`.

    Returns:
        float64 array `(rows, columns)`.

    Raises:
        UserError: if shapes do not fit one another.
    """

    def __init__(self, images, windows, others=None):
        self._left = self._right = images
        _check_resolution(images)
        if others is not None:
            self._right = others
            _check_resolution(others)
            check_same_layers(images, others)
        self._windows = windows
        self._space = images[-1].shape[1:3]
        self._plan()

    def _plan(self):
        """Types and scales of every layer, from the last to the first."""
        sides = (self._left,)
        if self._right is not self._left:
            sides += (self._right,)
        self._of_grams, self._of_sums, self._scales = [], [], []
        self._rest, largest, scale = 1.0, 1.0, 1.0
        for layer in reversed(range(len(self._windows))):
            of_both = [side[layer] for side in sides]
            divisor = of_both[0].shape[-1] * math.prod(self._windows[layer])
            # A power of two scales without rounding.
            power = 2.0 ** -round(math.log2(divisor))
            self._rest /= divisor * power
            scale *= power
            hard = all(map(is_hard, of_both))
            most = min(map(_most_open, of_both)) if hard else math.inf
            largest *= most * math.prod(self._windows[layer])
            exact = largest <= EXACT_IN_FLOAT32 and scale > _SMALLEST_FLOAT32
            self._scales.append(power)
            self._of_grams.append("float32" if hard else "float64")
            self._of_sums.append("float32" if exact else "float64")
        self._rest /= math.prod(self._space) ** 2

    @property
    def shape(self):
        return len(self._left[-1]), len(self._right[-1])

    @property
    def nbytes(self):
        return total_bytes(self._left, self._right)

    @property
    def most(self):
        """Rows and columns of a block that a processor's cache holds."""
        return max(1, math.isqrt(_NUMBERS // math.prod(self._space)))

    def block_bytes(self, side):
        """Memory of a block of `side` rows and columns."""
        units = sum(g.shape[-1] for g in self._left[:-1])
        patch = self._left[-1].shape[-1] * math.prod(self._windows[0])
        # Of both sides, and what turning the axes of one layer holds besides.
        operands = 2 * side * (units + 2 * patch)
        pairs = side * side * (_Work.SLOTS * 12 / 8)
        positions = math.prod(self._space)
        return int(8 * (positions * (operands + pairs) + 4 * side * side))

    def __call__(self, block):
        left = self._operands(self._left, block.rows)
        right = self._operands(self._right, block.columns)
        for gates, scale in zip(left, self._scales, strict=False):
            gates *= gates.dtype.type(scale)
        for index, operand in enumerate(right):
            right[index] = np.swapaxes(operand, 2, 3).copy()
        pairs = (left[0].shape[2], right[0].shape[3])
        work = _Work((*self._space, *pairs))
        total = np.zeros(pairs)
        for rotation in itertools.product(*map(range, self._space)):
            opposite = tuple(
                -r % side for r, side in zip(rotation, self._space, strict=True)
            )
            if block.diagonal and rotation > opposite:
                continue
            part = self._of_rotation(left, right, rotation, work)
            total += part
            if block.diagonal and rotation != opposite:
                # To rotate the one image back is to rotate the other.
                total += part.T
        total *= self._rest
        return total

    def _operands(self, arrays, images):
        """Gates from the last layer to the first, then patches of inputs.

        Each is `(height, width, images, units)`.
        """
        *gates, inputs = (np.moveaxis(array[images], 0, 2) for array in arrays)
        pairs = zip(reversed(gates), self._of_grams, strict=True)
        operands = [gate.astype(dtype, order="C") for gate, dtype in pairs]
        return [*operands, _patches(inputs, self._windows[0])]

    def _of_rotation(self, left, right, rotation, work):
        """`(rows, columns)`, the terms of one rotation."""
        terms, sums = None, 1
        for layer, dtype in enumerate(self._of_sums):
            if terms is not None:
                # Of the layer after this one: the recursion runs backwards.
                sums = _window_sums(terms, self._windows[-layer], work)
            grams = work.array("terms", left[layer].dtype)
            _grams(left[layer], right[layer], rotation, grams)
            terms = work.array("terms", dtype)
            np.multiply(grams, sums, out=terms, dtype=dtype)
        of_patches = work.array("between", "float64")
        _grams(left[-1], right[-1], rotation, of_patches)
        of_patches *= terms
        return of_patches.reshape(-1, *of_patches.shape[2:]).sum(axis=0)


class _Work:
    """Arrays that are written again and again, by name and type."""

    SLOTS = 3

    def __init__(self, shape):
        self._shape = shape
        self._arrays = {}

    def array(self, name, dtype):
        key = name, np.dtype(dtype)
        if key not in self._arrays:
            self._arrays[key] = np.empty(self._shape, dtype)
        return self._arrays[key]


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


def _grams(left, right, rotation, out):
    """left[f] @ right[f + rotation] for every position f.

    Args:
        left: Array `(height, width, rows, units)`.
        right: Array `(height, width, units, columns)`.
        rotation: Tuple of two integers.
        out: Array `(height, width, rows, columns)`.
    """
    parts = (
        _wrapped(side, shift)
        for side, shift in zip(left.shape, rotation, strict=False)
    )
    for (rows, other_rows), (columns, other_columns) in itertools.product(
        *parts
    ):
        np.matmul(
            left[rows, columns],
            right[other_rows, other_columns],
            out=out[rows, columns],
        )


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
