"""rainbow.6 and rainbow.7: trained networks share their weight covariances."""

import itertools

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow import spectra
from dlgn_tf.rainbow.claims import trained_networks as networks
from dlgn_tf.rainbow.claims.trained_networks import LAYER1, LAYER2, LOGITS
from dlgn_tf.rainbow.covariance import (
    covariance,
    leading_overlap,
    operator_norm_error,
    weight_covariances,
)
from dlgn_tf.rainbow.learned_layers import LayeredNetwork

# Of the eigenspaces that are compared.
LEADING = 5
# Networks that estimate a covariance, and others that it is compared with.
ESTIMATING, COMPARED = (0, 1, 2, 3), (4, 5, 6, 7, 8, 9)
# Networks of each width.
OF_WIDTH = (0, 1, 2)
HIDDEN = (LAYER1, LAYER2)


@one_blas_thread
def measure_overlap(rng):
    seed = networks.seed_of_run(rng)
    untrained = [networks.untrained(seed, 1, k)[0] for k in (0, 1)]
    return {
        **_agreement(seed, networks.models(seed, 1, (0, 1))),
        "networks before training": _agreement(seed, untrained),
        "networks": "2 of 64-128-128-10",
    }


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
        "layer 1": _overlap(found, LAYER1),
        "explained fractions": [
            found.explained[1][label] for label in (LAYER2, LOGITS)
        ],
    }


def _overlap(found, label):
    return leading_overlap(
        *(covariance([rows]) for rows in found.weights[label]), LEADING
    )


@one_blas_thread
def measure_convergence(rng):
    seed = networks.seed_of_run(rng)
    width_errors = errors_by_width(seed)
    by_width = by_figure(width_errors)
    return {
        "error by networks": errors_by_number(seed),
        "error by width": by_width["shape"],
        "error over that of white weights": {
            label: errors["shape"][-1] / errors["white"][-1]
            for label, errors in width_errors.items()
        },
        "error by width with their scale": by_width["whole"],
        "networks": f"1, 2, 4 against {len(COMPARED)} others",
        "widths": (
            f"{_widths()} against {len(OF_WIDTH)} networks of "
            f"{round(networks.WIDTH * networks.SCALES[-1])}"
        ),
    }


def errors_by_number(seed):
    """Errors of 1, 2 and 4 networks by label, means over all choices."""
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
        shape = spectra.shape(wanted)
        matrices = [each.matrices[label] for each in found]
        white = operator_norm_error(np.eye(len(wanted)), shape)
        errors[label] = {
            "shape": [
                operator_norm_error(spectra.shape(matrix), shape)
                for matrix in matrices
            ],
            "whole": [operator_norm_error(m, wanted) for m in matrices],
            "white": [white] * len(matrices),
        }
    return errors


def _widths():
    widths = [str(round(networks.WIDTH * s)) for s in networks.SCALES[:-1]]
    return ", ".join(widths)
