"""Networks that are written down, and what rays cannot do."""

import numpy as np

from dlgn_tf.dual.spectral import built, figures, fourier, targets, training

WIDTHS = (8, 16, 32, 64, 128)
_SIDE = 128


def run(command, output):
    rows = [
        _row(family, frequency, width)
        for family in built.FAMILIES
        for frequency in command.frequencies
        for width in WIDTHS
    ]
    output.table("built", rows)
    floors = [
        {
            "frequency": frequency,
            **{
                f"degree_{degree}": (
                    f"{targets.least_share_along_rays(frequency, degree):.5g}"
                )
                for degree in (0, 1)
            },
        }
        for frequency in command.frequencies
    ]
    output.table("rays", floors)
    at, frequency = fourier.grid(_SIDE), max(command.frequencies)
    shown = {w: built.product_of_steps(frequency, w)(at) for w in WIDTHS}
    of_target = targets.target(at, frequency)
    output.picture("built", figures.built(rows, of_target, shown, frequency))
    slope = _slope(rows, min(command.frequencies))
    print(f"error falls as width to the power {slope:.2f}")
    for row in floors:
        print(
            f"k = {row['frequency']}: functions that are constant along rays "
            f"miss {row['degree_0']} of the variance at least, those that grow "
            f"in proportion {row['degree_1']}"
        )
    return ("built.csv", "rays.csv", "built.png")


def _row(family, frequency, width):
    measured = [
        training.held_out_share(
            built.product_of_steps(frequency, width, family, offsets),
            frequency,
            seed=0,
        )
        for offsets in (True, False)
    ]
    return {
        "family": family,
        "frequency": frequency,
        "width": width,
        "share_unexplained": f"{measured[0]:.5g}",
        "closed_form": f"{built.share_unexplained(frequency, width):.5g}",
        "without_biases": f"{measured[1]:.5g}",
    }


def _slope(rows, frequency):
    of_it = [
        (row["width"], float(row["share_unexplained"]))
        for row in rows
        if row["frequency"] == frequency and row["family"] == "dlgn"
    ]
    return np.polyfit(*np.log(np.array(of_it).T), 1)[0]
