"""What a run of claims prints: a table of measured beside expected."""

import collections
import shutil
import textwrap

from dlgn_tf.claims.verdicts import Verdict

_MARKS = {
    Verdict.HOLDS: "yes",
    Verdict.FAILS: "NO",
    Verdict.UNDECIDED: "?",
    Verdict.NOT_MEASURED: "-",
}
_COLUMNS = ("claim", "holds", "expected", "measured", "seconds")


def table(outcomes, width=None):
    """The measured beside the expected, with a summary below.

    Lines have so many characters, or as many as the terminal's.
    """
    rows = [_COLUMNS, *(_cells(outcome) for outcome in outcomes)]
    widths = _widths(rows, width or shutil.get_terminal_size((120, 24)).columns)
    header, *body = (_wrapped(row, widths) for row in rows)
    rule = "  ".join("-" * w for w in widths)
    return "\n".join([header, rule, *body, rule, _summary(outcomes)])


def _summary(outcomes):
    counts = collections.Counter(outcome.verdict for outcome in outcomes)
    always = (Verdict.HOLDS, Verdict.FAILS)
    return ", ".join(
        f"{verdict} {counts[verdict]}"
        for verdict in Verdict
        if verdict in always or counts[verdict]
    )


def _cells(outcome):
    return (
        outcome.claim.id,
        _MARKS[outcome.verdict],
        outcome.claim.expected,
        outcome.measurement.measured,
        f"{outcome.seconds:.1f}",
    )


def _widths(rows, total):
    """Widths of the columns; the two of text share what the others leave."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    left = total - widths[0] - widths[1] - widths[4] - 2 * (len(_COLUMNS) - 1)
    widths[2] = min(widths[2], max(left * 2 // 5, 20))
    widths[3] = min(widths[3], max(left - widths[2], 20))
    return widths


def _wrapped(row, widths):
    """A row of the table, on as many lines as its longest cell needs."""
    columns = [
        textwrap.wrap(cell, width) or [""]
        for cell, width in zip(row, widths, strict=True)
    ]
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    lines = (
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True))
        for line in zip(*padded, strict=True)
    )
    return "\n".join(line.rstrip() for line in lines)


def listing(claims):
    """The claims without measuring them, one a line."""
    width = max(len(claim.id) for claim in claims)
    return "\n".join(
        f"{claim.id:<{width}}  {claim.scale:<11}  {claim.statement}"
        for claim in claims
    )
