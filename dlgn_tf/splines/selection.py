"""Which region of a unit an input falls into: hard, soft and in between.

Scores are arrays `(..., regions)`; those of -inf mark regions that a unit does
not have. A selection is a float array of the same shape, weights >= 0 that sum
to 1 over the regions; regions that are not there get weight 0. Where beta, in
[0, 1], is an array it has the shape of the scores without their last axis.

Where an entropy can be chosen it is `"shannon"`, the paper's, or `"tsallis"`,
that of Tsallis of order 2, halved: (1 - sum t_r^2) / 2. Any other is a
`UserError`.

Source: the SMASO paper (arXiv 1810.09274), equations 2, 6 to 9; Martins and
Astudillo (arXiv 1602.02068), equation 1, for Tsallis' entropy.
"""

import numpy as np
from numpy import ndarray as Array
from scipy import special

from dlgn_tf.choices import ENTROPIES
from dlgn_tf.errors import check_choice


def odds(beta: float | Array) -> Array:
    """eta = beta / (1 - beta), with which beta-VQ scales the scores.

    It is inf where beta is 1.

    Raises:
        ValueError: if a beta lies outside of [0, 1].
    """
    beta = np.asarray(beta, "float64")
    if not np.all((beta >= 0) & (beta <= 1)):
        raise ValueError(f"Expected beta in [0, 1]. Received: beta={beta}")
    with np.errstate(divide="ignore"):
        return beta / (1 - beta)


def is_tsallis(entropy: str) -> bool:
    """Whether an entropy is that of Tsallis; see above."""
    check_choice("entropy", entropy, ENTROPIES)
    return entropy == "tsallis"


def hard_vq(scores: Array) -> Array:
    """HVQ: all weight on the highest score, of equals on the first."""
    best = np.argmax(scores, axis=-1)
    return np.eye(np.shape(scores)[-1])[best]


def soft_vq(scores: Array, variance: float = 1.0) -> Array:
    """SVQ: the posterior of the regions under noise of this variance > 0."""
    return special.softmax(np.asarray(scores, "float64") / variance, axis=-1)


def sparsemax(scores: Array, log_counts: float | Array = 0.0) -> Array:
    """What maximises <t, scores> + (1 - sum t_r^2) / 2 over the simplex.

    Of scores, and how many regions each one stands for, as of `beta_vq`.
    """
    scores = np.asarray(scores, "float64")
    counts = np.broadcast_to(np.exp(log_counts), scores.shape)
    # Exact: what is 1 below the highest has weight 0.
    below = np.maximum(scores - scores.max(axis=-1, keepdims=True), -1)
    order = np.argsort(-below, axis=-1)
    ranked_counts = np.take_along_axis(counts, order, axis=-1)
    ranked = ranked_counts * np.take_along_axis(below, order, axis=-1)
    of_first = (ranked.cumsum(axis=-1) - 1) / ranked_counts.cumsum(axis=-1)
    tau = of_first.max(axis=-1, keepdims=True)
    return counts * np.maximum(below - tau, 0)


def beta_vq(
    scores: Array,
    beta: float | Array,
    log_counts: float | Array = 0.0,
    entropy: str = "shannon",
) -> Array:
    """beta-VQ: what maximises `objective`.

    softmax(eta scores), of Tsallis' entropy sparsemax(eta scores).

    Args:
        scores: See above.
        beta: 1 is HVQ, 1/2 is SVQ of variance 1, 0 gives all regions of a unit
            the same weight.
        log_counts: Array that broadcasts with the scores: the logarithm of how
            many equal regions each one stands for. Defaults to `0.0`: of one.
        entropy: See above.
    """
    eta, sparse = odds(beta)[..., None], is_tsallis(entropy)
    if np.all(np.isinf(eta)):
        return hard_vq(scores)
    scaled = _scaled(scores, eta)
    if sparse:
        soft = sparsemax(scaled, log_counts)
    else:
        soft = special.softmax(scaled + log_counts, axis=-1)
    return np.where(np.isinf(eta), hard_vq(scores), soft)


def _scaled(scores, eta):
    """eta scores, without what is no number: of no region, or hard."""
    eta = np.where(np.isinf(eta), 1, eta)
    scores = np.asarray(scores, "float64")
    there = scores > -np.inf
    return np.where(there, eta * np.where(there, scores, 0), -np.inf)


def combine(weights: Array, scores: Array) -> Array:
    """The output of a selection: sum over the regions of weight times score."""
    return np.sum(weights * np.where(np.isneginf(scores), 0, scores), axis=-1)


def derivative_weights(
    weights: Array, log_counts: float | Array = 0.0, entropy: str = "shannon"
) -> Array:
    """m, with which a soft selection's weights t move with the scores v.

    dt_r = eta m_r (dv_r - mean of dv weighted with m). Of a selection, and what
    it was made with.
    """
    if is_tsallis(entropy):
        return np.exp(log_counts) * (np.asarray(weights) > 0)
    return weights


def entropy(weights: Array, kind: str = "shannon") -> Array:
    """Over the last axis; Shannon's in nats."""
    if is_tsallis(kind):
        return (1 - np.sum(np.square(weights), axis=-1)) / 2
    return np.sum(special.entr(weights), axis=-1)


def objective(
    weights: Array, scores: Array, beta: float, kind: str = "shannon"
) -> Array:
    """beta * combine(weights, scores) + (1 - beta) * entropy(weights, kind).

    Source: the SMASO paper, equation 8; equation 7 is half of it plus a half
    at beta = 1/2.
    """
    return beta * combine(weights, scores) + (1 - beta) * entropy(weights, kind)


def optimum(scores: Array, beta: float | Array) -> Array:
    """The largest `objective` with Shannon's entropy.

    It is (1 - beta) logsumexp(eta scores) for beta < 1; at beta = 1 it is the
    largest score, at 0 the logarithm of how many regions there are.
    """
    beta, eta = np.asarray(beta), odds(beta)
    value = special.logsumexp(_scaled(scores, eta[..., None]), axis=-1)
    hard = np.isinf(eta)
    return np.where(hard, np.max(scores, axis=-1), (1 - beta) * value)
