"""Families against frequency, by the biases of their gating networks."""

import numpy as np

from dlgn_tf.dual.spectral import figures, fourier, targets, training
from dlgn_tf.dual.spectral.experiments import cells

_SIDE = 64


def run(command, output):
    settings = [
        cells.of_command(command, family=family, frequency=k, biases=biases)
        for biases in training.BIASES
        for family in training.FAMILIES
        for k in command.frequencies
    ]
    at, learned, rows = fourier.grid(_SIDE), {}, []
    shown = _shown(command.frequencies)
    for setting, seed, found in cells.measure(
        settings, command.seeds, "frequencies"
    ):
        network = found[setting.steps]
        rows.append(
            {
                "biases": setting.biases,
                "family": setting.family,
                "frequency": setting.frequency,
                "seed": seed,
                **cells.shares(network, setting, seed),
            }
        )
        if seed == 0 and setting.frequency == shown:
            learned[setting.biases, setting.family] = network(at)
    output.table("frequencies", rows)
    summary = cells.summary(rows, ("biases", "family", "frequency"))
    output.table("frequencies_summary", summary)
    title = f"{command.steps} steps, width {command.width}, depth "
    title += f"{command.depth}, beta {command.beta:g}"
    output.picture("frequencies", figures.frequencies(summary, title))
    drawn = figures.learned(targets.target(at, shown), learned, shown, title)
    output.picture("learned", drawn)
    for line in summary:
        print(
            f"biases {line['biases']}, {line['family']}, k = "
            f"{line['frequency']}: {line['mean']} +- {line['standard_error']}"
        )
    names = ("frequencies.csv", "frequencies_summary.csv")
    return (*names, "frequencies.png", "learned.png")


def _shown(frequencies):
    """The middle one, at which families differ the most."""
    return int(np.sort(frequencies)[len(frequencies) // 2])
