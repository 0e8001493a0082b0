"""The parts of `python -m dlgn_tf.dual`: measure, write, tell."""

import dataclasses
import time
import typing

import numpy as np

from dlgn_tf.command.memory import peak_gib
from dlgn_tf.command.progress import Progress
from dlgn_tf.data.images import ImageSet
from dlgn_tf.dual import figures, kernel_learning, layer_kernels
from dlgn_tf.dual import over_training as kernels_over_training
from dlgn_tf.dual.network_kernel import neural_path_kernel
from dlgn_tf.dual.path_features import feature_regression, path_features
from dlgn_tf.errors import UserError
from dlgn_tf.models import registry
from dlgn_tf.training import engines, trained
from dlgn_tf.training.output import EventOutput
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.source import Source

_EVAL_BATCH = 500

# What of a row is no curve.
_COUNTS = ("step", "images", "test_images")


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """A network and the images that its kernels are of.

    Attributes:
        command: `dlgn_tf.dual.command.Command`, what was asked for.
        source: `dlgn_tf.training.source.Source`, where the network is.
        train: `ImageSet` that kernels are of.
        test: `ImageSet` that is predicted.
    """

    command: typing.Any
    source: Source
    train: ImageSet
    test: ImageSet

    @property
    def directory(self):
        return RunDirectory(self.command.run_dir)

    @property
    def classes(self):
        return self.source.of_images.classes

    def snapshot(self, step):
        """The model that was kept of a step, a `UserError` for another's."""
        path, config = self.directory.snapshot(step), self.source.config
        model = trained.load_trained(path, like=config)
        if model.name != registry.called(config.model):
            raise UserError(
                f"Expected snapshots of {config.model}, as the run is. "
                f"Received: {path}, a {model.name}"
            )
        return model

    def network_accuracy(self, model):
        """Of the network itself, on the test images."""
        return engines.evaluate_model(model, self.test, _EVAL_BATCH).accuracy


def kernel(run):
    """The kernel of a trained network beside that of random gates."""
    model, step = run.source.load()
    run.source.check_images(model)
    # Nobody may have noted it.
    step = step or 0
    output = EventOutput(run.command.output_dir, "kernel", "dual")
    # First of all, so that a model the theory does not cover is told at once.
    matrix, test_matrix = _kernels(run, model)
    accuracy = run.network_accuracy(model)
    output.arrays(
        "kernel",
        kernel=matrix,
        test_kernel=test_matrix,
        labels=run.train.labels,
        test_labels=run.test.labels,
        step=step,
    )
    learned, spectrum = _described(run, matrix, test_matrix)
    title = f"{model.name} on {run.source.of_images.name}, step {step}"
    labels, names = run.train.labels, run.source.of_images.names
    heat_map = figures.heat_map(matrix, labels, run.classes, title, names)
    rows = kernel_learning.class_rows(matrix, labels, names)
    output.table("heat_map", rows)
    output.picture("heat_map", heat_map)

    # The same architecture, gates as drawn.
    untrained = run.source.untrained(model)
    random, random_spectrum = _described(run, *_kernels(run, untrained))
    spectra = {"trained": spectrum, "random": random_spectrum}
    spectrum = figures.spectrum(spectra, f"{title}, {len(matrix)} images")
    output.table("spectrum", _spectrum_rows(spectra))
    output.picture("spectrum", spectrum)
    rows = [
        {"gates": "trained", "step": step, "network_accuracy": accuracy}
        | learned,
        {"gates": "random", "step": 0, "network_accuracy": ""} | random,
    ]
    output.table("kernels", rows)
    output.events(
        [(step, {"network_accuracy": accuracy, **_numbers(learned)})],
        {"heat_map": (step, heat_map), "spectrum": (step, spectrum)},
    )
    _tell(
        run, model.name, step, accuracy, {"trained": learned, "random": random}
    )


