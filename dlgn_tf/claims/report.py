"""What a run of claims leaves: a table for people, JSON lines for scripts."""

import importlib.metadata
import json
import math
import platform
import shutil
import textwrap

import numpy as np

import dlgn_tf
from dlgn_tf.errors import UserError

_MARKS = {True: "yes", None: "-"}
_COLUMNS = ("claim", "holds", "expected", "measured", "seconds")


def table(outcomes, width=None):
    """The measured beside the expected, with a summary below.

    Args:
        outcomes: List of `Outcome`.
        width: Integer, characters a line. Defaults to the terminal's.

    Returns:
        String of several lines.
    """
    rows = [_COLUMNS, *(_cells(outcome) for outcome in outcomes)]
    widths = _widths(rows, width or shutil.get_terminal_size((120, 24)).columns)
    header, *body = (_wrapped(row, widths) for row in rows)
    rule = "  ".join("-" * w for w in widths)
    return "\n".join([header, rule, *body, rule, _summary(outcomes)])


def _summary(outcomes):
    held = sum(bool(outcome.measurement.holds) for outcome in outcomes)
    unknown = sum(outcome.measurement.holds is None for outcome in outcomes)
    failed = len(outcomes) - held - unknown
    left_out = f", not measured {unknown}" if unknown else ""
    return f"holds {held}, does not hold {failed}{left_out}"


def _cells(outcome):
    return (
        outcome.claim.id,
        _MARKS.get(outcome.measurement.holds, "NO"),
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


class JsonLines:
    """Writes a file with one JSON object for each claim, as they come.

    Args:
        path: Path-like. A file that is there is replaced.

    Raises:
        UserError: if it cannot be written.
    """

    def __init__(self, path):
        try:
            self._file = open(path, "w", encoding="utf-8")
        except OSError as error:
            raise UserError(
                "Expected a file that can be written. Received: "
                f"--output={path}, {error.strerror}"
            ) from error
        self._versions = _versions()

    def write(self, outcome):
        # Whatever a claim measured, its line must not cost the others theirs.
        line = json.dumps(self._record(outcome), allow_nan=False, default=str)
        self._file.write(f"{line}\n")
        self._file.flush()

    def _record(self, outcome):
        claim, measurement = outcome.claim, outcome.measurement
        return {
            "claim": claim.id,
            "paper": claim.paper,
            "statement": claim.statement,
            "expected": claim.expected,
            "measured": measurement.measured,
            "values": _plain(measurement.values),
            "holds": _plain(measurement.holds),
            "scale": claim.scale,
            "seed": outcome.seed,
            "seconds": round(outcome.seconds, 3),
            "versions": self._versions,
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


def _versions():
    return {
        "dlgn_tf": dlgn_tf.__version__,
        "tensorflow": importlib.metadata.version("tensorflow"),
        "keras": importlib.metadata.version("keras"),
        "python": platform.python_version(),
    }


def _plain(value):
    """`value` in what JSON has: no arrays, no numbers that are not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
