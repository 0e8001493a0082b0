"""tian.10 and tian.11: students of a latent tree, true labels and permuted."""

import numpy as np

from dlgn_tf.claims import contrasts
from dlgn_tf.claims.registry import Measurement
from dlgn_tf.locality import student
from dlgn_tf.locality import student_training
from dlgn_tf.locality.latent_tree import LatentTree
from dlgn_tf.output.spread import listed

DEPTH, TRAIN, TEST = 5, 8000, 2000
SEEDS, PAIRS, EPOCHS = 3, 5, 15
# Below the best possible accuracy; of selectivity.
MOST_BELOW_BEST, LEAST_RISE, LARGEST_CHANGE = 0.02, 0.1, 0.05


def train(rng, permuted=False, epochs=EPOCHS, depth=DEPTH, train=TRAIN):
    """A student of a new tree.

    From the same random numbers the tree, the inputs and the student's initial
    weights are the same with true and with permuted labels.

    Returns:
        `dlgn_tf.locality.student_training.History`, and the accuracy of the
        best possible guess on the test inputs.
    """
    tree = LatentTree.draw(depth, rng)
    training, test = tree.sample(train, rng), tree.sample(TEST, rng)
    seed = int(rng.integers(2**31))
    labels = rng.permutation(training.labels) if permuted else None
    model = student.create_student("dnn", training.fields, seed=seed)
    history = student_training.train(
        model, training, test, seed, epochs, labels
    )
    return history, tree.best_accuracy(test)


def measure_latent_tree(rng):
    runs = [train(rng) for _ in range(SEEDS)]
    return Measurement(
        holds=all(
            latents_found(run.accuracies[-1], best, _curve(run))
            for run, best in runs
        ),
        measured=(
            "accuracy of the best possible, selectivity from the lowest "
            f"level up: {_shown(runs)}"
        ),
        values=_figures(runs),
    )


def measure_permuted_labels(rng):
    seeds = [int(seed) for seed in rng.integers(2**31, size=PAIRS)]
    true, permuted = (
        [train(np.random.default_rng(seed), kind) for seed in seeds]
        for kind in (False, True)
    )
    rises = [
        tuple(_rise(_curve(run)) for run, _ in pair)
        for pair in zip(permuted, true, strict=True)
    ]
    shown = ", ".join(f"{p:+.3f} against {t:+.3f}" for p, t in rises)
    return Measurement(
        holds=nothing_found(rises),
        measured=(
            "rise of the top two levels with permuted against true labels: "
            f"{shown}; permuted: {_shown(permuted)}"
        ),
        values={"permuted": _figures(permuted), "true": _figures(true)},
    )


def latents_found(accuracy, best, curve):
    """Whether a student found the latents.

    Args:
        accuracy: Float, on the test inputs.
        best: Float, of the best possible guess on them.
        curve: Array `(measurements, levels)`, selectivity.
    """
    change = abs(curve[-1, 0] - curve[0, 0])
    return bool(
        accuracy >= best - MOST_BELOW_BEST
        and _rise(curve) >= LEAST_RISE
        and change < LARGEST_CHANGE
    )


def nothing_found(rises):
    """Whether permuted labels teach nothing of the latents.

    Less than claim 10 asks for, and less than true labels on the same tree.

    Args:
        rises: Pairs of floats: the rise of the top two levels' selectivity
            with permuted and with true labels.

    Returns:
        Boolean; None where the trees do not decide it.
    """
    permuted, true = np.transpose(rises)
    return contrasts.decide(
        [
            contrasts.above("rise asked for", LEAST_RISE, permuted),
            contrasts.above("of true labels", true - permuted, 0.0),
        ]
    )


def _curve(run):
    return run.selectivity["outputs"]


def _rise(curve):
    top = curve[:, -2:].mean(axis=1)
    return float(top[-1] - top[0])


def _shown(runs):
    return "; ".join(
        f"{run.accuracies[-1]:.1%} of {best:.1%}, {listed(_curve(run)[0])} -> "
        f"{listed(_curve(run)[-1])}"
        for run, best in runs
    )


def _figures(runs):
    return {
        "accuracies": [float(run.accuracies[-1]) for run, _ in runs],
        "best_possible_accuracies": [best for _, best in runs],
        "selectivity": np.array([_curve(run) for run, _ in runs]),
        "rises": [_rise(_curve(run)) for run, _ in runs],
    }
