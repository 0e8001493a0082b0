"""Networks beside one another: alignment, spectra, convergence, whitening.

Every function named `..._rows` returns rows of a table, dicts of the same keys.
Weights are arrays `(neurons, dimension)`.

Source: arXiv 2305.18512, figures 2 to 5 and those on whitening.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.rainbow import alignment, spectra
from dlgn_tf.rainbow import reference as references
from dlgn_tf.rainbow.covariance import (
    WeightCovariances,
    covariance,
    operator_norm_error,
)
from dlgn_tf.rainbow.learned_layers import LayeredNetwork

# Ranks through which lines are fitted; weights as in the paper's code.
_WEIGHT_RANKS, ACTIVATION_RANKS = 40, 100
# Counted from 1; leading ranks, of which the first are not Gaussian.
_TESTED_RANKS = (1, 2, 3, 6, 10, 20, 50, 100, 200)


def alignment_rows(
    names: Sequence[str],
    networks: Sequence[LayeredNetwork],
    reference: int,
    batches: Iterable[Array],
    held_out: Iterable[Array],
    memory_gib: float = 1.0,
    untrained: Sequence[LayeredNetwork] = (),
) -> list[dict]:
    """How far what networks of one architecture read agrees with one of them.

    Alignments are fitted to some images and scored on others, which were held
    out: of as few images as channels any two networks would agree. Untrained
    networks, the same as they were drawn, are a control: how much of the
    agreement needs no training.

    Returns:
        Rows of network, layer, channels, explained fraction, relative and
        normalised error, the error without an alignment where both have as
        many channels, and explained fractions of the images that were fitted,
        and of untrained networks.
    """
    fitted, scored, turns = _aligned(
        networks, reference, batches, held_out, memory_gib
    )
    if untrained:
        _, control, control_turns = _aligned(
            untrained, reference, batches, held_out, memory_gib
        )
    rows = []
    for k, name in enumerate(names):
        for label, sums in scored[k].items():
            turn = turns[k][label]
            square = sums.first.shape == sums.second.shape
            raw = alignment.identity(len(sums.first)) if square else None
            row = {
                "run": name,
                "layer": label,
                "channels": len(sums.second),
                "explained": alignment.explained_fraction(sums, turn),
                "relative_error": alignment.relative_error(sums, turn),
                "normalized_error": alignment.normalized_error(sums, turn),
                "error_unaligned": alignment.relative_error(sums, raw)
                if square
                else "",
                "explained_fitted": alignment.explained_fraction(
                    fitted[k][label], turn
                ),
                "explained_untrained": "",
            }
            if untrained:
                row["explained_untrained"] = alignment.explained_fraction(
                    control[k][label], control_turns[k][label]
                )
            rows.append(row)
    return rows


def _aligned(networks, index, batches, held_out, memory_gib):
    """Moments of fitted and of other images, and alignments, by network."""
    reference = references.single(networks[index])
    fitted, scored = (
        references.align_to(reference, networks, images, memory_gib)
        for images in (batches, held_out)
    )
    return fitted, scored, references.turns_of(networks, fitted, reference)


def spectrum_rows(
    covariances: WeightCovariances,
    labels: Sequence[str],
    initial: dict | None = None,
) -> list[dict]:
    """Eigenvalues, each spectrum divided by its first one.

    `initial` has the initial weights of the first network by layer, if any.

    Returns:
        Rows of layer, what, rank from 1, eigenvalue: `"weights"` of all
        networks, `"weights of one"`, `"initial weights"`, scaled to end where
        those of one end, `"activations"`.
    """
    rows = []
    for label in labels:
        matrix = covariances.matrices[label]
        one = spectra.eigen(covariance([covariances.weights[label][0]]))[0]
        activations = covariances.activations[0][label]
        spectra_of = {
            "weights": positive(spectra.eigen(matrix)[0]),
            "weights of one": positive(one),
            "activations": positive(spectra.eigen(activations)[0]),
        }
        if initial:
            start = positive(spectra.eigen(covariance([initial[label]]))[0])
            end = spectra_of["weights of one"]
            last = min(len(start), len(end)) - 1
            if last >= 0:
                scale = end[last] / start[last] / (one[0] or 1.0)
                spectra_of["initial weights"] = scale * start
        for what, values in spectra_of.items():
            if what != "initial weights" and len(values):
                values = values / values[0]
            rows += [
                {
                    "layer": label,
                    "what": what,
                    "rank": rank,
                    "eigenvalue": float(value),
                }
                for rank, value in enumerate(values, start=1)
            ]
    return rows


def fit_rows(spectrum: Sequence[dict]) -> list[dict]:
    """Lines through logarithms of the spectra that `spectrum_rows` returned.

    Returns:
        Rows of layer, what, law, ranks, slope, R^2: exponential of weights,
        power law of activations.
    """
    rows = []
    for (label, what), values in grouped(spectrum, "layer", "what").items():
        values = np.array([row["eigenvalue"] for row in values])
        if what == "activations":
            ranks, law = ACTIVATION_RANKS, "power law"
            fit: Callable = spectra.power_law_fit
        else:
            ranks, law = _WEIGHT_RANKS, "exponential"
            fit = spectra.exponential_fit
        ranks = min(ranks, len(values))
        if ranks < 3 or what == "initial weights":
            continue
        line = fit(values, last=ranks)
        rows.append(
            {
                "layer": label,
                "what": what,
                "law": law,
                "ranks": ranks,
                "slope": line.slope,
                "r_squared": line.r_squared,
            }
        )
    return rows


def convergence_rows(
    covariances: WeightCovariances, labels: Sequence[str]
) -> list[dict]:
    """Covariances of some of at least two networks against that of others.

    The others are as many for every number of networks, the larger half; the
    error, in operator norm, is the mean over which ones they are.

    Returns:
        Rows of layer, networks, others, error, least and most of it.
    """
    rows = []
    for label in labels:
        weights = covariances.weights[label]
        total = len(weights)
        others = total - total // 2
        for count in range(1, total // 2 + 1):
            errors = [
                operator_norm_error(
                    covariance([weights[k] for k in chosen]),
                    covariance([weights[k] for k in rest]),
                )
                for chosen, rest in _disjoint(total, count, others)
            ]
            rows.append(
                {
                    "layer": label,
                    "networks": count,
                    "others": others,
                    "error": float(np.mean(errors)),
                    "least": float(np.min(errors)),
                    "most": float(np.max(errors)),
                }
            )
    return rows


def _disjoint(total, count, others):
    """Networks and others, turned once around."""
    order = list(range(total)) * 2
    for start in range(total):
        turned = order[start : start + total]
        yield turned[:count], turned[total - others :]


def own_dimensions(
    covariances: WeightCovariances, label: str, k: int
) -> list[Array]:
    """Weights of all networks, in those dimensions that network `k` has.

    A narrower network than the reference spans a part of its dimensions: in all
    of them even white weights of it would not follow the law.
    """
    weights = covariances.weights[label]
    if not covariances.alignments:
        return weights
    turn = covariances.alignments[k][label]
    reference, own = turn.matrix.shape
    if own >= reference:
        return weights
    return [
        turn.weights_back(rows.reshape(len(rows), reference, -1)).reshape(
            len(rows), -1
        )
        for rows in weights
    ]


def own_weights(covariances: WeightCovariances, label: str) -> list[Array]:
    """Weights of each network, in as many dimensions as it has."""
    count = len(covariances.weights[label])
    return [own_dimensions(covariances, label, k)[k] for k in range(count)]


def whitened(covariances: WeightCovariances, label: str) -> list[Array] | None:
    """Weights of each network, whitened by the covariance of the others.

    Returns:
        List of weights, the largest eigenvalue first, in the dimensions that
        the network has; None where the others have fewer neurons, so that their
        covariance has no inverse.
    """
    white = []
    for k in range(len(covariances.weights[label])):
        weights = own_dimensions(covariances, label, k)
        own = weights[k]
        others = [rows for j, rows in enumerate(weights) if j != k]
        if sum(map(len, others)) < own.shape[1]:
            return None
        white.append(spectra.whiten(own, covariance(others)))
    return white


def whitening_rows(
    names: Sequence[str], covariances: WeightCovariances, labels: Sequence[str]
) -> list[dict]:
    """Eigenvalues outside of the random bulk, before and after whitening.

    Returns:
        Rows of run, layer, neurons, dimension, share of eigenvalues outside of
        the Marchenko-Pastur edges before and after, p-values of some ranks;
        empty where whitening is not possible.
    """
    rows = []
    for label in labels:
        weights = own_weights(covariances, label)
        white = whitened(covariances, label)
        for k, (name, own) in enumerate(zip(names, weights, strict=True)):
            row = {
                "run": name,
                "layer": label,
                "neurons": own.shape[0],
                "dimension": own.shape[1],
                "outside": outside(own),
                "outside_whitened": "",
                **{f"p_rank_{rank}": "" for rank in _TESTED_RANKS},
            }
            if white is not None:
                row["outside_whitened"] = outside(white[k])
                tested = [r for r in _TESTED_RANKS if r <= white[k].shape[1]]
                columns = white[k][:, [r - 1 for r in tested]]
                p_values = spectra.gaussianity(columns).tolist()
                for rank, p in zip(tested, p_values, strict=True):
                    row[f"p_rank_{rank}"] = p
            rows.append(row)
    return rows


def outside(weights: Array) -> float:
    """Share of the covariance's eigenvalues outside of the random bulk."""
    values = spectra.eigen(covariance([weights]))[0]
    neurons, dimension = weights.shape
    return spectra.fraction_outside(values, dimension / neurons)


def positive(values):
    """Eigenvalues that are not zero."""
    return values[values > spectra.ZERO * values[0]]


def grouped(rows: Iterable[dict], *keys: str) -> dict:
    """Dict from the values of some columns to the rows that have them."""
    groups: dict = {}
    for row in rows:
        groups.setdefault(tuple(row[k] for k in keys), []).append(row)
    return groups