def _kernels(run, model):
    """Kernels of the training images, and of the test images by them."""
    command = run.command
    options = {
        "biases": command.biases,
        "single": command.single,
        "memory_gib": command.memory_gib,
        "progress": True,
    }
    images = run.train.images
    return (
        neural_path_kernel(model, images, **options),
        neural_path_kernel(model, run.test.images, images, **options),
    )


def features(run):
    """Regression on random path features, of trained and of random gates."""
    output = EventOutput(run.command.output_dir, "features", "dual")
    rows = _of_both(run, lambda model: [_of_features(run, model)])
    output.table("features", rows)
    for row in rows:
        print(
            f"  {row['gates']} gates: regression on path features "
            f"{row['regression_accuracy']:.2%} (ridge {row['ridge']:g}), "
            f"{row['images']:,} images, {row['draws']} draws"
        )
    print(f"features.csv is in {run.command.output_dir}")


def _of_both(run, measure):
    """Rows that `measure` makes of the trained network and an untrained one."""
    model, step = run.source.load()
    run.source.check_images(model)
    accuracy = run.network_accuracy(model)
    print(f"{model.name}: {accuracy:.2%} of {len(run.test):,} test images")
    gates = (
        (model, ("trained", step or 0, accuracy)),
        (run.source.untrained(model), ("random", 0, "")),
    )
    names = ("gates", "step", "network_accuracy")
    return [
        {**dict(zip(names, known, strict=True)), **row}
        for network, known in gates
        for row in measure(network)
    ]


def _of_features(run, model):
    """Figures of a regression on path features, a dict."""
    command, began = run.command, time.perf_counter()
    count, memory_gib = len(run.train), command.memory_gib
    # All at once: what does not fit is told before anything is computed.
    features = path_features(
        model,
        np.concatenate([run.train.images, run.test.images]),
        command.draws,
        command.seed,
        biases=command.biases,
        memory_gib=memory_gib,
        progress=True,
    )
    fit = feature_regression(
        features[:count],
        run.train.labels,
        features[count:],
        run.test.labels,
        run.classes,
        memory_gib=memory_gib,
    )
    return {
        "images": count,
        "test_images": len(run.test),
        "draws": command.draws,
        "features": features.shape[1],
        "regression_accuracy": fit.accuracy,
        "ridge": fit.parameter,
        "seconds": round(time.perf_counter() - began, 1),
        # So far, of all that this process held.
        "peak_gib": round(peak_gib(), 2),
    }


def layers(run):
    """Regression with products and sums of kernels of the first layers."""
    command = run.command
    output = EventOutput(command.output_dir, "layers", "dual")
    rows = _of_both(
        run,
        lambda model: layer_kernels.regressions(
            model,
            run.train,
            run.test,
            run.classes,
            command.seed,
            command.memory_gib,
            single=command.single,
        ),
    )
    output.table("layers", rows)
    of_images = run.source.of_images.name
    title = f"{of_images}, kernels of {len(run.train):,} images"
    output.picture("layers", figures.layers(rows, title))
    for row in rows:
        print(
            f"  {row['gates']} gates, {row['combination']} of "
            f"{row['layers']}: regression {row['regression_accuracy']:.2%} "
            f"(ridge {row['ridge']:g})"
        )
    print(f"layers.csv and layers.png are in {command.output_dir}")


def _described(run, matrix, test_matrix):
    """Figures of a kernel as a dict, and its `Spectrum`."""
    described = kernels_over_training.describe(
        matrix,
        test_matrix,
        run.train,
        run.test,
        run.classes,
        run.command.alignment_ridge,
        run.command.seed,
    )
    spectrum = kernel_learning.spectrum(matrix)
    machine = kernel_learning.support_vectors(
        matrix,
        run.train.labels,
        test_matrix,
        run.test.labels,
        seed=run.command.seed,
    )
    figures_of_kernel = {
        "images": len(run.train),
        "test_images": len(run.test),
        **described,
        "svm_accuracy": machine.accuracy,
        "svm_cost": machine.parameter,
        "effective_rank": spectrum.effective_rank,
        "participation_ratio": spectrum.participation_ratio,
        "centered_effective_rank": spectrum.centered_effective_rank,
    }
    return figures_of_kernel, spectrum


