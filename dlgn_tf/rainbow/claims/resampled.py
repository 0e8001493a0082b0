"""rainbow.11: networks that are drawn from the covariances of trained ones."""

import numpy as np

from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.models.evaluation import accuracy
from dlgn_tf.rainbow.claims import trained_networks as networks
from dlgn_tf.rainbow.heads import retrain_head
from dlgn_tf.rainbow.resampling import resample

# Networks whose mean covariances are drawn from, and draws.
OF_WIDTH, DRAWS = (0, 1, 2), 3
KINDS = ("aligned", "not aligned", "aligned + head", "white + head")


@one_blas_thread
def measure_resampling(rng):
    seed = networks.seed_of_run(rng)
    trained = [
        np.mean([networks.trained(seed, scale, k).accuracy for k in OF_WIDTH])
        for scale in networks.SCALES
    ]
    drawn = [accuracies(seed, scale, rng) for scale in networks.SCALES]
    widths = [round(networks.WIDTH * scale) for scale in networks.SCALES]
    rows = {
        kind: np.array([np.mean(of_scale[kind]) for of_scale in drawn])
        for kind in KINDS
    }
    headed = rows["aligned + head"]
    return {
        "trained": trained,
        **rows,
        "steps from width to width": np.diff(rows["aligned"]),
        "new head - aligned": headed - rows["aligned"],
        "new head - white weights with one": headed - rows["white + head"],
        "widths": widths,
        "draws": f"{DRAWS}, covariances of {len(OF_WIDTH)} networks",
    }


def accuracies(seed, scale, rng):
    """Test accuracies of draws at one width, dict from kind to a list."""
    data, batches = networks.task(seed), networks.batches(seed)
    covariances = networks.covariances(seed, scale, OF_WIDTH)
    model = networks.trained(seed, scale, OF_WIDTH[0]).model

    def drawn(**options):
        draw = int(rng.integers(2**31))
        return resample(model, covariances, batches, draw, **options)

    def measured(network):
        return accuracy(network, data.test_x, data.test_labels)

    def with_head(network):
        return measured(retrain_head(network, data.x, data.labels))

    found = {kind: [] for kind in KINDS}
    for _ in range(DRAWS):
        aligned = drawn()
        found["aligned"].append(measured(aligned))
        found["not aligned"].append(measured(drawn(aligned=False)))
        found["aligned + head"].append(with_head(aligned))
        found["white + head"].append(with_head(drawn(weights="white")))
    return found
