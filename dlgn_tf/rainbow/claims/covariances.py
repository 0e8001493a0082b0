"""rainbow.6 and rainbow.7: trained networks share their weight covariances."""

import itertools

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.output.spread import listed
from dlgn_tf.rainbow import spectra
from dlgn_tf.rainbow.claims import trained_networks as networks
from dlgn_tf.rainbow.claims.trained_networks import LAYER1
from dlgn_tf.rainbow.claims.trained_networks import LAYER2
from dlgn_tf.rainbow.claims.trained_networks import LOGITS
from dlgn_tf.rainbow.covariance import covariance
from dlgn_tf.rainbow.covariance import leading_overlap
from dlgn_tf.rainbow.covariance import operator_norm_error
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.learned_layers import LayeredNetwork

# Of the eigenspaces that are compared.
LEADING = 5
MOST_RAW, LEAST_ALIGNED, LEAST_FIRST, LEAST_EXPLAINED = 0.2, 0.6, 0.8, 0.8
# Networks that estimate a covariance, and others that it is compared with.
ESTIMATING, COMPARED = (0, 1, 2, 3), (4, 5, 6, 7, 8, 9)
# Networks of each width.
OF_WIDTH = (0, 1, 2)
# Errors of the last width over those of white weights.
MOST_OF_WHITE = 0.5
HIDDEN = (LAYER1, LAYER2)


@one_blas_thread
def measure_overlap(rng):
    seed = networks.seed_of_run(rng)
    values = _agreement(seed, networks.models(seed, 1, (0, 1)))
    control = _agreement(
        seed, [networks.untrained(seed, 1, k)[0] for k in (0, 1)]
    )
    told_apart = not overlap_holds(**control)
    return Measurement(
        holds=overlap_holds(**values) if told_apart else None,
        measured=(
            f"{_agreement_shown(values)}; 2 networks 64-128-128-10; control, "
            f"before training: {_agreement_shown(control)}"
        ),
        values={**values, "control": control},
    )


def _agreement(seed, models):
    """Of two networks; explained fractions of test inputs."""
    found = weight_covariances(
        models,
        networks.batches(seed),
        reference=0,
        held_out=[networks.task(seed).test_x],
    )
    own = [LayeredNetwork(model)[LAYER2].matrix for model in models]
    return {
        "raw": leading_overlap(*(covariance([w]) for w in own), LEADING),
        "aligned": _overlap(found, LAYER2),
        "first": _overlap(found, LAYER1),
        "explained": [found.explained[1][k] for k in (LAYER2, LOGITS)],
    }


def _agreement_shown(values):
    return (
        f"layer 2: {values['raw']:.3f} raw, {values['aligned']:.3f} aligned; "
        f"layer 1: {values['first']:.3f}; explained fractions "
        f"{listed(values['explained'], '.3f', ' and ')}"
    )


def overlap_holds(raw, aligned, first, explained):
    return bool(
        raw < MOST_RAW
        and aligned > LEAST_ALIGNED
        and first > LEAST_FIRST
        and min(explained) >= LEAST_EXPLAINED
    )


def _overlap(found, label):
    return leading_overlap(
        *(covariance([rows]) for rows in found.weights[label]), LEADING
    )


@one_blas_thread
def measure_convergence(rng):
    seed = networks.seed_of_run(rng)
    by_number, by_width = errors_by_number(seed), errors_by_width(seed)
    told_apart = not any(
        converges(each["white"], each["white"]) for each in by_width.values()
    )
    holds = all(map(falls, by_number.values())) and all(
        converges(each["shape"], each["white"]) for each in by_width.values()
    )
    shown = "; ".join(
        f"{label} by networks {listed(by_number[label], '.3f')}, by width "
        f"{listed(by_width[label]['shape'], '.3f')} (of white weights, the "
        f"control, {listed(by_width[label]['white'][-1:], '.3f')}; with their "
        f"scale {listed(by_width[label]['whole'], '.3f')})"
        for label in HIDDEN
    )
    return Measurement(
        holds=holds if told_apart else None,
        measured=(
            f"{shown}; 1, 2, 4 networks against {len(COMPARED)} others, widths "
            f"{_widths()} against {len(OF_WIDTH)} networks of "
            f"{round(networks.WIDTH * networks.SCALES[-1])}"
        ),
        values={"by_number": by_number, "by_width": by_width},
    )


def falls(errors):
    """Whether each error is below the one before."""
    return bool(np.all(np.diff(errors) < 0))


def converges(errors, of_white):
    """Whether errors fall, to half of those that weights of no training have.

    Args:
        errors: Sequence of floats, from width to width.
        of_white: Sequence of floats, errors of the identity.
    """
    return falls(errors) and errors[-1] < MOST_OF_WHITE * of_white[-1]


def errors_by_number(seed):
    """Errors of 1, 2 and 4 networks, means over all choices of them.

    Returns:
        Dict from label to a list.
    """
    reference = networks.covariances(seed, 1, COMPARED)
    found = weight_covariances(
        networks.models(seed, 1, ESTIMATING),
        networks.batches(seed),
        reference.reference,
    )
    return {
        label: [
            np.mean(
                [
                    operator_norm_error(
                        covariance(list(chosen)), reference.matrices[label]
                    )
                    for chosen in itertools.combinations(
                        found.weights[label], number
                    )
                ]
            )
            for number in (1, 2, 4)
        ]
        for label in HIDDEN
    }


def errors_by_width(seed):
    """Errors of narrower networks against the widest, all standardised.

    Wider networks move less from their start, so that errors of covariances as
    they are, which are above 1, would fall for that alone. Compared is the
    shape of each, its first eigenvalue being 1.

    Returns:
        Dict from label to a dict of lists: `shape`, `whole`, of the
        covariances as they are, and `white`, of the identity.
    """
    *scales, widest = networks.SCALES

    def estimate(scale, reference="mean"):
        return weight_covariances(
            networks.models(seed, scale, OF_WIDTH, standardized=True),
            networks.batches(seed),
            reference,
        )

    reference = estimate(widest)
    found = [estimate(scale, reference.reference) for scale in scales]
    errors = {}
    for label in HIDDEN:
        wanted = reference.matrices[label]
        matrices = [each.matrices[label] for each in found]
        white = operator_norm_error(np.eye(len(wanted)), _shape(wanted))
        errors[label] = {
            "shape": [
                operator_norm_error(_shape(matrix), _shape(wanted))
                for matrix in matrices
            ],
            "whole": [operator_norm_error(m, wanted) for m in matrices],
            "white": [white] * len(matrices),
        }
    return errors


def _shape(matrix):
    """A covariance over its first eigenvalue."""
    return matrix / spectra.eigen(matrix)[0][0]


def _widths():
    widths = [str(round(networks.WIDTH * s)) for s in networks.SCALES[:-1]]
    return ", ".join(widths)
