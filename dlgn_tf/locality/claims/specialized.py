"""tian.12 and tian.13: students whose nodes become the teacher's."""

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.locality import specialization
from dlgn_tf.output.spread import listed
from dlgn_tf.output.spread import mean_and_range

TWO_LAYERS, TWO_OUTPUTS, TWO_MULTIPLE, TWO_EPOCHS = (10, 15), 50, 5, 20
FOUR_LAYERS, FOUR_OUTPUTS = (10, 15, 20, 25), 100
FOUR_MULTIPLE, FOUR_EPOCHS = 10, 60
TWO_LEAST, FOUR_LEAST = (0.99, 0.95), (0.99, 0.9)
MULTIPLES, WIDTH_EPOCHS, SEEDS = (1, 2, 5, 10), 12, 3
# Between those of students as wide as the teacher and of wider ones.
APART = 0.97


def measure_depth(rng):
    seed = int(rng.integers(2**31))
    two = specialization.train(
        TWO_LAYERS, TWO_OUTPUTS, TWO_MULTIPLE, TWO_EPOCHS, seed
    ).means()
    four = specialization.train(
        FOUR_LAYERS, FOUR_OUTPUTS, FOUR_MULTIPLE, FOUR_EPOCHS, seed
    ).means()
    return Measurement(
        holds=depth_holds(two[-1], four[-1]),
        measured=(
            f"{list(TWO_LAYERS)}, {TWO_MULTIPLE} times as wide, {TWO_EPOCHS} "
            f"epochs: {listed(two[0], '.3f')} -> {listed(two[-1], '.3f')}; "
            f"{list(FOUR_LAYERS)}, {FOUR_MULTIPLE} times, {FOUR_EPOCHS} "
            f"epochs: {listed(four[0], '.3f')} -> {listed(four[-1], '.3f')}"
        ),
        values={"two_layers": two, "four_layers": four},
    )


def depth_holds(two, four):
    """Whether claim 12 holds, of the last mean best correlations by layer."""
    pairs = [*zip(two, TWO_LEAST, strict=True)]
    pairs += zip(four[:2], FOUR_LEAST, strict=True)
    # The pilot's own upper two are not in order.
    ordered = four[0] > four[1] > max(four[2:])
    return bool(all(found > least for found, least in pairs) and ordered)


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
                    half_open_teacher=True,
                ).means()[-1, 1]
            )
            for seed in seeds
        ]
        for multiple in MULTIPLES
    }
    shown = ", ".join(
        f"{multiple} times {mean_and_range(of)}"
        for multiple, of in found.items()
    )
    return Measurement(
        holds=width_holds(found),
        measured=f"layer 2, mean of {SEEDS} seeds (least to most): {shown}",
        values={str(multiple): of for multiple, of in found.items()},
    )


def width_holds(found):
    """Whether claim 13 holds.

    Args:
        found: Dict from a multiple to the mean best correlation of each seed.
    """
    wider = [x for multiple, of in found.items() if multiple > 1 for x in of]
    return all(x < APART for x in found[1]) and all(x > APART for x in wider)
