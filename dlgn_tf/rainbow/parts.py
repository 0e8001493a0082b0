"""What `python -m dlgn_tf.rainbow` does: measure, write, draw, tell."""

import functools
import itertools

import numpy as np

from dlgn_tf.command.progress import Progress
from dlgn_tf.errors import UserError
from dlgn_tf.output.folder import Output
from dlgn_tf.output.spread import mean_and_std
from dlgn_tf.rainbow import (
    accuracies,
    comparison,
    figures,
    trained_runs,
    width_figures,
    widths,
)
from dlgn_tf.rainbow import dynamics as growth
from dlgn_tf.rainbow import reference as references
from dlgn_tf.rainbow.comparison import grouped
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.published import resampled
from dlgn_tf.rainbow.resampling import check_pairs


def measure(task):
    """Measures the parts that a `Command` with its images asks for.

    Raises:
        UserError: if there is no such run, the runs differ in more than seeds
            and widths, or memory does not suffice.
    """
    work = _Work(task)
    for part in task.parts:
        getattr(work, part)()
    work.arrays()
    print(f"written to {task.output_dir}")


class _Work:
    """The runs of a measurement, and covariances that its parts share."""

    def __init__(self, task):
        self._task = task
        self._output = Output(task.output_dir)
        self._runs = trained_runs.load_all(
            task.run_dirs,
            task.whole_maps,
            dataset=task.dataset,
            model=task.model,
        )
        self._names = [run.name for run in self._runs]
        self._title = f"{self._runs[0].model.name}, {len(self._runs)} runs"
        self._networks = self._runs[0].networks
        references.check_comparable([run.layered() for run in self._runs])
        accuracies.check_layers(self._runs[0].layered().hidden, task.layers)
        if task.joint:
            labels = self._runs[0].layered().hidden
            check_pairs(accuracies.chosen(labels, task.layers))

    @functools.cached_property
    def _widest(self):
        sizes = [r.model.count_params() for r in self._runs]
        return int(np.argmax(sizes))

    @functools.cached_property
    def _covariances(self):
        """Dict from a network to the `WeightCovariances` of all runs."""
        return {
            network: self._covariances_of(
                [run.layered(network) for run in self._runs]
            )
            for network in self._networks
        }

    def _covariances_of(self, networks):
        """In the basis of the mean, or of the widest where widths differ."""
        widths = {network.widths for network in networks}
        print(f"covariances of {networks[0].labels[0]} and on", flush=True)
        return weight_covariances(
            networks,
            self._task.batches,
            "mean" if len(widths) == 1 else self._widest,
            memory_gib=self._task.memory_gib,
        )

    @functools.cached_property
    def _whole(self):
        """`WeightCovariances` of all runs, gating and value network in one."""
        if self._networks == (None,):
            return self._covariances[None]
        return self._covariances_of([run.layered() for run in self._runs])

    def _hidden(self, network):
        """Labels of a network's chosen layers, its classifier left out."""
        labels = self._runs[0].layered(network).hidden
        if not labels:
            raise UserError(
                "Expected a network with a dense layer or a convolution before "
                f"its classifier. Received: {self._names[0]}, which has none"
            )
        return accuracies.chosen(labels, self._task.layers)

    def arrays(self):
        """covariances.npz: an array per layer."""
        if not {"spectra", "clipping", "convergence"} & {*self._task.parts}:
            return
        found = {
            label.replace("/", "."): matrix
            for each in self._covariances.values()
            for label, matrix in each.matrices.items()
        }
        self._output.arrays("covariances", **found)

    @functools.cached_property
    def _alignment_rows(self):
        rows = []
        for network in self._networks:
            untrained = [run.initial_layers(network) for run in self._runs]
            rows += comparison.alignment_rows(
                self._names,
                [run.layered(network) for run in self._runs],
                self._widest,
                self._task.batches,
                self._task.held_out,
                self._task.memory_gib,
                untrained if all(untrained) else (),
            )
        reference = self._names[self._widest]
        return [row for row in rows if row["run"] != reference]

    def alignment(self):
        rows, reference = self._alignment_rows, self._names[self._widest]
        self._save("alignment", rows, figures.alignment, reference)
        for (layer,), found in grouped(rows, "layer").items():
            print(f"{layer}: aligned to {reference}, {_explained(found)}")

    def spectra(self):
        rows = []
        for network, covariances in self._covariances.items():
            first = self._runs[0].initial_layers(network)
            initial = first and _weights(first)
            rows += comparison.spectrum_rows(
                covariances, self._hidden(network), initial
            )
        fits = comparison.fit_rows(rows)
        self._output.table("fits", fits)
        self._output.table("spectra", rows)
        for what, figure in (
            ("activation_spectra", figures.activation_spectra),
            ("weight_spectra", figures.weight_spectra),
        ):
            self._output.picture(what, figure(rows, fits, self._title))
        for fit in fits:
            if fit["what"] != "weights of one":
                print(
                    f"{fit['layer']}: {fit['law']} of {fit['what']}, slope "
                    f"{fit['slope']:.3g}, R^2 {fit['r_squared']:.2f}"
                )

    def convergence(self):
        rows = [
            row
            for network, covariances in self._covariances.items()
            for row in comparison.convergence_rows(
                covariances, self._hidden(network)
            )
        ]
        self._save("convergence", rows, figures.convergence)

    def whitening(self):
        rows, white = [], {}
        for network, covariances in self._covariances.items():
            labels = self._hidden(network)
            rows += comparison.whitening_rows(self._names, covariances, labels)
            for label in labels:
                white[label] = comparison.whitened(covariances, label)
        self._output.table("whitening", rows)
        for label in [x for x, found in white.items() if found is None]:
            print(
                f"{label}: not whitened; the other runs have fewer neurons "
                "than it has dimensions"
            )
        white = {label: found for label, found in white.items() if found}
        if not white:
            return
        weights = {
            label: comparison.own_weights(covariances, label)
            for covariances in self._covariances.values()
            for label in covariances.labels
            if label in white
        }
        self._output.picture(
            "marchenko_pastur",
            figures.marchenko_pastur(weights, white, self._title),
        )
        self._output.picture(
            "gaussianity", figures.gaussianity(white, self._title)
        )

    def clipping(self):
        curves = 4 * sum(len(self._hidden(net)) for net in self._networks)
        step = _counter("clipping", curves * len(self._runs), "curve")
        rows = []
        for network, covariances in self._covariances.items():
            for k, run in enumerate(self._runs):
                rows += accuracies.clipping_rows(
                    self._names[k],
                    run.layered(network),
                    covariances,
                    covariances.alignments[k],
                    self._task,
                    step,
                )
        self._save("clipping", rows, figures.clipping)

    @functools.cached_property
    def _resampling_rows(self):
        runs, task = self._runs, self._task
        own = task.covariances != "all"
        shared = len(runs) > 1 and task.covariances != "own"
        sources = [False] * own + [True] * shared
        of_run = sum(accuracies.networks_of(runs, x, task) for x in sources)
        # Trained networks are told once.
        count = len(runs) * (of_run + 2)
        step = _counter("resampling", count, "network")
        rows = []
        for index in range(len(runs)):
            rows += accuracies.trained_rows(runs[index], task, step)
            for of_all in sources:
                covariances = self._whole if of_all else None
                rows += accuracies.resampling_rows(
                    runs, index, task, covariances, step
                )
        return rows

    def resampling(self):
        runs, task, rows = self._runs, self._task, self._resampling_rows
        published = resampled(runs[0].config) if runs[0].config else {}
        if task.layers:
            # Drawn networks are other ones than those that were published.
            published = {k: x for k, x in published.items() if k == "trained"}
        summary = _summary(rows, published)
        self._output.table("resampling", rows)
        self._output.table("resampling_summary", summary)
        self._output.picture(
            "resampling", figures.resampling(rows, published, self._title)
        )
        for row in summary:
            beside = row["published"] and f", published {row['published']:.1%}"
            print(
                f"{row['way']} (layers: {row['layers']}, covariances: "
                f"{row['covariances']}): {row['mean']:.2%} +- "
                f"{row['std']:.2%}{beside}"
            )

    def dynamics(self):
        run = next(run for run in self._runs if run.snapshots)
        rows = [
            row
            for network in self._networks
            for row in _dynamics_rows(run, network)
        ]
        self._save("dynamics", rows, figures.dynamics)

    def widths(self):
        found_widths = [run.width for run in self._runs]
        width_of = dict(zip(self._names, found_widths, strict=True))
        rows = widths.alignment_rows(self._alignment_rows, width_of)
        spectra = []
        for network, covariances in self._covariances.items():
            found = (
                self._names,
                found_widths,
                covariances,
                self._hidden(network),
            )
            rows += widths.covariance_rows(*found)
            spectra += widths.spectrum_rows(*found)
        rows += widths.norm_rows(
            self._runs, self._task.batches, self._task.memory_gib
        )
        rows += widths.accuracy_rows(self._resampling_rows)
        summary = widths.summary(rows)
        self._output.table("widths", rows)
        self._output.table("widths_summary", summary)
        self._output.table("width_spectra", spectra)
        self._output.picture(
            "widths", width_figures.widths(summary, spectra, self._title)
        )
        for what, line in widths.lines(summary):
            print(f"{what} by width: {line}")

    def _save(self, name, rows, figure, *more):
        if not rows:
            return
        self._output.table(name, rows)
        self._output.picture(name, figure(rows, *more, self._title))