def _spectrum_rows(spectra):
    columns = {gates: each.eigenvalues for gates, each in spectra.items()}
    return [
        {"index": index + 1, **{name: v[index] for name, v in columns.items()}}
        for index in range(len(spectra["trained"].eigenvalues))
    ]


def _tell(run, name, step, accuracy, described):
    print(
        f"{name} at step {step}: {accuracy:.2%} of {len(run.test):,} test "
        f"images of {run.source.of_images.name}; its neural "
        f"path kernel, of {len(run.train):,} training images:"
    )
    for gates, row in described.items():
        print(
            f"  {gates} gates: regression "
            f"{row['regression_accuracy']:.2%} (ridge {row['ridge']:g}), SVM "
            f"{row['svm_accuracy']:.2%} (C {row['svm_cost']:g}), "
            f"y^T (H / tr H)^-1 y {row['label_alignment']:.4g}, centred "
            f"kernel-target alignment {row['centered_target_alignment']:.3f}, "
            f"effective rank {row['effective_rank']:.1f}, centred "
            f"{row['centered_effective_rank']:.1f}"
        )
    print(
        f"kernels.csv, kernel.npz and pictures are in {run.command.output_dir}"
    )


def over_training(run, steps):
    """The kernel at each snapshot: how neural path features are learned."""
    rows = kernels_over_training.path_kernels(
        steps,
        run.snapshot,
        run.network_accuracy,
        run.train,
        run.test,
        run.classes,
        run.command.alignment_ridge,
        seed=run.command.seed,
        biases=run.command.biases,
        single=run.command.single,
        memory_gib=run.command.memory_gib,
    )
    shown = ("network_accuracy", "regression_accuracy", "label_alignment")
    rows = _collect(run, "over_training", rows, len(steps), shown)
    first, last = rows[0], rows[-1]
    for name in shown:
        print(f"{name}: {first[name]:.4g} -> {last[name]:.4g}")


def ntk_trace(run, steps):
    """Value part and gating part of the NTK at each snapshot."""
    rows = kernels_over_training.tangent_kernels(
        steps, run.snapshot, run.train, memory_gib=run.command.memory_gib
    )
    shown = ("value_trace", "gating_trace")
    rows = _collect(run, "ntk_trace", rows, len(steps), shown)
    for name in shown:
        print(f"{name}: {rows[0][name]:.4g} -> {rows[-1][name]:.4g}")


_DRAW = {
    "over_training": figures.path_kernels,
    "ntk_trace": figures.tangent_kernels,
}


def _collect(run, part, rows, count, shown):
    """Writes rows as they come, draws them at the end, and returns them.

    Until then they lie apart, so that a call that is stopped takes nothing from
    what an earlier one left.
    """
    output = EventOutput(run.command.output_dir, part, "dual")
    progress = Progress(part.replace("_", " "), 0, count, "snapshot")
    measured = []
    for row in rows:
        measured.append(row)
        output.table(f"{part}.partial", measured)
        progress.update(
            len(measured), {name: row[name] for name in shown}, line=True
        )
    config = run.source.config
    title = f"{config.model} on {config.dataset}, {len(run.train)} images"
    figure = _DRAW[part](measured, title)
    output.table(part, measured)
    output.remove_table(f"{part}.partial")
    output.picture(part, figure)
    output.events(
        [(row["step"], _numbers(row)) for row in measured],
        {part: (measured[-1]["step"], figure)},
    )
    print(f"{part}.csv and {part}.png are in {run.command.output_dir}")
    return measured


def _numbers(row):
    return {
        name: value
        for name, value in row.items()
        if name not in _COUNTS and np.isfinite(value)
    }
