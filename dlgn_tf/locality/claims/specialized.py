"""tian.12, 13 and 20: students whose nodes become the teacher's."""

import dataclasses

import numpy as np

from dlgn_tf.locality import specialization

TWO_LAYERS, TWO_OUTPUTS, TWO_MULTIPLE, TWO_EPOCHS = (10, 15), 50, 5, 20
FOUR_LAYERS, FOUR_OUTPUTS = (10, 15, 20, 25), 100
FOUR_MULTIPLE, FOUR_EPOCHS = 10, 60
MULTIPLES, WIDTH_EPOCHS, SEEDS = (1, 2, 5, 10), 12, 3
STRONG_AND_WEAK, STRENGTH_EPOCHS, TEACHERS = (10,), 20, 5


def measure_depth(rng):
    seed = int(rng.integers(2**31))
    two = specialization.train(
        TWO_LAYERS, TWO_OUTPUTS, TWO_MULTIPLE, TWO_EPOCHS, seed
    ).means()
    four = specialization.train(
        FOUR_LAYERS, FOUR_OUTPUTS, FOUR_MULTIPLE, FOUR_EPOCHS, seed
    ).means()
    last = four[-1]
    return {
        f"teacher {list(TWO_LAYERS)}": _by_layer(two[-1]),
        f"teacher {list(FOUR_LAYERS)}": _by_layer(last),
        "layer 1 - layer 2": last[0] - last[1],
        # The pilot's own upper two are not in order.
        "layer 2 - the upper two": last[1] - last[2:],
        "before training": [*two[0], *four[0]],
        "students": (
            f"{TWO_MULTIPLE} times as wide, {TWO_EPOCHS} epochs; "
            f"{FOUR_MULTIPLE} times, {FOUR_EPOCHS} epochs"
        ),
        "details": {"two_layers": two, "four_layers": four},
    }


def _by_layer(values):
    return {f"layer {n}": value for n, value in enumerate(values, start=1)}


def measure_width(rng):
    seeds = [int(seed) for seed in rng.integers(2**31, size=SEEDS)]
    found = {
        multiple: [
            float(
                specialization.train(
                    TWO_LAYERS,
                    TWO_OUTPUTS,
                    multiple,
                    WIDTH_EPOCHS,
                    seed,
                    specialization.HALF_OPEN,
                ).means()[-1, 1]
            )
            for seed in seeds
        ]
        for multiple in MULTIPLES
    }
    return {
        "at the teacher's width": found.pop(1),
        "wider by": found,
        "epochs": WIDTH_EPOCHS,
    }


def measure_strength(rng):
    seeds = [int(seed) for seed in rng.integers(2**31, size=TEACHERS)]

    def best(decay, multiple):
        """Best correlations `(seeds, epochs + 1, nodes)`."""
        recipe = dataclasses.replace(specialization.TWO_LAYERS, decay=decay)
        runs = (
            specialization.train(
                STRONG_AND_WEAK,
                TWO_OUTPUTS,
                multiple,
                STRENGTH_EPOCHS,
                seed,
                recipe,
            )
            for seed in seeds
        )
        return np.array([run.best[0] for run in runs])

    decaying, even = best(1.0, TWO_MULTIPLE), best(0.0, TWO_MULTIPLE)
    narrow = best(1.0, 1)
    return {
        "lead of the strong half": _lead(decaying),
        "found more by 5 times the nodes": decaying[:, -1].mean(axis=1)
        - narrow[:, -1].mean(axis=1),
        "|lead| of teachers of even strength": np.abs(_lead(even)),
        "by node": {
            "in the middle": decaying[:, STRENGTH_EPOCHS // 3].mean(axis=0),
            "at last": decaying[:, -1].mean(axis=0),
            "at last, at the teacher's width": narrow[:, -1].mean(axis=0),
        },
        "epochs": STRENGTH_EPOCHS,
    }


def _lead(best):
    """Mean over training of strong nodes' correlation less weak ones'."""
    half = best.shape[2] // 2
    return (best[..., :half] - best[..., half:]).mean(axis=(1, 2))
