"""Over-parameterised students of a fully connected teacher."""

import numpy as np

from dlgn_tf.command.progress import Progress
from dlgn_tf.locality import figures, specialization
from dlgn_tf.output.spread import listed

WIDTHS, OUTPUTS, MULTIPLES = (10, 15), 50, (1, 2, 5, 10)


def trained(command, cases):
    """Trains a student of every seed in every case, showing how far it is.

    Cases are a dict from a key to a teacher's widths, the multiple of them that
    the student has and, if it is another one, the recipe.

    Returns:
        Dict from a key to a list of `Specialization`, one a seed.
    """
    settings = [(key, seed) for key in cases for seed in range(command.seeds)]
    progress = Progress(command.experiment, 0, len(settings), "student")
    found = {key: [] for key in cases}
    for done, (key, seed) in enumerate(settings, start=1):
        widths, multiple, *recipe = cases[key]
        made = specialization.train(
            widths, OUTPUTS, multiple, command.epochs, seed, *recipe
        )
        found[key].append(made)
        progress.update(done, {"loss": float(made.losses[-1])}, line=True)
    return found


def run(command, output):
    cases = {multiple: (WIDTHS, multiple) for multiple in MULTIPLES}
    found = trained(command, cases)
    output.table("specialization", _specialization_rows(found))
    output.table("lucky", _lucky_rows(found))
    title = f"teacher of {list(WIDTHS)}"
    output.picture("specialization", figures.specialization(found, title))
    for multiple, runs in found.items():
        means = np.mean([run.means()[-1] for run in runs], axis=0)
        ranks = np.concatenate(
            [r for run in runs for r in run.winners_first_ranks()]
        )
        print(
            f"{multiple} x: mean best correlation {listed(means, '.3g')}; "
            f"{np.mean(ranks == 0):.0%} of the winners were first at the start"
        )
    return ("specialization", "lucky")


def _specialization_rows(found):
    return [
        {
            "multiple": multiple,
            "seed": seed,
            "epoch": epoch,
            "loss": f"{run.losses[epoch]:.6g}",
            "layer": layer + 1,
            "mean_best": f"{best[epoch].mean():.4f}",
            "least_best": f"{best[epoch].min():.4f}",
        }
        for multiple, runs in found.items()
        for seed, run in enumerate(runs)
        for layer, best in enumerate(run.best)
        for epoch in range(len(best))
    ]


def _lucky_rows(found):
    """A line a teacher node: which rank its winner had at the start."""
    return [
        {
            "multiple": multiple,
            "seed": seed,
            "layer": layer + 1,
            "teacher_node": node,
            "students": run.last[layer].shape[1],
            "correlation": f"{run.last[layer][node].max():.4f}",
            "students_above_0.9": int((run.last[layer][node] > 0.9).sum()),
            "winners_first_rank": int(rank),
        }
        for multiple, runs in found.items()
        for seed, run in enumerate(runs)
        for layer, ranks in enumerate(run.winners_first_ranks())
        for node, rank in enumerate(ranks)
    ]
