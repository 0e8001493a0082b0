"""The value part of the NTK of small networks, by back-propagation in NumPy.

K(x, x') = <gradient of yhat(x), gradient of yhat(x')>, the gradients being
taken in the value network's weights while the gates stay as they are. For a
dense layer that is the product of two Gram matrices: of what enters the layer,
and of the derivative of the output in what leaves it.

The networks are those of the theorems, with one output and without biases, so
that their two sides can be compared in float64 and within seconds: each
function returns the kernel of n inputs, `(n, n)`.
`dlgn_tf.dual.tangent_kernel` does the same for any network of the zoo.

Source: the DLGN paper (arXiv 2110.03403), section 3 and its appendices.
"""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array


def fully_connected(
    weights: Sequence[Array], inputs: Array, gates: Sequence[Array]
) -> Array:
    """The value network of `d` dense layers, all but the last with gates.

    Args:
        weights: List of d arrays `(inputs, outputs)`; the last has 1 output.
        inputs: Array `(n, inputs)`.
        gates: List of d - 1 arrays `(n, outputs)`.

    """
    return residual([weights], inputs, [gates])


def convolutional(
    filters: Sequence[Array],
    weights: Sequence[Array],
    inputs: Array,
    gates: Sequence[Array],
    dense_gates: Sequence[Array],
) -> Array:
    """Circular convolutions, global average pooling, dense layers.

    Args:
        filters: List of arrays `(window, channels, filters)`.
        weights: List of arrays `(inputs, outputs)`; the last has 1 output.
        inputs: Array `(n, length, channels)`.
        gates: List of arrays `(n, length, filters)`, one for each of `filters`.
        dense_gates: List of arrays `(n, outputs)`, one for each of `weights`
            but the last.

    """
    count, length, _ = inputs.shape
    ones = np.ones((count, 1))
    dense_gates = [*dense_gates, ones]
    h, patches = inputs, []
    for kernel, gate in zip(filters, gates, strict=True):
        patches.append(circular_patches(h, len(kernel)))
        h = circular_convolution(h, kernel) * gate
    entering, _ = _dense_forward(weights, h.mean(axis=1), dense_gates)
    total, pooled = _dense_backward(weights, entering, dense_gates, ones)
    delta = np.repeat(pooled[:, None], length, axis=1) / length
    layers = zip(filters, patches, gates, strict=True)
    for kernel, patch, gate in reversed(list(layers)):
        delta = delta * gate
        # Places share the filter: a sum over all pairs of them.
        pairs = _gram(_places(patch)) * _gram(_places(delta))
        by_place = pairs.reshape(count, length, count, length)
        total = total + by_place.sum(axis=(1, 3))
        delta = _circular_transpose(delta, kernel)
    return total


def residual(blocks: Sequence, inputs: Array, gates: Sequence) -> Array:
    """Blocks of dense layers; all but the first and last with a skip.

    Args:
        blocks: List of b + 2 lists of arrays `(inputs, outputs)`; the last
            array of the last block has 1 output.
        inputs: Array `(n, inputs)`.
        gates: List of b + 2 lists of arrays `(n, outputs)`, one for each
            weight layer but the last.

    """
    ones = np.ones((len(inputs), 1))
    gates = [*gates[:-1], [*gates[-1], ones]]
    h, entering = inputs, []
    for index, (block, of_block) in enumerate(zip(blocks, gates, strict=True)):
        kept, out = _dense_forward(block, h, of_block)
        entering.append(kept)
        h = h + out if 0 < index < len(blocks) - 1 else out
    total, delta = np.zeros(()), ones
    for index in reversed(range(len(blocks))):
        kernel, before = _dense_backward(
            blocks[index], entering[index], gates[index], delta
        )
        total = total + kernel
        skipped = 0 < index < len(blocks) - 1
        delta = delta + before if skipped else before
    return total


def circular_convolution(h: Array, kernel: Array) -> Array:
    """`(n, length, channels)` -> `(n, length, filters)`, with wrap-around."""
    return circular_patches(h, len(kernel)) @ kernel.reshape(
        -1, kernel.shape[-1]
    )


def circular_patches(h: Array, window: int) -> Array:
    """What a filter sees at each place, `(n, length, window * channels)`.

    The window is centred as 'same' padding centres it.
    """
    return np.concatenate(
        [np.roll(h, -shift, axis=1) for shift in _shifts(window)], axis=2
    )


def _circular_transpose(delta, kernel):
    """What `circular_convolution` does, transposed."""
    shifts = _shifts(len(kernel))
    return sum(
        np.roll(delta @ of_shift.T, shift, axis=1)
        for shift, of_shift in zip(shifts, kernel, strict=True)
    )


def _shifts(window):
    before = (window - 1) // 2
    return range(-before, window - before)


def _dense_forward(weights, h, gates):
    """What enters each layer, and what the last one's gate lets through."""
    entering = []
    for matrix, gate in zip(weights, gates, strict=True):
        entering.append(h)
        h = (h @ matrix) * gate
    return entering, h


def _dense_backward(weights, entering, gates, delta):
    """The layers' share of the kernel, and the derivative in their input."""
    kernel = 0
    layers = zip(weights, entering, gates, strict=True)
    for matrix, before, gate in reversed(list(layers)):
        delta = delta * gate
        kernel = kernel + _gram(before) * _gram(delta)
        delta = delta @ matrix.T
    return kernel, delta


def _places(tensor):
    """`(n, length, channels)` -> `(n * length, channels)`."""
    return tensor.reshape(-1, tensor.shape[-1])


def _gram(vectors):
    return vectors @ vectors.T
