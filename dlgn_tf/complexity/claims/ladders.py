"""complexity.10 and complexity.20: trained ladders."""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.complexity.claims import studies
from dlgn_tf.complexity.components import measure_significance
from dlgn_tf.complexity.distillation import Distillation
from dlgn_tf.complexity.effectiveness import measure_effectiveness
from dlgn_tf.complexity.ladder import LadderSettings, train_ladder
from dlgn_tf.complexity.reliability import (
    CycleSettings,
    ReliabilitySettings,
    measure_reliability,
    train_shared,
)

TEACHERS = 2


def measure_remainders(rng):
    teachers = {}
    for number in range(1, TEACHERS + 1):
        study = studies.trained(rng, orders=(4, 7, 13, 25))
        found = measure_significance(study.feature, study.ladder, study.pool)
        teachers[f"teacher {number}"] = {
            "steps of rho_rem": np.diff(found.remainders),
            **studies.shares(found),
        }
    return by_figure(teachers)


def measure_determinism(rng):
    seed = int(rng.integers(2**31))
    teachers = [studies.teacher(seed + k, 200, epochs=5) for k in (0, 1)]
    first = _figures(seed, teachers, batch_size=250)
    again = _figures(seed, teachers, batch_size=250)
    batches = _figures(seed, teachers, batch_size=64)
    other = _figures(seed + 1, teachers, batch_size=250)
    return {
        "change, trained again": np.abs(again - first),
        "change, other batches": np.abs(batches - first),
        "largest change, another seed": np.abs(other - first).max(),
        "details": {"figures": first},
    }


def _figures(seed, teachers, batch_size):
    """All that is measured of a ladder that is trained for this."""
    (feature, train), (other, test) = teachers
    settings = LadderSettings.seconds(
        orders=(4, 7),
        training=Distillation(2, 250, augmentation="none", seed=seed),
    )
    images = studies.pool(0, 500)
    ladder = train_ladder(feature, images, settings, progress=False)
    shared = train_shared(
        [feature, other],
        images,
        ReliabilitySettings(settings, CycleSettings(epochs=2, draws=100)),
        progress=False,
    )
    shares = measure_significance(feature, ladder, images, batch_size)
    games = measure_effectiveness(
        feature, ladder, train, test, batch_size=batch_size
    )
    reliable = measure_reliability(
        feature, ladder, shared, images, batch_size=batch_size
    )
    return np.concatenate(
        [
            shares.significance,
            shares.remainders,
            games.phi_train,
            games.phi_overfit,
            reliable.descriptor(),
            reliable.ratio(),
        ]
    )
