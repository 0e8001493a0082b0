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

import numpy as np

from dlgn_tf.dual import blocks
from dlgn_tf.dual.gram import GateProduct
from dlgn_tf.dual.gram import InputProduct
from dlgn_tf.dual.gram import check_same_images
from dlgn_tf.errors import UserError


def fully_connected(
    gates,
    inputs,
    other_gates=None,
    other_inputs=None,
    *,
    variances=None,
    memory_gib=1.0,
    progress=False,
):
    """H(x, x') = <x, x'> prod_l <G_l(x), G_l(x')> / w_l.

    Source: Lemma 2.1; with `variances`, Theorem 2.1.

    Args:
        gates: Sequence of arrays `(n, w_l)`, one a hidden layer.
        inputs: Array `(n, d_in)`, what the value network sees; ones for a
            network with constant input.
        other_gates: The same of m other images. Defaults to `None`: of the
            same images, and the kernel is symmetric.
        other_inputs: Array `(m, d_in)`, given where `other_gates` is.
        variances: Float or sequence of floats > 0, one a weight layer, input to
            output. Defaults to `None`.
        memory_gib: Float > 0. Bound on the memory used beside the arguments,
            the result included.
        progress: Boolean. Whether to show it.

    Returns:
        float64 array `(n, m)`.

    Raises:
        UserError: if shapes do not fit one another, or the memory does not
            suffice.
    """
    gate_product = GateProduct(gates, other_gates)
    input_product = InputProduct(inputs, other_inputs)
    _check_sets(gates, inputs, other_gates, other_inputs)
    factor = 1.0
    if variances is not None:
        each = per_layer(variances, len(gates) + 1)
        factor = tangent_factor(each, gate_product.widths)

    def block_kernel(block):
        return factor * input_product(block) * gate_product(block)

    def block_bytes(side):
        parts = gate_product.block_bytes(side) + input_product.block_bytes(side)
        return parts + 8 * side * side

    shape, symmetric = input_product.shape, other_inputs is None
    return blocks.fill_within(
        block_kernel, shape, symmetric, block_bytes, memory_gib, progress
    )


def tangent_factor(variances, divisors):
    """E[K^v] over the normalised kernel, where every path has all layers.

    It is sum_l prod_{j != l} variance_j, times all that the normalised kernel
    was divided by. With d layers, one width w and variance c^2 / w it is
    d c^{2(d-1)}.

    Args:
        variances: Floats > 0, one a weight layer.
        divisors: Numbers of units of the gated layers, and sizes of windows.

    Returns:
        Float.
    """
    # By logarithms, for the product alone may be too large or too small.
    logs = np.log(np.asarray(variances, "float64"))
    common = logs.sum() + np.log(np.asarray(divisors, "float64")).sum()
    return float(np.exp(common - logs).sum())


def per_layer(variances, layers):
    """One variance a weight layer, from one for all or from as many.

    Raises:
        UserError: if there are not as many, or one is not a number > 0.
    """
    found = np.asarray(variances, "float64")
    if found.ndim == 0:
        found = np.full(layers, float(found))
    if found.shape != (layers,) or not np.all((found > 0) & np.isfinite(found)):
        raise UserError(
            f"Expected one variance > 0, or one for each of the {layers} weight "
            f"layers. Received: variances={variances}"
        )
    return found


def _check_sets(gates, inputs, other_gates, other_inputs):
    if (other_gates is None) != (other_inputs is None):
        raise UserError(
            "Expected both gates and inputs of the other images, or neither. "
            "Received: one of the two"
        )
    check_same_images(gates, inputs)
    if other_gates is not None:
        check_same_images(other_gates, other_inputs)
