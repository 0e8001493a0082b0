"""rainbow.6 and rainbow.7: trained networks share their weight covariances."""

import itertools

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.rainbow.claims import trained_networks as networks
from dlgn_tf.rainbow.claims.trained_networks import LAYER1
from dlgn_tf.rainbow.claims.trained_networks import LAYER2
from dlgn_tf.rainbow.claims.trained_networks import LOGITS
from dlgn_tf.rainbow.covariance import covariance
from dlgn_tf.rainbow.covariance import leading_overlap
from dlgn_tf.rainbow.covariance import operator_norm_error
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.spread import listed
from dlgn_tf.threads import one_blas_thread

# Of the eigenspaces that are compared.
LEADING = 5
MOST_RAW, LEAST_ALIGNED, LEAST_FIRST, LEAST_EXPLAINED = 0.2, 0.6, 0.8, 0.8
# Networks that estimate a covariance, and others that it is compared with.
ESTIMATING, COMPARED = (0, 1, 2, 3), (4, 5, 6, 7, 8, 9)
# Networks of each width.
OF_WIDTH = (0, 1, 2)
HIDDEN = (LAYER1, LAYER2)


@one_blas_thread
def measure_overlap(rng):
    seed = networks.seed_of_run(rng)
    found = weight_covariances(
        networks.models(seed, 1, (0, 1)), networks.batches(seed), reference=0
    )
    own = [networks.trained(seed, 1, k).snapshots for k in (0, 1)]
    values = {
        "raw": leading_overlap(
            *(covariance([each[LAYER2][-1]]) for each in own), LEADING
        ),
        "aligned": _overlap(found, LAYER2),
        "first": _overlap(found, LAYER1),
        "explained": [found.explained[1][k] for k in (LAYER2, LOGITS)],
    }
    shown = listed(values["explained"], ".3f", " and ")
    return Measurement(
        holds=overlap_holds(**values),
        measured=(
            f"layer 2: {values['raw']:.3f} raw, {values['aligned']:.3f} "
            f"aligned; layer 1: {values['first']:.3f}; explained fractions "
            f"{shown}; 2 networks 64-128-128-10"
        ),
        values=values,
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
    shown = "; ".join(
        f"{label} by networks {listed(by_number[label], '.3f')}, by width "
        f"{listed(by_width[label], '.3f')}"
        for label in HIDDEN
    )
    return Measurement(
        holds=all(map(falls, [*by_number.values(), *by_width.values()])),
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
    """Errors of narrower networks against the widest.

    Returns:
        Dict from label to a list.
    """
    *scales, widest = networks.SCALES
    reference = networks.covariances(seed, widest, OF_WIDTH)
    found = [
        weight_covariances(
            networks.models(seed, scale, OF_WIDTH),
            networks.batches(seed),
            reference.reference,
        ).matrices
        for scale in scales
    ]
    return {
        label: [
            operator_norm_error(each[label], reference.matrices[label])
            for each in found
        ]
        for label in HIDDEN
    }


def _widths():
    widths = [str(round(networks.WIDTH * s)) for s in networks.SCALES[:-1]]
    return ", ".join(widths)
