"""What changes with the width of networks, from narrow ones to the widest.

Functions named `..._rows` return rows of a table, dicts of run, width, layer,
what and value. The width of a network is that of its first layer.

Source: arXiv 2305.18512, figures 2 to 4 and the one on resampling.
"""

import numpy as np

from dlgn_tf.output.spread import mean_and_std
from dlgn_tf.rainbow import spectra
from dlgn_tf.rainbow.comparison import ACTIVATION_RANKS, grouped, positive
from dlgn_tf.rainbow.covariance import covariance, operator_norm_error
from dlgn_tf.rainbow.rkhs import output_norms

# Columns of `comparison.alignment_rows` -> what they are here.
_ALIGNMENT = {
    "relative_error": "alignment error",
    "error_unaligned": "error without alignment",
    "explained": "explained",
    "explained_untrained": "explained, untrained networks",
}


def alignment_rows(aligned, width_of):
    """What rows of `comparison.alignment_rows` say, with widths by run."""
    return [
        _row(row["run"], width_of[row["run"]], row["layer"], what, row[column])
        for row in aligned
        for column, what in _ALIGNMENT.items()
        if row[column] != ""
    ]


def covariance_rows(names, widths, covariances, labels):
    """Covariance of each network against that of the widest ones.

    A network is compared with others, never with itself: the only one of the
    greatest width has no rows. Errors are in operator norm, of covariances as
    they are, of their shape (over the first eigenvalue), and of white weights
    of the same energy.
    """
    rows = []
    for label in labels:
        weights = covariances.weights[label]
        for k, (name, width) in enumerate(zip(names, widths, strict=True)):
            others = [
                rows_of
                for j, rows_of in enumerate(weights)
                if j != k and widths[j] == max(widths)
            ]
            if not others:
                continue
            own, wanted = covariance([weights[k]]), covariance(others)
            energy = np.trace(own) / len(own)
            for what, error in (
                ("covariance error", operator_norm_error(own, wanted)),
                (
                    "covariance error of the shape",
                    operator_norm_error(
                        spectra.shape(own), spectra.shape(wanted)
                    ),
                ),
                (
                    "covariance error of white weights",
                    operator_norm_error(energy * np.eye(len(own)), wanted),
                ),
            ):
                rows.append(_row(name, width, label, what, error))
    return rows


def spectrum_rows(names, widths, covariances, labels):
    """Eigenvalues of what layers read, of the first network of each width.

    Returns:
        Rows of run, width, layer, rank from 1, eigenvalue over the first one.
    """
    firsts = {width: widths.index(width) for width in sorted(set(widths))}
    rows = []
    for label in labels:
        for width, k in firsts.items():
            moment = covariances.activations[k][label]
            values = positive(spectra.eigen(moment)[0])[:ACTIVATION_RANKS]
            rows += [
                {
                    "run": names[k],
                    "width": width,
                    "layer": label,
                    "rank": rank,
                    "eigenvalue": float(value / values[0]),
                }
                for rank, value in enumerate(values, start=1)
            ]
    return rows


def norm_rows(runs, batches, memory_gib):
    """Norm of the logits in the space of the last features, over classes.

    The root mean square of `rkhs.output_norms`.
    """
    norms = [output_norms(run.model, batches, memory_gib) for run in runs]
    return [
        _row(run.name, run.width, "", "RKHS norm", np.sqrt(np.mean(norm**2)))
        for run, norm in zip(runs, norms, strict=True)
    ]


def accuracy_rows(drawn):
    """What rows of `accuracies.trained_rows` and `resampling_rows` say."""
    return [
        _row(
            row["run"],
            row["width"],
            row["layers"],
            f"accuracy, {row['way']}"
            + (", covariances of all" if row["covariances"] == "all" else ""),
            row["accuracy"],
        )
        for row in drawn
    ]


def summary(rows):
    """Mean and sample standard deviation over runs and draws.

    Returns:
        Rows of layer, what, width, number of values, mean, std.
    """
    groups = grouped(rows, "layer", "what", "width")
    return [
        {
            "layer": layer,
            "what": what,
            "width": width,
            "values": len(found),
            **mean_and_std([row["value"] for row in found]),
        }
        for (layer, what, width), found in sorted(groups.items())
    ]


def lines(summarised):
    """Pairs of what is measured and its means by width, as text."""
    for (layer, what), found in grouped(summarised, "layer", "what").items():
        shown = (f"{row['width']}: {row['mean']:.3g}" for row in found)
        yield f"{layer} {what}".strip(), ", ".join(shown)


def _row(run, width, layer, what, value):
    return {
        "run": run,
        "width": width,
        "layer": layer,
        "what": what,
        "value": float(value),
    }
