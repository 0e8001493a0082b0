"""complexity.7 and complexity.8: what cycles between networks leave."""

import numpy as np

from dlgn_tf.complexity import cycle
from dlgn_tf.complexity.claims import studies
from dlgn_tf.complexity.distillation import Distillation
from dlgn_tf.complexity.features import feature_of
from dlgn_tf.complexity.ladder import LadderSettings, train_ladder
from dlgn_tf.complexity.reliability import (
    ReliabilitySettings,
    measure_reliability,
    train_shared,
)
from dlgn_tf.complexity.synthetic import shapes

# Directions that all three networks use, that the first two do, and that each
# uses alone.
SHARED, PAIR, PRIVATE, NETWORKS = 8, 4, 6, 3
# Of the nets.
EPOCHS = 60
BACK_MAPS = cycle.CycleSettings(epochs=30, draws=256, batch_size=16)


def planted(rng, samples=20_000):
    """Three linear networks of latent directions.

    Returns:
        `(psi, forward, truth)`: float64 array `(samples, 30)`, which mixes the
        directions; kernels G_k; and the share of the first network's variance
        in directions that all use.
    """
    count = SHARED + PAIR + NETWORKS * PRIVATE
    used = np.zeros((NETWORKS, count), bool)
    used[:, :SHARED] = True
    used[:2, SHARED : SHARED + PAIR] = True
    for k in range(NETWORKS):
        first = SHARED + PAIR + k * PRIVATE
        used[k, first : first + PRIVATE] = True
    axes = np.linalg.qr(rng.normal(size=(count, count)))[0]
    mixing = axes * rng.uniform(0.5, 2.0, count)
    features = used[..., None] * rng.normal(size=(NETWORKS, count, count))
    psi = rng.normal(size=(samples, count)) @ mixing
    # Directions are independent, of variance 1.
    sizes = np.square(features[0]).sum(axis=1)
    truth = sizes[:SHARED].sum() / sizes.sum()
    return psi, list(np.linalg.inv(mixing) @ features), float(truth)


def measure_planted(rng):
    psi, forward, truth = planted(rng)
    moment = psi.T @ psi / len(psi)
    back = cycle.truncated_back_maps(forward, moment, 1e-6)
    values = np.abs(np.linalg.eigvals(cycle.cycle_matrix(forward, back)))
    values = np.sort(values)[::-1]
    of_all, of_two, of_one = np.split(values, [SHARED, SHARED + PAIR])
    shares = {u: _share(psi, forward, back, u) for u in (0, 5, 10)}
    return {
        "|eigenvalue - q / N|": {
            "of all": np.abs(of_all - 1),
            "of two": np.abs(of_two - 2 / NETWORKS),
            "of one": np.abs(of_one - 1 / NETWORKS),
        },
        "|reliable share - truth|": {
            f"after {u} cycles": abs(shares[u] - truth) for u in (5, 10)
        },
        "reliable share by cycles": shares,
        "truth": truth,
        "directions": f"{SHARED} of all, {PAIR} of two, {PRIVATE} of each",
        "details": {"eigenvalues": values},
    }


def _share(psi, forward, back, cycles):
    reliable = psi @ cycle.reliable_matrix(forward, back, cycles)
    return float(reliable.var(axis=0).sum() / (psi @ forward[0]).var(0).sum())


def measure_copies(rng):
    seed = int(rng.integers(2**31))
    images = studies.pool(seed)
    nets = LadderSettings.seconds(
        seed,
        orders=(4,),
        training=Distillation(EPOCHS, 1000, augmentation="none", seed=seed),
    )
    settings = ReliabilitySettings(nets, BACK_MAPS)
    images_of_networks = shapes(100, [seed, 0])
    trained, _ = studies.teacher(seed)
    kinds = {
        "copies": [trained] * NETWORKS,
        "unrelated": [
            feature_of(studies.untrained(images_of_networks, seed + k))
            for k in range(NETWORKS)
        ],
    }
    ratios = {}
    for kind, features in kinds.items():
        ladder = train_ladder(features[0], images, nets, progress=False)
        shared = train_shared(features, images, settings, progress=False)
        found = measure_reliability(features[0], ladder, shared, images)
        ratios[kind] = {f"{u} cycles": found.ratio(u)[0] for u in (0, 5, 10)}
    return {
        **ratios,
        "copies - unrelated": (
            ratios["copies"]["5 cycles"] - ratios["unrelated"]["5 cycles"]
        ),
        "epochs": {"nets": EPOCHS, "back maps": BACK_MAPS.epochs},
    }
