"""Docstrings as the package writes them, for Sphinx.

They are plain text with `code` in single quotes, |x| for absolute values,
tables as in Markdown and sections as Google has them.
"""

import itertools
import re

ROW = re.compile(r"\|.*\|$")
CODE = re.compile(r"(``.*?``|`[^`]*`)", re.DOTALL)
LEFT_OUT = ("__new__",)


def as_rst(app, what, name, thing, options, lines):
    """Changes the lines of a docstring to reStructuredText."""
    text = "\n".join(with_tables(lines))
    parts = CODE.split(text)
    # A bar outside code; the end of code before a letter, as in `Flag`s.
    parts[::2] = [x.replace("|", "\\|") for x in parts[::2]]
    for k in range(2, len(parts), 2):
        if parts[k][:1].isalnum():
            parts[k] = "\\ " + parts[k]
    lines[:] = "".join(parts).split("\n")
    if what == "property":
        # Else napoleon takes what stands before a colon for its type.
        lines[:0] = ["..", ""]


def with_tables(lines):
    """The lines, with tables of Markdown as tables of reStructuredText."""
    for row, some in itertools.groupby(lines, lambda x: bool(ROW.match(x))):
        if not row:
            yield from some
            continue
        yield from (".. list-table::", "   :header-rows: 1", "")
        for line in some:
            cells = [x.strip() for x in line.strip("|").split("|")]
            if not set("".join(cells)) <= {"-"}:
                yield f"   * - {cells[0]}"
                yield from (f"     - {x}" for x in cells[1:])


def left_out(app, what, name, thing, skip, options):
    """Whether a member is left out: what others document, or nobody does."""
    if name in LEFT_OUT or (getattr(thing, "__module__", "") or "").startswith(
        "sklearn."
    ):
        return True
    said = getattr(thing, "__doc__", None) or ""
    return True if said.startswith("Alias for field number") else None


def with_plain_defaults(app, what, name, thing, options, signature, returned):
    """Defaults such as <factory>, which are no Python, as stubs write them."""
    return signature and re.sub(r"<[^<>]*>", "...", signature), returned


def setup(app):
    app.connect("autodoc-process-signature", with_plain_defaults)
    # Before napoleon, whose priority is 500.
    app.connect("autodoc-process-docstring", as_rst, priority=400)
    app.connect("autodoc-skip-member", left_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
