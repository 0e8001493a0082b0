"""A student over training: selectivity and correlations."""

import numpy as np

from dlgn_tf.command.progress import Progress
from dlgn_tf.locality import (
    figures,
    selectivity,
    student,
    student_data,
    student_training,
)
from dlgn_tf.locality.responses import Responses
from dlgn_tf.output.spread import listed, mean_and_range


def title(command):
    """What a student learns from, in words."""
    name = command.teacher.replace("_", " ")
    norm = ", batch normalisation" if command.batch_norm else ""
    return f"{name} of depth {command.depth}, {command.width} nodes{norm}"


def data(command, seed):
    """The `StudentData` of a seed, the same for every family."""
    rng = np.random.default_rng([seed, 0])
    if command.teacher == "lookup":
        return student_data.lookup_tables(command.depth, rng, command.events)
    return student_data.latent_tree(command.depth, rng)


def untrained(command, family, seed, drawn):
    """A student of a seed, whose `StudentData` are drawn."""
    fields, counts = drawn.train.fields, drawn.train.counts
    return student.create_student(
        family,
        fields,
        classes=counts[-1],
        width=command.width,
        events=counts[0],
        batch_norm=command.batch_norm,
        seed=seed,
    )


def run(command, output):
    progress = Progress("students", 0, command.seeds, "seed")
    runs, possible = [], []
    for seed in range(command.seeds):
        drawn = data(command, seed)
        model = untrained(command, command.family, seed, drawn)
        before = None if seed else _correlations(model, drawn.test)
        trained = student_training.train(
            model, drawn.train, drawn.test, seed, command.epochs
        )
        if seed == 0:
            tables = before, _correlations(model, drawn.test)
        runs.append(trained)
        possible.append(drawn.best_accuracy)
        accuracy = float(trained.accuracies[-1])
        progress.update(seed + 1, {"accuracy": accuracy}, line=True)
    heading = f"{command.family} student of a {title(command)}"
    curves = np.array([run.selectivity["outputs"] for run in runs])
    accuracies = np.array([run.accuracies for run in runs])
    output.table("students", _curve_rows(runs))
    best = {"accuracy": accuracies, "possible": float(np.mean(possible))}
    output.picture(
        "selectivity",
        figures.selectivity(runs[0].steps, curves, best, heading),
    )
    output.table("correlations", _correlation_rows(*tables))
    output.picture("correlations", figures.correlations(*tables, heading))
    print(
        f"{heading}: accuracy {mean_and_range(accuracies[:, -1], '.4g')}, best "
        f"possible {mean_and_range(possible, '.4g')}; selectivity from the "
        "lowest level up "
        f"{listed(curves[:, 0].mean(0), '.2g')} -> "
        f"{listed(curves[:, -1].mean(0), '.2g')}"
    )
    return ("students", "correlations")


def _curve_rows(runs):
    return [
        {
            "seed": seed,
            "step": int(step),
            "accuracy": f"{run.accuracies[point]:.4f}",
            "of": kind,
            **{
                f"level_{level}": f"{value:.4f}"
                for level, value in enumerate(values[point], start=1)
            },
        }
        for seed, run in enumerate(runs)
        for kind, values in run.selectivity.items()
        for point, step in enumerate(run.steps)
    ]


def _correlations(model, teacher):
    """By level, `(regions * events, nodes)`, nodes of the same region."""
    images = student.images_of(teacher).images
    outputs = Responses(model)(images)["outputs"]
    return [
        np.concatenate(selectivity.of_regions(nodes, level, teacher))
        for level, nodes in enumerate(outputs, start=1)
    ]


def _correlation_rows(before, after):
    return [
        {
            "moment": moment,
            "level": level,
            "row": row,
            **{f"node_{k}": f"{value:.4f}" for k, value in enumerate(values)},
        }
        for moment, tables in (("before", before), ("after", after))
        for level, table in enumerate(tables, start=1)
        for row, values in enumerate(table)
    ]
