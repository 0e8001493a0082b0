"""Rows of tables and lines for people, the same in all experiments."""

import numpy as np

from dlgn_tf.complexity import report
from dlgn_tf.complexity.figures import component_labels
from dlgn_tf.output import markdown
from dlgn_tf.output.spread import listed, mean_and_range


def by_order(columns: dict) -> list[dict]:
    """A row per order of columns; a single number is that of every order."""
    arrays = np.broadcast_arrays(*columns.values())
    rows = zip(*(array.tolist() for array in arrays), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def keyed_rows(key, measured):
    """A row per order of what was measured; a key tells the network's rows."""
    return [{**key, **rounded(row)} for row in measured.rows()]


def rounded(row):
    """A row with its floats as strings of five digits."""
    return {
        name: f"{value:.5g}" if isinstance(value, float) else value
        for name, value in row.items()
    }


def bars_of(measured):
    """Shares of the components and, last, of the remainder: `(orders + 1,)`."""
    return np.append(measured.significance, measured.remainders[-1])


def shown(whole):
    """One line of a `Significance`."""
    parts = [
        f"{label} {share:.3f}"
        for label, share in zip(
            component_labels(whole.orders), whole.significance, strict=True
        )
    ]
    left = whole.remainders[-1]
    worse = " (fits worse than a constant: train longer)" if left > 1 else ""
    return (
        f"{', '.join(parts)}, remainder {left:.3f}{worse}, gap {whole.gap:+.3f}"
    )


def shown_reliability(ratios):
    """Reliabilities, order after order, in one line."""
    no_share = (
        " (above 1 is no share: train back maps longer)"
        if np.any(np.asarray(ratios) > 1)
        else ""
    )
    return listed(ratios, ".3f", ", ") + no_share


def summary(shares, orders, resamples):
    """Paragraphs: means of what `bars_of` returns, and what intervals say.

    The latter only where images were drawn again, `resamples` times.
    """
    labels = [f"order {label}" for label in component_labels(orders)]
    table = means(["network", *labels, "remainder"], shares)
    return [table, report.INTERVALS] if resamples else [table]


def means(heads, values, form=".3f"):
    """A Markdown table of means and ranges over draws.

    The values are a dict from a label to an array `(draws, columns)`; the first
    head stands above the labels.
    """
    rows = [
        [label, *(mean_and_range(x, form) for x in np.transpose(draws))]
        for label, draws in values.items()
    ]
    return markdown.table(heads, rows)