def _counter(title, stop, unit):
    """A function that counts up a `Progress` when called."""
    progress, steps = Progress(title, 0, stop, unit), itertools.count(1)
    return lambda: progress.update(next(steps))


def _weights(network):
    """Dict from label to the weights `(neurons, dimension)`."""
    return {layer.label: layer.matrix for layer in network.layers}


def _dynamics_rows(run, network):
    """Growth along the final eigenvectors, of every layer at every snapshot."""
    snapshots = {
        step: _weights(run.layers_of(run.at(step), network))
        for step in run.snapshots
    }
    rows = []
    for label in next(iter(snapshots.values())):
        found = growth.along_eigenvectors(
            [weights[label] for weights in snapshots.values()]
        )
        for k, step in enumerate(snapshots):
            rows += [
                {
                    "run": run.name,
                    "layer": label,
                    "step": step,
                    "direction": r + 1,
                    "amplification": float(found.amplification[k, r]),
                    "cosine": float(found.cosine[k, r]),
                }
                for r in range(len(found.eigenvalues))
            ]
    return rows


def _summary(rows, published):
    """Mean and sample standard deviation over runs and draws."""
    return [
        {
            "layers": layers,
            "covariances": source,
            "way": way,
            "networks": len(found),
            **mean_and_std([row["accuracy"] for row in found]),
            "published": published.get(way) or "",
        }
        for (layers, source, way), found in grouped(
            rows, "layers", "covariances", "way"
        ).items()
    ]


def _explained(rows):
    values = [row["explained"] for row in rows]
    control = [row["explained_untrained"] for row in rows]
    told = f"{np.mean(values):.1%} explained ({min(values):.1%} at least)"
    if "" in control:
        return told
    return f"{told}, untrained {np.mean(control):.1%}"
