"""The energy balance of back-propagation.

Multiplying the forward equation by g_j and the backward one by f_k gives

    E[f_j g_j] = sum_k w_jk Dw_jk          E[f_k g_k] = sum_j w_jk Dw_jk,

so that under gradient flow the incoming and the outgoing energy of a node, its
sums of squared weights, grow together. Where batch normalisation follows the
ReLU, E[f_j g_j] = 0 and the incoming energy stays.

Source: Tian, arXiv 1809.10829, section 3.
"""

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.locality.passes import LocalNetwork, Passes


def balance_errors(
    network: LocalNetwork, passes: Passes, probabilities: Array
) -> tuple[float, float]:
    """Largest violation of both identities over all nodes.

    Passes are those of the network on inputs of these probabilities.

    Returns:
        `(incoming, outgoing)`.
    """
    incoming, outgoing = [], []
    products = [
        np.einsum("x,xrn,xrn->rn", probabilities, f, g)
        for f, g in zip(passes.f, passes.g, strict=True)
    ]
    for level, weights in enumerate(network.weights, start=1):
        update = passes.updates[level - 1]
        received = (weights * update).sum(axis=1)
        incoming.append(np.abs(products[level] - received).max())
        below = products[level - 1]
        sent = np.zeros_like(below)
        for region, place, child in network.fields.edges(level):
            rows = network.rows(level, place)
            product = weights[region, rows] * update[region, rows]
            sent[child] += product.sum(axis=1)
        outgoing.append(np.abs(below - sent).max())
    return float(max(incoming)), float(max(outgoing))
