"""Inner products of gates and of inputs, for blocks of pairs of images."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual.blocks import Block
from dlgn_tf.errors import UserError

# Whole numbers up to here are float32 numbers.
EXACT_IN_FLOAT32 = 2**24

# Gates that are looked at together.
_LOOKED_AT = 2**16


class GateProduct:
    """prod_l factor_l <G_l(x), G_l(x')> over some fully connected layers.

    Inner products of hard gates are whole numbers, so they are computed in
    float32, which is twice as fast and exact; those of soft gates in float64.

    Calling it gives float64 `(rows, columns)` of a `Block`, the number 1.0 of
    no layers.

    Args:
        gates: Sequence of arrays `(n, w_l)`, one per layer; may be empty.
        others: The same of m other images, or None: the same images.
        factors: Floats > 0, one per layer. Defaults to 1 / w_l.
        single: Boolean. Whether those of soft gates are in float32 too.

    Raises:
        UserError: if the two sets have other layers.
    """

    _of = "gates"

    def __init__(
        self,
        gates: Sequence[Array],
        others: Sequence[Array] | None = None,
        factors: Sequence[float] | Array | None = None,
        single: bool = False,
    ) -> None:
        self._left = [np.asarray(g) for g in gates]
        self._right = self._left
        if others is not None:
            self._right = [np.asarray(g) for g in others]
            check_same_layers(self._left, self._right)
        for g in self._left:
            check_rank(g, 2, f"{self._of} of a fully connected layer")
        self._dtypes = [
            "float32" if single else _exact_dtype((a, b), a.shape[1])
            for a, b in zip(self._left, self._right, strict=True)
        ]
        if factors is None:
            factors = [1.0 / width for width in self.widths]
        self._scales, self._rest = power_scales(factors, power=2)

    @property
    def widths(self) -> list[int]:
        return [g.shape[1] for g in self._left]

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return total_bytes(self._left, self._right)

    def block_bytes(self, side: int) -> int:
        """Memory of a block of `side` rows and columns."""
        return 8 * (2 * side * side + 2 * side * max(self.widths, default=0))

    def __call__(self, block: Block) -> Array | float:
        product = None
        layers = zip(
            self._left, self._right, self._dtypes, self._scales, strict=True
        )
        for left, right, dtype, scale in layers:
            gram = _gram(left, right, block, dtype, scale)
            if product is None:
                product = gram.astype("float64", copy=False)
            else:
                product *= gram
        if product is None:
            return 1.0
        product *= self._rest
        return product


class InputProduct(GateProduct):
    """<x, x'>, as `GateProduct` for inputs `(n, d_in)`."""

    _of = "inputs"

    def __init__(self, inputs: Array, others: Array | None = None) -> None:
        super().__init__([inputs], None if others is None else [others], [1.0])

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._left[0]), len(self._right[0])


def _exact_dtype(arrays, largest):
    """The narrowest type in which sums of products up to `largest` are exact.

    `"float32"` for hard gates with sums that it can hold, or `"float64"`, in
    which soft ones are as exact as can be.
    """
    hard = largest <= EXACT_IN_FLOAT32 and all(map(is_hard, arrays))
    return "float32" if hard else "float64"


def power_scales(
    factors: Sequence[float] | Array, power: int = 1
) -> tuple[list[float], float]:
    """Powers of two that stand for factors > 0, and what they leave over.

    Such a number scales without rounding; each is multiplied by `power` times.
    What is left over is made up for by the next one, so that it stays about 1
    however many there are, and no product on the way is larger or smaller than
    it has to be. The float that is returned is what the product of their powers
    is to be multiplied by for that of the factors.
    """
    scales, rest = [], 1.0
    for factor in factors:
        scales.append(2.0 ** round(math.log2(rest * factor) / power))
        rest *= factor / scales[-1] ** power
    return scales, rest


def is_hard(gates: Array) -> bool:
    """Whether all gates are 0 or 1."""
    gates = np.asarray(gates)
    if gates.dtype == bool:
        return True
    # Some images at a time: a comparison of all is as large as their gates.
    step = max(1, _LOOKED_AT * len(gates) // max(gates.size, 1))
    parts = (gates[k : k + step] for k in range(0, len(gates), step))
    return all(np.all((part == 0) | (part == 1)) for part in parts)


def _gram(left, right, block, dtype, scale=1.0):
    """Inner products of both sides, each multiplied by `scale` before."""

    def scaled(array):
        array = array.astype(dtype, copy=scale != 1.0)
        if scale != 1.0:
            array *= array.dtype.type(scale)
        return array

    rows = scaled(left[block.rows])
    if block.diagonal:
        # NumPy sees the same array twice and computes one half only.
        return rows @ rows.T
    return rows @ scaled(right[block.columns]).T


def total_bytes(left: Iterable[Array], right: Iterable[Array]) -> int:
    """Memory of two lists of arrays, which may be the same ones."""
    arrays = {id(array): array for array in (*left, *right)}
    return sum(array.nbytes for array in arrays.values())


def check_rank(array: Array, rank: int, what: str) -> None:
    """Raises a `UserError` unless an array has so many dimensions."""
    if array.ndim != rank:
        raise UserError(
            f"Expected {what} as arrays of {rank} dimensions, the first of "
            f"them images. Received: shape {array.shape}"
        )


def check_same_layers(left: Sequence[Array], right: Sequence[Array]) -> None:
    """Raises a `UserError` unless all shapes but for the images are equal."""
    shapes, others = ([a.shape[1:] for a in side] for side in (left, right))
    if shapes != others:
        raise UserError(
            f"Expected both sets of images with layers of shapes {shapes}. "
            f"Received: {others}"
        )


def check_same_images(gates: Sequence[Array], inputs: Array) -> None:
    """Raises a `UserError` unless there are as many gates as inputs."""
    for array in gates:
        if len(array) != len(inputs):
            raise UserError(
                f"Expected gates of {len(inputs)} images, as there are inputs. "
                f"Received: gates of {len(array)}"
            )
