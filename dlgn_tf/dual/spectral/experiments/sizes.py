"""Families at one frequency against depth, width, steepness, steps, values."""

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
        for axis, settings in _settings(command, frequency).items():
            rows += _rows(command, axis, settings)
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


def _rows(command, axis, settings):
    lengths = ()
    if axis == "steps":
        portion = training.PORTION
        lengths = [
            max(portion, round(command.steps * x / portion) * portion)
            for x in LENGTHS
        ]
    rows = []
    for setting, seed, found in cells.measure(
        settings, command.seeds, f"sizes: {axis}", tuple(lengths)
    ):
        for step, network in found.items():
            value = step if axis == "steps" else getattr(setting, axis)
            rows.append(
                {
                    "frequency": setting.frequency,
                    "axis": axis,
                    "value": value,
                    "family": setting.family,
                    "seed": seed,
                    **cells.shares(network, setting, seed),
                }
            )
    return rows
