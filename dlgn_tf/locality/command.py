"""The experiments of `python -m dlgn_tf.locality`: measure, write, tell."""

import dataclasses

import numpy as np

from dlgn_tf.command.progress import Progress
from dlgn_tf.locality import constructions
from dlgn_tf.locality import disentangled
from dlgn_tf.locality import figures
from dlgn_tf.locality import lossy as lossy_teachers
from dlgn_tf.locality import passes
from dlgn_tf.locality import selectivity
from dlgn_tf.locality import student
from dlgn_tf.locality import student_data
from dlgn_tf.locality import teachers
from dlgn_tf.locality.responses import Responses
from dlgn_tf.locality.worlds import GRAPHS
from dlgn_tf.output.folder import Output
from dlgn_tf.output.spread import listed
from dlgn_tf.output.spread import mean_and_range
from dlgn_tf.output.spread import sample_std

_SETS, _FACTORS_BELOW = ((0, 1), (2,), (3, 4)), 5


@dataclasses.dataclass(frozen=True)
class Task:
    """What is measured.

    Attributes:
        output_dir: Path-like.
        seeds: Integer: seeds 0, 1, ...; each draws teacher and student.
        teacher: `"latent_tree"` or `"lookup"`.
        depth: Integer, levels above the leaves.
        events: Integer, events of a region of a lookup teacher.
        family: One of `dlgn_tf.locality.student.FAMILIES`.
        width: Integer, nodes of a student's region.
        batch_norm: Boolean, see `dlgn_tf.locality.student.local`.
        epochs: Integer.
    """

    output_dir: str
    seeds: int
    teacher: str = "latent_tree"
    depth: int = 5
    events: int = 2
    family: str = "dnn"
    width: int = 10
    batch_norm: bool = False
    epochs: int = 15

    @property
    def title(self):
        name = self.teacher.replace("_", " ")
        norm = ", batch normalisation" if self.batch_norm else ""
        return f"{name} of depth {self.depth}, {self.width} nodes{norm}"

    def data(self, seed):
        """The `StudentData` of a seed, the same for every family."""
        rng = np.random.default_rng([seed, 0])
        if self.teacher == "lookup":
            return student_data.lookup_tables(self.depth, rng, self.events)
        return student_data.latent_tree(self.depth, rng)

    def untrained(self, family, seed, data):
        """A student of a seed."""
        fields, counts = data.train.fields, data.train.counts
        return student.create_student(
            family,
            fields,
            classes=counts[-1],
            width=self.width,
            events=counts[0],
            batch_norm=self.batch_norm,
            seed=seed,
        )


def students(task):
    """A student over training, `students.csv` and two pictures."""
    from dlgn_tf.locality import student_training

    output = Output(task.output_dir)
    progress = Progress("students", 0, task.seeds, "seed")
    runs, possible = [], []
    for seed in range(task.seeds):
        data = task.data(seed)
        model = task.untrained(task.family, seed, data)
        before = None if seed else _correlations(model, data.test)
        run = student_training.train(
            model, data.train, data.test, seed, task.epochs
        )
        if seed == 0:
            tables = before, _correlations(model, data.test)
        runs.append(run)
        possible.append(data.best_accuracy)
        progress.update(
            seed + 1, {"accuracy": float(run.accuracies[-1])}, line=True
        )
    title = f"{task.family} student of a {task.title}"
    curves = np.array([run.selectivity["outputs"] for run in runs])
    accuracies = np.array([run.accuracies for run in runs])
    output.table("students", _curve_rows(runs))
    best = {"accuracy": accuracies, "possible": float(np.mean(possible))}
    output.picture(
        "selectivity",
        figures.selectivity(runs[0].steps, curves, best, title),
    )
    output.table("correlations", _correlation_rows(*tables))
    output.picture("correlations", figures.correlations(*tables, title))
    print(
        f"{title}: accuracy {mean_and_range(accuracies[:, -1], '.4g')}, best "
        f"possible {mean_and_range(possible, '.4g')}; selectivity from the "
        "lowest level up "
        f"{listed(curves[:, 0].mean(0), '.2g')} -> "
        f"{listed(curves[:, -1].mean(0), '.2g')}"
    )
    _tell(output, "students", "correlations")


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
    tables = []
    for level, nodes in enumerate(outputs, start=1):
        tables.append(
            np.concatenate(
                [
                    selectivity.event_correlations(
                        nodes[:, region],
                        teacher.events[level][:, region],
                        teacher.counts[level],
                    )
                    for region in range(nodes.shape[1])
                ]
            )
        )
    return tables


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


