"""rainbow.12: training amplifies a few directions of its random start."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow.claims import trained_networks as networks
from dlgn_tf.rainbow.claims.trained_networks import LAYER2
from dlgn_tf.rainbow.dynamics import along_eigenvectors


@one_blas_thread
def measure_dynamics(rng):
    seed = networks.seed_of_run(rng)
    snapshots = networks.trained(seed, 1, 0).snapshots[LAYER2]
    found = along_eigenvectors(snapshots)
    first, median = (
        found.amplification[-1, 0],
        np.median(found.amplification[-1]),
    )
    cosine = np.median(found.cosine[-1])
    growth = ", ".join(
        f"{epoch}: {a:.2f}"
        for epoch, a in zip(
            networks.SNAPSHOTS, found.amplification[:, 0], strict=True
        )
    )
    return Measurement(
        holds=dynamics_hold(first, median, cosine),
        measured=(
            f"a_1 {first:.2f}, median a {median:.2f}, median c {cosine:.2f}, "
            f"layer 2; a_1 after epochs {growth}"
        ),
        values={
            "epochs": networks.SNAPSHOTS,
            "amplification": found.amplification,
            "cosine": found.cosine,
        },
    )


def dynamics_hold(first, median, cosine):
    return bool(first >= 2 * median and cosine >= 0.7)
