"""Tables in Markdown, and text within them."""

import re
from collections.abc import Iterable


def table(heads: Iterable, rows: Iterable[Iterable]) -> str:
    """A table; its cells are shown as text, whatever stands in them."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(text, line))} |" for line in lines)


def text(value: object) -> str:
    """A value as one line that holds no cell's end, no HTML and no URL.

    What it stresses with asterisks or backticks stays so.
    """
    shown = " ".join(str(value).split())
    shown = re.sub("<(?=[A-Za-z/!?])", "&lt;", shown)
    # A page links to itself and to files beside it; all else may be a URL.
    shown = re.sub(r"\]\((?![\w.#][\w./#%-]*\))", r"]\\(", shown)
    # Of backslashes before it, each is one of its own.
    return re.sub(r"(\\*)\|", lambda found: 2 * found[1] + "\\|", shown)
