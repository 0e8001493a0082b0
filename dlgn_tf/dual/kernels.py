"""Neural path kernels from gates and inputs, without enumerating paths.

A path of a network goes from an input node through one unit of every layer; it
is active where all gates on it are open. The neural path kernel of two images
is the inner product of their neural path features,

    H(x, x') = sum over paths p of x[p] A(x, p) x'[p] A(x', p),

x[p] being the input where p starts and A the product of the gates on p. Gates
may be hard (0 and 1) or soft (any number). A layer's gate is whatever the layer
uses: a permutation of the layers is another order of the arrays.

What is returned is the *normalised* kernel: every layer's inner product of
gates is divided by the number of its units, every sum over a convolution's
window by the size of the window. So nothing overflows however deep and wide
the network is. With `variances` it is instead the expected neural tangent
kernel of the value network's weights,

    E[K^v(x, x')] = sum over layers l of prod_{j != l} variance_j H(x, x')

for weights drawn independently, +sigma or -sigma with equal probability, given
the gates; K^v itself comes close to it as the width grows.

Source: the DLGN paper (arXiv 2110.03403), section 2, Lemma 2.1 and Theorems
2.1, 3.1 (fully connected), 3.2 (convolution) and 3.3 (residual).
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual import blocks
from dlgn_tf.dual.gram import (
    GateProduct,
    InputProduct,
    check_rank,
    check_same_images,
)
from dlgn_tf.dual.rotation_sum import RotationSum
from dlgn_tf.dual.subnetworks import (
    block_weights,
    entering,
    sum_over_subnetworks,
)
from dlgn_tf.dual.variances import tangent_factors
from dlgn_tf.errors import UserError


def fully_connected(
    gates: Sequence[Array],
    inputs: Array,
    other_gates: Sequence[Array] | None = None,
    other_inputs: Array | None = None,
    *,
    variances: float | Sequence[float] | None = None,
    single: bool = False,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> Array:
    """H(x, x') = <x, x'> prod_l <G_l(x), G_l(x')> / w_l.

    Source: Lemma 2.1; with `variances`, Theorem 2.1.

    Args:
        gates: Sequence of arrays `(n, w_l)`, one per hidden layer.
        inputs: Array `(n, d_in)`, what the value network sees; ones for a
            network with constant input.
        other_gates: The same of m other images. Defaults to `None`: of the
            same images, and the kernel is symmetric.
        other_inputs: Array `(m, d_in)`, given where `other_gates` is.
        variances: Float or sequence of floats > 0, one per weight layer, input
            to output. Defaults to `None`.
        single: Boolean. Whether inner products of gates that are not 0 or 1
            are computed in float32; the others are, exactly.
        memory_gib: Float > 0. Bound on the memory of gates, inputs, blocks at
            work and the result.
        progress: Boolean. Whether to show it.

    Returns:
        float64 array `(n, m)`.

    Raises:
        UserError: if shapes do not fit one another, or the memory does not
            suffice.
    """
    factors, factor = None, 1.0
    if variances is not None:
        factors, factor = tangent_factors(variances, len(gates) + 1)
    gate_product = GateProduct(gates, other_gates, factors, single)
    input_product = InputProduct(inputs, other_inputs)
    _check_sets(gates, inputs, other_gates, other_inputs)

    def block_kernel(block):
        kernel = input_product(block)
        kernel *= factor * gate_product(block)
        return kernel

    def block_bytes(side):
        both = (gate_product, input_product)
        return sum(p.block_bytes(side) for p in both) + 8 * side * side

    shape, symmetric = input_product.shape, other_inputs is None
    return blocks.fill_within(
        block_kernel,
        shape,
        symmetric,
        block_bytes,
        memory_gib,
        progress,
        held=gate_product.nbytes + input_product.nbytes,
    )


def convolutional(
    gates: Sequence[Array],
    inputs: Array,
    windows: int | Sequence[int],
    other_gates: Sequence[Array] | None = None,
    other_inputs: Array | None = None,
    *,
    variances: float | Sequence[float] | None = None,
    single: bool = False,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> Array:
    """The kernel of circular convolutions with global average pooling.

        H(x, x') = 1 / positions^2 sum_r <x, rot(x', r)> weighted by the paths
        that are active for x and rot(x', r),

    r running over all rotations of the image. Source: Lemma A.1; with
    `variances`, Theorem A.1 (3.2). What it costs for n images, in floating
    point operations, is 2 positions^2 (sum of w_l + window * channels) for each
    of n (n + 1) / 2 pairs, and some additions for the windows.

    Args:
        gates: Sequence of arrays, one per layer: `(n, height, width, w_l)` or,
            in one dimension, `(n, length, w_l)` for convolutions; then
            `(n, w_l)` for hidden dense layers after the pooling, if any.
        inputs: Array `(n, height, width, channels)` or `(n, length, channels)`.
        windows: Integer or sequence of integers >= 1, the side of each
            convolution's window. An even one is centred as 'same' padding
            centres it: it reaches further to higher positions.

    The other arguments, what is returned and what is raised are those of
    `fully_connected`; gates without convolution are refused too.
    """
    positions = [np.ndim(g) for g in gates if np.ndim(g) > 2]
    count, dimensions = len(positions), max(positions, default=2) - 2
    sides = _window_sides(windows, count)
    factors, head_factors, factor = None, None, 1.0
    if variances is not None:
        factors, factor = tangent_factors(variances, len(gates) + 1)
        factors, head_factors = factors[:count], factors[count:]
    head = GateProduct(
        gates[count:],
        None if other_gates is None else other_gates[count:],
        head_factors,
        single,
    )
    _check_sets(gates, inputs, other_gates, other_inputs)
    rotation_sum = RotationSum(
        _images(gates[:count], inputs, dimensions),
        [(side if dimensions == 2 else 1, side) for side in sides],
        None
        if other_gates is None
        else _images(other_gates[:count], other_inputs, dimensions),
        factors,
        single,
    )

    def block_kernel(block):
        return factor * rotation_sum(block) * head(block)

    def block_bytes(side):
        return rotation_sum.block_bytes(side) + head.block_bytes(side)

    return blocks.fill_within(
        block_kernel,
        rotation_sum.shape,
        other_gates is None,
        block_bytes,
        memory_gib,
        progress,
        held=rotation_sum.nbytes + head.nbytes,
        most=rotation_sum.most,
    )


def _window_sides(windows, count):
    sides = np.asarray(windows)
    if sides.ndim == 0:
        sides = np.full(count, sides)
    numbers = sides.dtype.kind in "iuf" and sides.shape == (count,)
    if not count or not numbers or not np.all((sides >= 1) & (sides % 1 == 0)):
        raise UserError(
            "Expected gates of at least one convolution, and the side of the "
            "window of each, an integer >= 1. Received: gates of "
            f"{count} convolutions and windows={windows}"
        )
    return [int(side) for side in sides]


def _images(gates, inputs, dimensions):
    """Gates and inputs with two dimensions of positions, as one list."""
    arrays = [*map(np.asarray, gates), np.asarray(inputs)]
    for array in arrays:
        check_rank(array, dimensions + 2, "gates and inputs of a convolution")
    if dimensions == 1:
        arrays = [array[:, np.newaxis] for array in arrays]
    return arrays


def residual(
    gates: Sequence[Sequence[Array]],
    inputs: Array,
    other_gates: Sequence[Sequence[Array]] | None = None,
    other_inputs: Array | None = None,
    *,
    size: int | None = None,
    variances: float | Sequence[float] | None = None,
    single: bool = False,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> Array:
    """The kernel of fully connected blocks with skips, over all sub-networks.

    Blocks 0 and b + 1 have no skip. Each set J of the b blocks between them is
    a fully connected network, in which the others are bypassed, and

        H(x, x') = sum over J of H_J(x, x')
                 = <x, x'> P_0 P_{b+1} prod_{k = 1..b} (1 + P_k),

    P_k being the product of the kernels of block k's gates: 2^b sub-networks
    for b products. Source: Lemma B.1. The expected tangent kernel sums
    beta_J H_J, where beta_J has a term for each layer of J (Theorem B.1, or
    3.3): the derivative of such a product, which is carried along with it.

    As all kernels here H_J is normalised: it is divided by the numbers of units
    of the layers in J.

    Args:
        gates: Sequence of b + 2 sequences of arrays `(n, w)`, one per block,
            with one array for each of its gated layers: all but the very last
            layer of the last block.
        inputs: Array `(n, d_in)`.
        size: Integer in [0, b]. The sum over those J alone that have so many
            blocks, an elementary symmetric polynomial of P_1 to P_b. Defaults
            to `None`: over all.

    The other arguments, what is returned and what is raised are those of
    `fully_connected`; a size of which there is no sub-network is refused too.
    """
    _check_blocks(gates, other_gates, size)
    others = [None] * len(gates) if other_gates is None else other_gates
    products = [
        GateProduct(*of_block, single=single)
        for of_block in zip(gates, others, strict=True)
    ]
    input_product = InputProduct(inputs, other_inputs)
    _check_sets(
        _chain(gates),
        inputs,
        None if other_gates is None else _chain(other_gates),
        other_inputs,
    )
    weights = block_weights(products, variances)

    def block_kernel(block):
        # No name for it here: it would be held while the sums are made.
        sums = [entering(input_product(block), variances is not None)]
        grams = (product(block) for product in products)
        return sum_over_subnetworks(sums, grams, weights, size)

    def block_bytes(side):
        each = max(product.block_bytes(side) for product in products)
        arrays = 2 * ((size or 0) + 4)
        return input_product.block_bytes(side) + each + arrays * 8 * side * side

    return blocks.fill_within(
        block_kernel,
        input_product.shape,
        other_gates is None,
        block_bytes,
        memory_gib,
        progress,
        held=input_product.nbytes + sum(p.nbytes for p in products),
    )


def _check_blocks(gates, other_gates, size):
    if other_gates is not None and len(other_gates) != len(gates):
        raise UserError(
            f"Expected other gates of {len(gates)} blocks. Received: of "
            f"{len(other_gates)}"
        )
    skips = len(gates) - 2
    if skips < 0 or size not in (None, *range(skips + 1)):
        raise UserError(
            "Expected gates of two blocks without skips at least, and size as "
            f"a number of blocks with skips. Received: {len(gates)} blocks and "
            f"size={size}"
        )


def sub_network(
    gates: Sequence[Sequence[Array]],
    inputs: Array,
    kept: Sequence[int],
    **options: Any,
) -> Array:
    """H_J, the kernel of one of the sub-networks that `residual` sums.

    Args:
        kept: Sequence of integers in [1, b], the set J; others are refused.
        **options: Of `fully_connected`; `variances` are those of the layers
            that are kept.

    The other arguments are those of `residual`.
    """
    skips = range(1, len(gates) - 1)
    if not set(kept) <= set(skips):
        raise UserError(
            f"Expected numbers of blocks with skips, of 1 to {len(skips)}. "
            f"Received: kept={kept}"
        )
    ends = (0, len(gates) - 1)
    used = _chain(b for k, b in enumerate(gates) if k in (*ends, *kept))
    return fully_connected(used, inputs, **options)


def _chain(gates):
    return list(itertools.chain.from_iterable(gates))


def _check_sets(gates, inputs, other_gates, other_inputs):
    if (other_gates is None) != (other_inputs is None):
        raise UserError(
            "Expected both gates and inputs of the other images, or neither. "
            "Received: one of the two"
        )
    check_same_images(gates, inputs)
    if other_gates is not None:
        check_same_images(other_gates, other_inputs)
