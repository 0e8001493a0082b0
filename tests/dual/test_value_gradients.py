"""NumPy back-propagation against differences of an independent forward pass.

An output is linear in each single weight, so the difference of two outputs is
its derivative, without error but rounding.
"""

import numpy as np
import pytest

from dlgn_tf.dual import value_gradients


def kernel_by_differences(output, weights):
    """Gram matrix of the derivatives of `output(weights)`, `(n,)`."""
    gradients = []
    for array in weights:
        for index in np.ndindex(array.shape):
            original = array[index]
            array[index] = original + 1
            above = output()
            array[index] = original - 1
            gradients.append((above - output()) / 2)
            array[index] = original
    return np.tensordot(gradients, gradients, (0, 0))


def test_fully_connected(rng):
    weights = [rng.normal(size=s) for s in ((3, 4), (4, 5), (5, 1))]
    gates = [rng.uniform(size=(2, width)) for width in (4, 5)]
    x = rng.normal(size=(2, 3))

    def output():
        first = np.einsum("ni,ij->nj", x, weights[0]) * gates[0]
        second = np.einsum("ni,ij->nj", first, weights[1]) * gates[1]
        return (second @ weights[2])[:, 0]

    np.testing.assert_allclose(
        value_gradients.fully_connected(weights, x, gates),
        kernel_by_differences(output, weights),
        rtol=1e-10,
    )


@pytest.mark.parametrize("window", [2, 3])
def test_convolutional(rng, window):
    filters = [rng.normal(size=s) for s in ((window, 2, 3), (window, 3, 4))]
    weights = [rng.normal(size=s) for s in ((4, 3), (3, 1))]
    gates = [rng.integers(2, size=(2, 5, c)).astype("float64") for c in (3, 4)]
    dense_gates = [rng.uniform(size=(2, 3))]
    x = rng.normal(size=(2, 5, 2))

    def output():
        h = x
        for kernel, gate in zip(filters, gates, strict=True):
            q = np.zeros_like(gate)
            for place in range(5):
                for offset in range(window):
                    seen = (place + offset - (window - 1) // 2) % 5
                    q[:, place] += h[:, seen] @ kernel[offset]
            h = q * gate
        pooled = h.sum(axis=1) / 5
        return ((pooled @ weights[0]) * dense_gates[0] @ weights[1])[:, 0]

    np.testing.assert_allclose(
        value_gradients.convolutional(filters, weights, x, gates, dense_gates),
        kernel_by_differences(output, [*filters, *weights]),
        rtol=1e-10,
    )


def test_residual(rng):
    shapes = [[(3, 4), (4, 4)], *[[(4, 4), (4, 4)]] * 2, [(4, 4), (4, 1)]]
    blocks = [[rng.normal(size=s) for s in of_block] for of_block in shapes]
    gates = [[rng.uniform(size=(2, 4)) for _ in range(k)] for k in (2, 2, 2, 1)]
    x = rng.normal(size=(2, 3))

    def output():
        (a, b), (c, d), (e, f), (g, last) = blocks
        (ga, gb), (gc, gd), (ge, gf), (gg,) = gates
        h = ((x @ a) * ga @ b) * gb
        h = h + ((h @ c) * gc @ d) * gd
        h = h + ((h @ e) * ge @ f) * gf
        return ((h @ g) * gg @ last)[:, 0]

    np.testing.assert_allclose(
        value_gradients.residual(blocks, x, gates),
        kernel_by_differences(output, [w for block in blocks for w in block]),
        rtol=1e-10,
    )
