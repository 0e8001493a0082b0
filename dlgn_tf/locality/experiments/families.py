"""DNN, DGN and DLGN on the same data: gates and values apart."""

import numpy as np

from dlgn_tf.command.progress import Progress
from dlgn_tf.locality import figures, student, student_training
from dlgn_tf.locality.experiments import students
from dlgn_tf.output.spread import listed, mean_and_range, sample_std


def run(command, output):
    """DNN, DGN and DLGN on the same data: gates and values apart."""
    count = command.seeds * len(student.FAMILIES)
    progress, rows, done = Progress("families", 0, count, "student"), [], 0
    for seed in range(command.seeds):
        data = students.data(command, seed)
        for family in student.FAMILIES:
            model = students.untrained(command, family, seed, data)
            trained = student_training.train(
                model, data.train, data.test, seed, command.epochs
            )
            rows += _family_rows(family, seed, trained, data.best_accuracy)
            done += 1
            accuracy = float(trained.accuracies[-1])
            progress.update(done, {"accuracy": accuracy}, line=True)
    output.table("families", rows)
    found = _by_family(rows)
    output.table("families_summary", _summary_rows(found, rows))
    output.picture(
        "families",
        figures.families(found, f"students of a {students.title(command)}"),
    )
    for family, kinds in found.items():
        accuracies = [r["accuracy"] for r in _by_seed(rows, family)]
        print(f"{family}: accuracy {mean_and_range(accuracies, '.4g')}")
        for kind, values in kinds.items():
            first, last = values.mean(axis=0)
            print(f"  {kind}: {listed(first, '.2g')} -> {listed(last, '.2g')}")
    return ("families", "families_summary")


def _family_rows(family, seed, run, possible):
    return [
        {
            "family": family,
            "seed": seed,
            "accuracy": round(float(run.accuracies[-1]), 4),
            "best_possible": round(possible, 4),
            "of": kind,
            "level": level + 1,
            "before": round(float(values[0, level]), 4),
            "after": round(float(values[-1, level]), 4),
        }
        for kind, values in run.selectivity.items()
        for level in range(values.shape[1])
    ]


def _by_family(rows):
    """Arrays `(seeds, 2, levels)` by family and kind."""
    found = {}
    for row in rows:
        kinds = found.setdefault(row["family"], {})
        seeds = kinds.setdefault(row["of"], {})
        moments = seeds.setdefault(row["seed"], ([], []))
        moments[0].append(row["before"])
        moments[1].append(row["after"])
    return {
        family: {
            kind: np.array(list(seeds.values()))
            for kind, seeds in kinds.items()
        }
        for family, kinds in found.items()
    }


def _by_seed(rows, family):
    """One row per seed."""
    return {r["seed"]: r for r in rows if r["family"] == family}.values()


def _summary_rows(found, rows):
    """Mean and standard deviation over seeds of the top two levels."""
    summary = []
    for family, kinds in found.items():
        of_seeds = _by_seed(rows, family)
        accuracy = [r["accuracy"] for r in of_seeds]
        possible = [r["best_possible"] for r in of_seeds]
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
