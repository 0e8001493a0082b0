"""complexity.10 and complexity.20: trained ladders."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.complexity.claims import studies
from dlgn_tf.complexity.components import measure_significance
from dlgn_tf.complexity.distillation import Distillation
from dlgn_tf.complexity.effectiveness import measure_effectiveness
from dlgn_tf.complexity.ladder import LadderSettings
from dlgn_tf.complexity.ladder import train_ladder
from dlgn_tf.complexity.reliability import CycleSettings
from dlgn_tf.complexity.reliability import ReliabilitySettings
from dlgn_tf.complexity.reliability import measure_reliability
from dlgn_tf.complexity.reliability import train_shared
from dlgn_tf.output.spread import listed

TEACHERS, SLACK = 2, 0.01
TOLERANCE, LEAST_CHANGE = 1e-6, 1e-3


def measure_remainders(rng):
    found = []
    for _ in range(TEACHERS):
        study = studies.trained(rng, orders=(4, 7, 13, 25))
        found.append(
            measure_significance(study.feature, study.ladder, study.pool)
        )
    remainders = [each.remainders for each in found]
    shown = "; ".join(
        f"rho_rem {listed(each.remainders)}, rho_c "
        f"{listed(each.significance)}, gap {each.gap:.2f}"
        for each in found
    )
    return Measurement(
        holds=all(map(falls, remainders)),
        measured=f"{shown} (authors: falls for 25 of 25 models)",
        values={
            "remainders": np.array(remainders),
            "significance": np.array([x.significance for x in found]),
            "gaps": [x.gap for x in found],
        },
    )


def falls(remainders):
    """Whether no remainder is larger than the one before, but for `SLACK`."""
    return bool(np.all(np.diff(remainders) <= SLACK))


def measure_determinism(rng):
    seed = int(rng.integers(2**31))
    teachers = [studies.teacher(seed + k, 200, epochs=5) for k in (0, 1)]
    first = _figures(seed, teachers, batch_size=250)
    again = _figures(seed, teachers, batch_size=250)
    batches = _figures(seed, teachers, batch_size=64)
    other = _figures(seed + 1, teachers, batch_size=250)
    found = {
        "again": float(np.abs(again - first).max()),
        "batches": float(np.abs(batches - first).max()),
        "other": float(np.abs(other - first).max()),
    }
    return Measurement(
        holds=determinism_holds(found),
        measured=(
            f"{len(first)} figures: trained again {found['again']:.0e}, other "
            f"batches {found['batches']:.0e}, another seed {found['other']:.0e}"
        ),
        values={**found, "figures": first},
    )


def determinism_holds(found):
    """Whether figures follow from the seed; see `measure_determinism`."""
    return bool(
        found["again"] < TOLERANCE
        and found["batches"] < TOLERANCE
        and found["other"] > LEAST_CHANGE
    )


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
