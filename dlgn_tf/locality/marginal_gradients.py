"""Theorem 1: gradients averaged over everything outside a receptive field.

    g_j(x_k) = E[g_j(x) | x_k] = E[g_j(x_j) | x_k]      (x_k inside x_j)
    g_k(x_k) = f'_k(x_k) sum_j w_jk g_j(x_k)
    Dw_jk = E_{x_k}[f_k(x_k) g_j(x_k)]

They hold whatever the distribution of the pixels. Source: Tian, arXiv
1809.10829, section 3 (the second and third as the paper's text uses them).
"""

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.locality import passes
from dlgn_tf.locality.passes import LocalNetwork
from dlgn_tf.locality.teachers import content


def conditional_mean(
    values: Array, groups: Array, probabilities: Array
) -> Array:
    """E[values | group], for every input that of its group.

    Of values `(inputs, ...)`, groups and probabilities `(inputs,)`.
    """
    _, groups = np.unique(groups, return_inverse=True)
    flat = values.reshape(len(values), -1)
    membership = np.zeros((groups.max() + 1, len(values)))
    membership[groups, np.arange(len(values))] = probabilities
    mass = membership.sum(axis=1, keepdims=True)
    sums = membership @ flat
    means = np.divide(sums, mass, out=np.zeros_like(sums), where=mass > 0)
    return means[groups].reshape(values.shape)


def identity_errors(
    network: LocalNetwork,
    pixels: Array,
    targets: Array,
    probabilities: Array,
    assumed: Array | None = None,
) -> dict:
    """Largest violation of each of the three identities.

    Of every input, pixels `(inputs, leaves)` of 0 and 1, and targets `(inputs,
    outputs)`; the probabilities are P(x) of back-propagation, those `assumed`
    P(x) of the averages, by default the same: any other breaks the third
    identity.

    Returns:
        Dict from `"marginal"`, `"backward"` and `"update"` to floats.
    """
    fields = network.fields
    codes, _ = content(fields, pixels)
    run = passes.run(network, np.eye(2)[pixels], targets, probabilities)
    p = probabilities if assumed is None else assumed
    errors = {"marginal": 0.0, "backward": 0.0, "update": 0.0}

    def note(name, difference):
        errors[name] = max(errors[name], float(np.abs(difference).max()))

    for level in range(1, fields.depth + 1):
        # Summed over parents; leaves have no gate of their own to look at.
        backward = np.zeros_like(run.f[level - 1])
        for region, place, child in fields.edges(level):
            x_k, x_j = codes[level - 1][:, child], codes[level][:, region]
            g_j = run.g[level][:, region]
            at_k = conditional_mean(g_j, x_k, p)
            at_j = conditional_mean(g_j, x_j, p)
            note("marginal", at_k - conditional_mean(at_j, x_k, p))
            block = network.block(level, region, place)
            backward[:, child] += at_k @ block.T
            true = run.updates[level - 1][region, network.rows(level, place)]
            f_k = conditional_mean(run.f[level - 1][:, child], x_k, p)
            note("update", (f_k * p[:, None]).T @ at_k - true)
        for child in range(fields.regions[level - 1]):
            x_k = codes[level - 1][:, child]
            g_k = conditional_mean(run.g[level - 1][:, child], x_k, p)
            gate = run.gates[level - 1][:, child]
            note("backward", g_k - gate * backward[:, child])
    return errors