def families(task):
    """DNN, DGN and DLGN on the same data: gates and values apart."""
    from dlgn_tf.locality import student_training

    output = Output(task.output_dir)
    count = task.seeds * len(student.FAMILIES)
    progress, rows, done = Progress("families", 0, count, "student"), [], 0
    for seed in range(task.seeds):
        data = task.data(seed)
        for family in student.FAMILIES:
            model = task.untrained(family, seed, data)
            run = student_training.train(
                model, data.train, data.test, seed, task.epochs
            )
            rows += _family_rows(family, seed, run, data.best_accuracy)
            done += 1
            accuracy = float(run.accuracies[-1])
            progress.update(done, {"accuracy": accuracy}, line=True)
    output.table("families", rows)
    found = _by_family(rows)
    output.table("families_summary", _summary_rows(found, rows))
    output.picture(
        "families", figures.families(found, f"students of a {task.title}")
    )
    for family, kinds in found.items():
        accuracies = [r["accuracy"] for r in _by_seed(rows, family)]
        print(f"{family}: accuracy {mean_and_range(accuracies, '.4g')}")
        for kind, values in kinds.items():
            first, last = values.mean(axis=0)
            print(f"  {kind}: {listed(first, '.2g')} -> {listed(last, '.2g')}")
    _tell(output, "families", "families_summary")


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
    """One row a seed."""
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


def energy(task):
    """Energies of a hidden layer with and without batch normalisation."""
    from dlgn_tf.locality import energy_descent

    output, rows, drawn = Output(task.output_dir), [], {}
    labels = {"batch normalisation": True, "none": False}
    for seed in range(task.seeds):
        for label, batch_norm in labels.items():
            rng = np.random.default_rng(seed)
            history = energy_descent.descend(rng, batch_norm)
            drawn.setdefault(label, history)
            products = np.abs(history.products).max(axis=1)
            rows += [
                {
                    "seed": seed,
                    "normalisation": label,
                    "step": step,
                    "loss": f"{history.losses[step]:.6g}",
                    "largest_product": f"{products[step]:.6g}",
                    "mean_drift": f"{history.drifts[step].mean():.6g}",
                    "largest_drift": f"{history.drifts[step].max():.6g}",
                }
                for step in range(len(products))
            ]
    output.table("energy", rows)
    title = "hidden layer of 20 ReLUs, gradient descent, rate 0.01"
    output.picture("energy", figures.energies(drawn, title))
    for label in labels:
        of_label = [r for r in rows if r["normalisation"] == label]
        drift = max(float(r["largest_drift"]) for r in of_label)
        product = max(float(r["largest_product"]) for r in of_label)
        print(
            f"{label}: |E[f g]| <= {product:.1e}, energy drifts <= {drift:.2%}"
        )
    _tell(output, "energy")


def lossy(task):
    """What the matrix form loses with a lossy teacher."""
    output, worlds = Output(task.output_dir), 20 * task.seeds
    found = {
        graph: lossy_teachers.measure(
            graph, worlds, np.random.default_rng([0, index])
        )
        for index, graph in enumerate(GRAPHS)
    }
    rows = [
        {
            "graph": graph,
            "teacher": world,
            "events_of_pairs": codes[0],
            "events": codes[1],
            "gap": f"{each.gaps[world, index]:.6g}",
            **{
                name: f"{values[world, index]:.6g}"
                for name, values in each.violations.items()
            },
        }
        for graph, each in found.items()
        for world in range(worlds)
        for index, codes in enumerate(lossy_teachers.CODES)
    ]
    output.table("lossy", rows)
    title = "matrix form against back-propagation"
    output.picture("lossy", figures.lossy(lossy_teachers.CODES, found, title))
    for graph, each in found.items():
        print(f"{graph}: gap {listed(each.gaps.mean(axis=0), '.2g')}")
    _tell(output, "lossy")


