"""The house: which rooms the package has, and what imports what.

`{house}` draws the rooms of house.toml as a matrix, a dot where the room of the
row imports from that of the column, and says in a sentence what each is for.
Where imports run downwards only, all dots are on one side of the diagonal.
"""

import ast
import html
import pathlib
import tomllib

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

HERE = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = HERE.parent / "dlgn_tf"
HOUSE = tomllib.loads((HERE / "house.toml").read_text("utf-8"))
SELF = "dlgn_tf"
# Of the picture, in pixels.
STEP, LABEL = 15, 170


def modules():
    """Dict from the name of each module below dlgn_tf to its file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(x for x in parts if x != "__init__")] = path
    return found


def room(module):
    """The room that a module belongs to."""
    if module in HOUSE["entry_points"] or module.split(".")[-1] == "__main__":
        return HOUSE["rooms"][-1]
    parts = module.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next(x for x in [*names, module] if x in HOUSE["rooms"])


def imported(tree, known):
    """Names below dlgn_tf of the modules that a module imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module, f".{x.name}") for x in node.names]
        else:
            continue
        for module, name in names:
            package, _, below = f"{module}{name}.".partition(".")
            if package == SELF:
                below = below.removesuffix(".")
                yield below if below in known else module.partition(".")[2]


def imports():
    """Dict from each room to the set of others that it imports from."""
    known, found = modules(), {name: set() for name in HOUSE["rooms"]}
    for module, path in known.items():
        of_module = imported(ast.parse(path.read_text("utf-8")), known)
        found[room(module)] |= {room(other) for other in of_module}
    return {name: others - {name} for name, others in found.items()}


def purpose(name):
    """What a room is for: the first sentence of its docstring."""
    if name == HOUSE["rooms"][-1]:
        return "Commands, which nothing imports."
    text = ast.get_docstring(ast.parse(modules()[name].read_text("utf-8")))
    return " ".join(text.partition("\n\n")[0].split())


def drawn():
    """The matrix of rooms as an SVG picture, the highest room first."""
    order, found = HOUSE["rooms"][::-1], imports()
    size, parts = len(order) * STEP, []
    for row, name in enumerate(order):
        label = html.escape(name or SELF)
        middle = LABEL + row * STEP + STEP / 2
        said = f"<title>{label}: {html.escape(purpose(name))}</title>"
        parts.append(
            f'<text x="{LABEL - 6}" y="{middle + 4}" text-anchor="end">'
            f"{label}{said}</text>"
            f'<text transform="translate({middle + 4},{LABEL - 6}) rotate(-90)"'
            f">{label}{said}</text>"
            f'<rect x="{LABEL + row * STEP}" y="{LABEL + row * STEP}" '
            f'width="{STEP}" height="{STEP}" opacity="0.25"/>'
        )
        for column, other in enumerate(order):
            if other in found[name]:
                parts.append(
                    f'<circle cx="{LABEL + column * STEP + STEP / 2}" '
                    f'cy="{middle}" r="4"><title>{label} imports from '
                    f"{html.escape(other or SELF)}</title></circle>"
                )
    side = LABEL + size
    return (
        f'<svg viewBox="0 0 {side} {side}" role="img" font-size="11" '
        'aria-label="Which room imports from which" fill="currentColor" '
        f'style="width:100%;max-width:{side}px">{"".join(parts)}</svg>'
    )


class House(SphinxDirective):
    """The picture, and the rooms with what they are for."""

    def run(self):
        rows = nodes.bullet_list()
        for name in HOUSE["rooms"][::-1]:
            line = nodes.paragraph()
            said = f"`{name or SELF}`: {purpose(name)}"
            for number, part in enumerate(said.split("`")):
                line += (
                    nodes.literal(text=part) if number % 2 else nodes.Text(part)
                )
            rows += nodes.list_item("", line)
        for path in modules().values():
            self.env.note_dependency(str(path))
        return [nodes.raw("", drawn(), format="html"), rows]


def setup(app):
    app.add_directive("house", House)
    return {"parallel_read_safe": True}
