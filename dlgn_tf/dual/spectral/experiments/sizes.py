"""Families at one frequency against depth, width, steepness, steps, values."""

import itertools

from dlgn_tf.dual.spectral import figures, training
from dlgn_tf.dual.spectral.experiments import cells

# What is varied about the command's setting, one thing at a time.
DEPTHS = (2, 3, 4, 6)
WIDTHS = (16, 32, 64, 128)
BETAS = (3.0, 10.0, 30.0, 100.0)
# In steps of the command's setting.
LENGTHS = (0.25, 0.5, 1, 2, 4)


def run(command, output):
    rows = []
    for frequency in command.frequencies:
        rows += _rows(command, _settings(command, frequency))
    output.table("sizes", rows)
    keys = ("frequency", "axis", "value", "family")
    summary = cells.summary(rows, keys)
    output.table("sizes_summary", summary)
    for frequency in command.frequencies:
        of_it = [line for line in summary if line["frequency"] == frequency]
        output.picture(f"sizes_{frequency}", figures.sizes(of_it, frequency))
    for line in summary:
        print(
            f"k = {line['frequency']}, {line['axis']} {line['value']}, "
            f"{line['family']}: {line['mean']} +- {line['standard_error']}"
        )
    pictures = [f"sizes_{frequency}.png" for frequency in command.frequencies]
    return ("sizes.csv", "sizes_summary.csv", *pictures)


def _settings(command, frequency):
    """Dict from an axis to its settings."""

    def varied(families, name, values):
        return [
            cells.of_command(
                command,
                **{"family": f, "frequency": frequency, name: value},
            )
            for f in families
            for value in values
        ]

    gated = training.FAMILIES[1:]
    longest = round(command.steps * LENGTHS[-1])
    return {
        "depth": varied(training.FAMILIES, "depth", DEPTHS),
        "width": varied(training.FAMILIES, "width", WIDTHS),
        "beta": varied(gated, "beta", BETAS),
        "steps": varied(training.FAMILIES, "steps", (longest,)),
        "value_input": varied(gated, "value_input", ("ones", "image")),
    }


def _rows(command, settings_of):
    portion = training.PORTION
    lengths = tuple(
        max(portion, round(command.steps * x / portion) * portion)
        for x in LENGTHS
    )
    # The command's own setting lies on every axis.
    settings = list(dict.fromkeys(itertools.chain(*settings_of.values())))
    measured = cells.measure(settings, command.seeds, "sizes", lengths)
    networks = {(setting, seed): found for setting, seed, found in measured}
    rows = []
    for axis, settings in settings_of.items():
        for setting, seed in itertools.product(settings, range(command.seeds)):
            found = networks[setting, seed]
            steps = found if axis == "steps" else (setting.steps,)
            for step in steps:
                value = step if axis == "steps" else getattr(setting, axis)
                rows.append(
                    {
                        "frequency": setting.frequency,
                        "axis": axis,
                        "value": value,
                        "family": setting.family,
                        "seed": seed,
                        **cells.shares(found[step], setting, seed),
                    }
                )
    return rows
