"""Spectra and eigenfunctions over a training."""

import numpy as np

from dlgn_tf.dual.spectral import eigenfunctions as path_eigenfunctions
from dlgn_tf.dual.spectral import fourier, targets, training
from dlgn_tf.dual.spectral import training_figures as figures
from dlgn_tf.dual.spectral.experiments import cells

SIDE = 32
COUNT = 64
# Of the command's steps.
_MOMENTS = (0, 1 / 12, 1 / 6, 1 / 3, 2 / 3, 1)


def run(command, output):
    at = fourier.grid(SIDE)
    portion = training.PORTION
    moments = sorted(
        {round(command.steps * x / portion) * portion for x in _MOMENTS}
    )
    ends = moments[0], moments[-1]
    settings = [
        cells.of_command(command, family=family, frequency=frequency)
        for frequency in command.frequencies
        for family in training.FAMILIES
    ]
    spectra, bands, captured, first = [], [], [], {}
    for setting, seed, found in cells.measure(
        settings, command.seeds, "training", tuple(moments)
    ):
        who = {
            "frequency": setting.frequency,
            "family": setting.family,
            "seed": seed,
        }
        for step, network in found.items():
            of_step = {**who, "step": step}
            measured = spectrum(network, setting.family, at)
            spectra += rows_of_bands(of_step, measured)
            if setting.family == "dnn" or step not in ends:
                continue
            leading = path_eigenfunctions.eigenfunctions(
                path_eigenfunctions.path_kernel(network, at), COUNT
            )
            target = targets.target(at, setting.frequency)
            captured.append(
                {
                    **of_step,
                    **kernel_row(network, leading, target, setting, seed),
                }
            )
            bands += _overlap_rows(of_step, leading)
            if seed == 0:
                first[setting.frequency, setting.family, step] = leading
    return _write(command, output, spectra, bands, captured, first)


def spectrum(network, family, at):
    """Power by band of what a network computes and of its gates.

    Of gates the mean over the units of all layers, less their affine parts.
    Also the share of the variance of pre-activations that is not affine.
    """
    found = {"function": fourier.band_power(network(at))}
    if family != "dnn":
        gates = np.concatenate(network.gates(at), axis=1)
        rest = fourier.without_affine(gates, at)
        found["gates"] = fourier.band_power(rest).mean(axis=1)
        q = np.concatenate(network.preactivations(at), axis=1)
        found["preactivations_not_affine"] = fourier.share_not_affine(q, at)
    return found


def rows_of_bands(of_step, measured):
    """A row a band of what `spectrum` found."""
    rest = measured.get("preactivations_not_affine")
    gates = measured.get("gates")
    return [
        {
            **of_step,
            "band": band,
            "function": f"{power:.4g}",
            "gates": "" if gates is None else f"{gates[band]:.4g}",
            "preactivations_not_affine": "" if rest is None else f"{rest:.3g}",
        }
        for band, power in enumerate(measured["function"])
    ]


def kernel_row(network, leading, target, setting, seed):
    """What the path kernel has of a target, and what is learned with it."""
    drawn = np.random.default_rng([seed, 2])
    train, test = (targets.points(1000, drawn) for _ in range(2))
    known, asked = (
        targets.target(each, setting.frequency) for each in (train, test)
    )
    predicted = path_eigenfunctions.regression(network, train, known, test)
    captured = leading.captured(target)
    share = targets.share_unexplained(predicted, asked)
    network_share = training.held_out_share(network, setting.frequency, seed)
    return {
        **{f"captured_by_{n}": f"{captured[n - 1]:.4f}" for n in (4, 16, 64)},
        "kernel_regression_unexplained": f"{share:.4g}",
        "network_unexplained": f"{network_share:.4g}",
    }


def _overlap_rows(of_step, leading):
    return [
        {
            **of_step,
            "eigenfunction": index,
            "eigenvalue_over_trace": f"{value:.4g}",
            **{f"band_{b}": f"{x:.4f}" for b, x in enumerate(overlaps)},
        }
        for index, (value, overlaps) in enumerate(
            zip(leading.values, leading.overlaps, strict=True), start=1
        )
    ]


def _write(command, output, spectra, bands, captured, first):
    output.table("spectra", spectra)
    output.table("eigenfunctions", bands)
    output.table("kernels", captured)
    names = ["spectra.csv", "eigenfunctions.csv", "kernels.csv"]
    for frequency in command.frequencies:
        of_it = [row for row in spectra if row["frequency"] == frequency]
        output.picture(
            f"spectra_{frequency}", figures.spectra(of_it, frequency)
        )
        names.append(f"spectra_{frequency}.png")
        for family in training.FAMILIES[1:]:
            moments = {
                step: leading
                for (k, name, step), leading in first.items()
                if (k, name) == (frequency, family)
            }
            name = f"eigenfunctions_{family}_{frequency}"
            title = f"{family}, k = {frequency}: neural path kernel, seed 0"
            output.picture(name, figures.eigenfunctions(moments, title))
            names.append(f"{name}.png")
    for row in captured:
        print(
            f"k = {row['frequency']}, {row['family']}, seed {row['seed']}, "
            f"step {row['step']}: 64 eigenfunctions have "
            f"{row['captured_by_64']} of the target, kernel regression leaves "
            f"{row['kernel_regression_unexplained']} unexplained, the network "
            f"{row['network_unexplained']}"
        )
    return names
