"""Gate kernels of gating networks with random Gaussian weights, in closed form.

As a fully connected network without biases grows wide, the share of units that
are on for both of two inputs converges to a function of the angle between what
enters the layer for the one and for the other: (pi - angle) / (2 pi).

Source: the DLGN paper (arXiv 2110.03403), section 3, and the arc-cosine kernels
of Cho and Saul (NeurIPS 2009).
"""

import math

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError

FAMILIES = ("dgn", "dlgn")


def gate_kernels(
    inputs: Array, others: Array | None = None, *, depth: int, family: str
) -> Array:
    """lim <G_l(x), G_l(x')> / width of every gate layer l, with hard gates.

    Args:
        inputs: Array `(n, ...)`, what enters the gating network: images as
            `model.normalization(images)` makes them, none of them 0.
        others: Array `(m, ...)` of the same shape but for m. Defaults to
            `inputs`.
        depth: Integer >= 2. Weight layers of the network, `depth - 1` of them
            with gates.
        family: `"dlgn"`: the gating network is linear and every layer has
            the same kernel. `"dgn"`: it has ReLUs, which bring the inputs
            closer to each other layer by layer.

    Returns:
        float64 array `(depth - 1, n, m)`.

    Raises:
        UserError: if there is no such family or depth, an input is 0 or not
            finite, or the others have another shape.
    """
    if family not in FAMILIES:
        raise UserError(
            f"Expected a family of {', '.join(FAMILIES)}. Received: {family}"
        )
    if depth != int(depth) or depth < 2:
        raise UserError(f"Expected an integer depth >= 2. Received: {depth}")
    cosines = _cosines(inputs, others)
    kernels = []
    for _ in range(int(depth) - 1):
        angles = np.arccos(cosines)
        kernels.append((np.pi - angles) / (2 * np.pi))
        if family == "dgn":
            cosines = _cosines_after_relu(cosines, angles)
    return np.stack(kernels)


def _cosines(inputs, others):
    first = _directions(inputs)
    second = first if others is None else _directions(others)
    if first.shape[1] != second.shape[1]:
        raise UserError(
            f"Expected others of {first.shape[1]} numbers each, as the inputs "
            f"have. Received: {second.shape[1]}"
        )
    cosines = np.clip(first @ second.T, -1, 1)
    if others is None:
        # Rounding would turn the angle of 0 into 1e-8.
        np.fill_diagonal(cosines, 1)
    return cosines


def _directions(inputs):
    flat = np.asarray(inputs, "float64")
    flat = flat.reshape(len(flat), math.prod(flat.shape[1:]))
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    if not np.all((norms > 0) & np.isfinite(norms)):
        raise UserError(
            "Expected inputs with an angle between them. Received: one that "
            "is 0 or not finite"
        )
    return flat / norms


def _cosines_after_relu(cosines, angles):
    """The cosines after ReLU layers of Gaussian weights."""
    after = (np.sin(angles) + (np.pi - angles) * cosines) / np.pi
    return np.clip(after, -1, 1)
