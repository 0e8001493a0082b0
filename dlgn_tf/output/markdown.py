"""Tables in Markdown."""

from collections.abc import Iterable


def table(heads: Iterable, rows: Iterable[Iterable]) -> str:
    """A table; its cells are shown as text, whatever stands in them."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value):
    return str(value).replace("|", "\\|")