def linear(task):
    """Constructed ReLU layers beside the best affine maps."""
    output, circles, trees = Output(task.output_dir), {}, {}
    for rows in (4, 8, 16, 32, 64, 128, 256):
        P, W, b = constructions.circle(rows)
        circles[rows] = (
            constructions.relu_loss(P, W, b),
            constructions.affine_loss(P),
        )
    for pixels in (2, 3, 4, 6, 8):
        inputs = teachers.all_inputs(pixels)
        network = constructions.and_tree(constructions.pixel_fields(pixels))
        made = passes.forward(network, np.eye(2)[inputs])[0][-1][:, 0]
        relu = float(((made - np.eye(len(inputs))) ** 2).sum())
        trees[pixels] = relu, constructions.affine_loss(inputs)
    table = [
        {"construction": name, "size": size, "relu": relu, "affine": affine}
        for name, losses in (("circle", circles), ("and_tree", trees))
        for size, (relu, affine) in losses.items()
    ]
    output.table("linear", table)
    output.picture("linear", figures.linear(circles, trees))
    for row in table:
        print(
            f"{row['construction']} {row['size']}: ReLU {row['relu']:.1e}, "
            f"affine {row['affine']:.6g}"
        )
    _tell(output, "linear")


def separability(task):
    """Weights outside of the sets over training, gradient centred or not."""
    output, histories = Output(task.output_dir), {}
    for centred, label in ((True, "centred"), (False, "not centred")):
        curves = []
        for seed in range(task.seeds):
            setting = disentangled.draw_setting(
                _SETS, _FACTORS_BELOW, np.random.default_rng(seed)
            )
            curves.append(disentangled.descend(*setting, centred))
        histories[label] = np.array(curves)
    rows = [
        {"seed": seed, "gradient": label, "step": step, "largest": f"{x:.6g}"}
        for label, curves in histories.items()
        for seed, curve in enumerate(curves)
        for step, x in enumerate(curve)
    ]
    output.table("separability", rows)
    title = "three factors over five, separable at the start"
    output.picture("separability", figures.separability(histories, title))
    for label, curves in histories.items():
        print(
            f"{label}: {mean_and_range(curves[:, -1], '.2g')} after 300 steps"
        )
    _tell(output, "separability")


def specialize(task):
    """Over-parameterised students of a fully connected teacher."""
    from dlgn_tf.locality import specialization

    widths, outputs, multiples = (10, 15), 50, (1, 2, 5, 10)
    output, found = Output(task.output_dir), {}
    total = len(multiples) * task.seeds
    progress, done = Progress("specialization", 0, total, "student"), 0
    for multiple in multiples:
        for seed in range(task.seeds):
            run = specialization.train(
                widths, outputs, multiple, task.epochs, seed
            )
            found.setdefault(multiple, []).append(run)
            done += 1
            progress.update(done, {"loss": float(run.losses[-1])}, line=True)
    output.table("specialization", _specialization_rows(found))
    output.table("lucky", _lucky_rows(found))
    title = f"teacher of {list(widths)}"
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
    _tell(output, "specialization", "lucky")


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


def _tell(output, *tables):
    print(
        f"{', '.join(f'{t}.csv' for t in tables)} and PNG: {output.directory}"
    )


EXPERIMENTS = {
    "students": students,
    "families": families,
    "energy": energy,
    "lossy": lossy,
    "linear": linear,
    "separability": separability,
    "specialization": specialize,
}
