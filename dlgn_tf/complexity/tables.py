"""Rows of tables and lines for people, the same in all experiments."""

import numpy as np

from dlgn_tf.complexity.figures import component_labels
from dlgn_tf.output.spread import listed, mean_and_range


def significance_rows(key, measured):
    """A row per order.

    Args:
        key: Dict, what tells this network from the others of the table.
        measured: `dlgn_tf.complexity.components.Significance`.

    Returns:
        List of dicts.
    """
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
    """Reliabilities, order after order, in one line.

    Args:
        ratios: float array `(orders,)`, as `Reliability.ratio` returns them.
    """
    no_share = (
        " (above 1 is no share: train back maps longer)"
        if np.any(np.asarray(ratios) > 1)
        else ""
    )
    return listed(ratios, ".3f", ", ") + no_share


def summary(shares, orders):
    """A Markdown table of means and ranges.

    Args:
        shares: Dict from a label to a list of arrays as `bars_of` returns them.
        orders: Integers, from low to high.
    """
    heads = [f"order {label}" for label in component_labels(orders)]
    return markdown(
        ["network", *heads, "remainder"],
        [
            [label, *map(mean_and_range, np.transpose(values))]
            for label, values in shares.items()
        ],
    )


def markdown(heads, rows):
    """A Markdown table of strings."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
