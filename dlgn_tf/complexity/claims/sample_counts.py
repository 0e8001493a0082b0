"""complexity.13 to complexity.15: networks of few images and of more."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.complexity.claims import workshops
from dlgn_tf.complexity.components import measure_significance
from dlgn_tf.complexity.components import total_variation
from dlgn_tf.complexity.experiments import effectiveness
from dlgn_tf.complexity.experiments import samples
from dlgn_tf.complexity.experiments import tables
from dlgn_tf.spread import listed
from dlgn_tf.spread import mean_and_range

DEPTH, FEW, MANY = 8, 100, 1000
SEEDS, GAME_SEEDS = 2, 3
MOST_VARIATION, ROUNDING = 0.35, 1e-9


def measure_profiles(rng):
    workshop, found = workshops.of_shapes(), []
    for seed in workshops.seeds(rng, SEEDS):
        found.append(
            [_significance(workshop, count, seed) for count in (FEW, MANY)]
        )
    shown = "; ".join(
        f"{count}: {tables.shown(each)}"
        for pair in found
        for count, each in zip((FEW, MANY), pair, strict=True)
    )
    pairs = [[each.profile for each in pair] for pair in found]
    variations = [total_variation(*pair) for pair in pairs]
    return Measurement(
        holds=all(profiles_hold(*pair) for pair in pairs),
        measured=(
            f"total variation {listed(variations, '.3f', ', ')}; {shown}"
        ),
        values={"profiles": np.array(pairs), "variations": variations},
    )


def profiles_hold(few, many):
    """Whether claim 13 holds of the profiles of few and of many images."""
    return bool(
        total_variation(few, many) < MOST_VARIATION and many[0] < few[0]
    )


def _significance(workshop, count, seed):
    subject = workshop.teacher(DEPTH, count, seed)
    ladder = workshop.ladder(subject)
    images = workshop.data.train.images
    return measure_significance(subject.feature, ladder, images)


def measure_reliability(rng):
    workshop, found = workshops.of_shapes(), []
    others = samples.exemplary(workshop)
    for seed in workshops.seeds(rng, SEEDS):
        pair = [
            samples.measure(workshop, DEPTH, count, seed, others)
            for count in (FEW, MANY)
        ]
        found.append([each.reliability for each in pair])
    shown = "; ".join(
        f"{count}: {listed(each.ratio())} (without cycles "
        f"{listed(each.ratio(0))})"
        for pair in found
        for count, each in zip((FEW, MANY), pair, strict=True)
    )
    ratios = [[each.ratio() for each in pair] for pair in found]
    return Measurement(
        holds=all(reliability_holds(*pair) for pair in ratios),
        measured=f"5 cycles, orders 4 7 13, by images: {shown}",
        values={"ratios": np.array(ratios)},
    )


def reliability_holds(few, many):
    """Whether claim 14 holds of reliabilities by order, few and many images."""
    falls = all(np.all(np.diff(each) < 0) for each in (few, many))
    return bool(many[0] > few[0] and falls)


def measure_effectiveness(rng):
    workshop, found = workshops.of_shapes(), {FEW: [], MANY: []}
    for seed in workshops.seeds(rng, GAME_SEEDS):
        for count, games in found.items():
            subject = workshop.teacher(DEPTH, count, seed)
            games.append(effectiveness.measure(workshop, subject))
    alphas = {
        count: (
            np.array([each.effective() for each in games]),
            np.array([each.overfit for each in games]),
        )
        for count, games in found.items()
    }
    shown = "; ".join(
        f"{count} images: alpha_effective {_spreads(effective)}, "
        f"alpha_overfit {_spreads(overfit)}"
        for count, (effective, overfit) in alphas.items()
    )
    lowest, more = paper_claims(alphas)
    return Measurement(
        holds=all(
            games_hold(each) for games in found.values() for each in games
        ),
        measured=(
            f"{shown}; (i) {_said(lowest)}, (iii) {_said(more)}, (ii) not "
            "measured: no deep network at this scale"
        ),
        values={
            str(count): {"effective": effective, "overfit": overfit}
            for count, (effective, overfit) in alphas.items()
        },
    )


def games_hold(games):
    """Whether the values of an `Effectiveness` share out its loss."""
    whole = games.train_losses[0] - games.train_losses[-1]
    scale = max(1, abs(whole))
    shared_out = abs(games.phi_train.sum() - whole) <= ROUNDING * scale
    return bool(shared_out and np.all(np.isfinite(games.effective())))


def paper_claims(alphas):
    """Whether the paper's claims (i) and (iii) held, means over seeds.

    Args:
        alphas: Dict from a number of images to `(alpha_effective,
            alpha_overfit)`, arrays `(seeds, orders)`.
    """
    lowest = all(
        np.argmax(effective.mean(axis=0)) == 0
        for effective, _ in alphas.values()
    )
    few, many = (alphas[count][1][:, 0] for count in (FEW, MANY))
    return lowest, bool(np.nanmean(few) > np.nanmean(many))


def _spreads(values):
    return ", ".join(mean_and_range(column) for column in values.T)


def _said(held):
    return "held" if held else "did not hold"
