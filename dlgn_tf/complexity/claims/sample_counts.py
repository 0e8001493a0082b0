"""complexity.13 to complexity.15: networks of few images and of more."""

import numpy as np

from dlgn_tf.claims import contrasts
from dlgn_tf.claims.registry import Measurement
from dlgn_tf.complexity import tables
from dlgn_tf.complexity.claims import workshops
from dlgn_tf.complexity.components import measure_significance
from dlgn_tf.complexity.components import total_variation
from dlgn_tf.complexity.experiments import effectiveness
from dlgn_tf.complexity.experiments import samples
from dlgn_tf.output.spread import listed
from dlgn_tf.output.spread import mean_and_range

DEPTH, FEW, MANY = 8, 100, 1000
SEEDS, GAME_SEEDS = 2, 3
MOST_VARIATION, ROUNDING = 0.35, 1e-9
# Of the feature: beyond it nets have not learned enough to be a profile of it.
MOST_REMAINING = 0.2


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
    left = max(each.remainders[-1] for pair in found for each in pair)
    return Measurement(
        holds=profiles_hold(pairs, left),
        measured=(
            f"total variation {listed(variations, '.3f', ', ')}; {shown}; at "
            f"most {left:.2f} remains"
        ),
        values={"profiles": np.array(pairs), "variations": variations},
    )


def profiles_hold(pairs, remaining):
    """Whether claim 13 holds.

    Args:
        pairs: Profiles of networks of few and of many images, one pair a seed.
        remaining: Float, the largest remainder of the top order.

    Returns:
        Boolean; None where so much remains that the profiles tell little.
    """
    if not remaining <= MOST_REMAINING:
        return None
    return all(
        bool(total_variation(few, many) < MOST_VARIATION and many[0] < few[0])
        for few, many in pairs
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
    shared_out = all(games_hold(g) for games in found.values() for g in games)
    differences = paper_claims(alphas)
    leads = ", ".join(
        f"{name} {mean_and_range(of)}" for name, of in differences.items()
    )
    return Measurement(
        holds=shared_out and differences_hold(differences),
        measured=(
            f"{shown}; differences of order 4: {leads}; (ii) is not measured: "
            "no deep network at this scale"
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
    """What is above 0, seed by seed, where the paper's claims are true.

    (i), for each number of images: by how much order 4 is more effective than
    the most effective of the others; (iii): by how much it is more over-fitted
    from few images than from many.

    Args:
        alphas: Dict from a number of images to `(alpha_effective,
            alpha_overfit)`, arrays `(seeds, orders)`.

    Returns:
        Dict from a claim to an array `(seeds,)`.
    """
    few, many = (alphas[count][1][:, 0] for count in (FEW, MANY))
    leads = {
        f"(i) of {count} images": effective[:, 0] - effective[:, 1:].max(axis=1)
        for count, (effective, _) in alphas.items()
    }
    return {**leads, "(iii)": few - many}


def differences_hold(differences):
    """Whether all that `paper_claims` returns is above 0, None if that is open.

    A test of each mean, see `dlgn_tf.claims.contrasts`.
    """
    return contrasts.decide(
        [contrasts.above(name, x, 0.0) for name, x in differences.items()]
    )


def _spreads(values):
    return ", ".join(mean_and_range(column) for column in values.T)
