"""DNN, DGN and DLGN on the same data: gates and values apart."""

import numpy as np

from dlgn_tf.command.progress import Progress
from dlgn_tf.locality import figures, student, student_training
from dlgn_tf.locality.experiments import students
from dlgn_tf.output.spread import listed, mean_and_range, sample_std


def run(command, output):
    count = command.seeds * len(student.FAMILIES)
    progress, done = Progress("families", 0, count, "student"), 0
    runs, possible = {family: [] for family in student.FAMILIES}, []
    for seed in range(command.seeds):
        data = students.data(command, seed)
        possible.append(round(data.best_accuracy, 4))
        for family, of_family in runs.items():
            model = students.untrained(command, family, seed, data)
            trained = student_training.train(
                model, data.train, data.test, seed, command.epochs
            )
            of_family.append(trained)
            done += 1
            accuracy = float(trained.accuracies[-1])
            progress.update(done, {"accuracy": accuracy}, line=True)
    accuracies = {
        family: [round(float(run.accuracies[-1]), 4) for run in of_family]
        for family, of_family in runs.items()
    }
    found = {family: _curves(of_family) for family, of_family in runs.items()}
    output.table("families", _rows(found, accuracies, possible))
    summary = _summary_rows(found, accuracies, possible)
    output.table("families_summary", summary)
    output.picture(
        "families",
        figures.families(found, f"students of a {students.title(command)}"),
    )
    for family, kinds in found.items():
        shown = mean_and_range(accuracies[family], ".4g")
        print(f"{family}: accuracy {shown}")
        for kind, values in kinds.items():
            first, last = values.mean(axis=0)
            print(f"  {kind}: {listed(first, '.2g')} -> {listed(last, '.2g')}")
    return ("families", "families_summary")


def _curves(runs):
    """Arrays `(seeds, 2, levels)` by kind, before and after training."""
    return {
        kind: np.round([run.selectivity[kind][[0, -1]] for run in runs], 4)
        for kind in runs[0].selectivity
    }


def _rows(found, accuracies, possible):
    return [
        {
            "family": family,
            "seed": seed,
            "accuracy": accuracies[family][seed],
            "best_possible": possible[seed],
            "of": kind,
            "level": level,
            "before": before,
            "after": after,
        }
        for seed in range(len(possible))
        for family, kinds in found.items()
        for kind, values in kinds.items()
        for level, (before, after) in enumerate(values[seed].T, start=1)
    ]


def _summary_rows(found, accuracies, possible):
    """Mean and standard deviation over seeds of the top two levels."""
    summary = []
    for family, kinds in found.items():
        accuracy = accuracies[family]
        for kind, values in kinds.items():
            top = values[:, :, -2:].mean(axis=2)
            summary.append(
                {
                    "family": family,
                    "of": kind,
                    "seeds": len(values),
                    **_statistics("accuracy", accuracy),
                    "best_possible_mean": f"{np.mean(possible):.4f}",
                    **_statistics("top_two_before", top[:, 0]),
                    **_statistics("top_two_after", top[:, 1]),
                    **_statistics("top_two_rise", top[:, 1] - top[:, 0]),
                }
            )
    return summary


def _statistics(name, values):
    return {
        f"{name}_mean": f"{np.mean(values):.4f}",
        f"{name}_std": f"{sample_std(values):.4f}",
    }
