"""rainbow.12: training amplifies a few directions of its random start."""

import numpy as np

from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow.claims import trained_networks as networks
from dlgn_tf.rainbow.claims.trained_networks import LAYER2
from dlgn_tf.rainbow.dynamics import along_eigenvectors


@one_blas_thread
def measure_dynamics(rng):
    seed = networks.seed_of_run(rng)
    snapshots = networks.trained(seed, 1, 0).snapshots[LAYER2]
    found = along_eigenvectors(snapshots)
    amplification = found.amplification
    return {
        "a_1 over the median a_r": (
            amplification[-1, 0] / np.median(amplification[-1])
        ),
        "median c_r": np.median(found.cosine[-1]),
        "median a_r": np.median(amplification[-1]),
        "a_1 after epochs": dict(
            zip(networks.SNAPSHOTS, amplification[:, 0], strict=True)
        ),
        "details": {
            "amplification": found.amplification,
            "cosine": found.cosine,
        },
    }
