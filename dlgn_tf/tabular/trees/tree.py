"""Oblique decision trees as objects: they predict, and say what they do."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Union

import numpy as np

# Terms of a rule that are written out.
_TERMS = 5


@dataclasses.dataclass(eq=False)
class Leaf:
    """Where a tree decides.

    Attributes:
        label: Integer, the class; of a regression a float, the mean.
        points: Integer, how many points it was made of.
        errors: Integer, how many of them have another label; of a regression
            a float, the sum of their squared distances from the mean.
    """

    label: int | float
    points: int
    errors: int | float


@dataclasses.dataclass(eq=False)
class Split:
    """A hyperplane: `normal . x <= offset` goes below, the rest above.

    Attributes:
        normal: Array `(inputs,)`.
        offset: Float.
        below: `Split` or `Leaf`.
        above: The same.
    """

    normal: np.ndarray
    offset: float
    below: "Node"
    above: "Node"

    def is_above(self, x: np.ndarray) -> np.ndarray:
        """Booleans `(n,)`."""
        return x @ self.normal > self.offset


Node = Union[Split, Leaf]  # noqa: UP007 (a name that refers to itself)


def predict(node: Node, x: np.ndarray) -> np.ndarray:
    """Labels of leaves `(n,)` that points `(n, inputs)` come to."""
    if isinstance(node, Leaf):
        return np.full(len(x), node.label)
    above = node.is_above(x)
    parts = predict(node.above, x[above]), predict(node.below, x[~above])
    found = np.empty(len(x), np.result_type(*parts))
    found[above], found[~above] = parts
    return found


def splits(node: Node) -> Iterator[Split]:
    """All splits, each before those under it."""
    if isinstance(node, Split):
        yield node
        yield from splits(node.below)
        yield from splits(node.above)


def leaves(node: Node) -> int:
    """How many leaves there are."""
    return 1 + sum(1 for _ in splits(node))


def all_leaves(node: Node) -> Iterator[Leaf]:
    """All leaves, those below a split first."""
    if isinstance(node, Leaf):
        yield node
    else:
        yield from all_leaves(node.below)
        yield from all_leaves(node.above)


def depth(node: Node) -> int:
    """How many splits a point passes at most."""
    if isinstance(node, Leaf):
        return 0
    return 1 + max(depth(node.below), depth(node.above))


@dataclasses.dataclass(frozen=True, eq=False)
class ObliqueTree:
    """A tree that was read out of a network.

    Attributes:
        root: `Split` or `Leaf`, of columns in the units of the table.
        classes: Labels by integer; None of a regression, whose leaves say
            numbers.
        names: Strings, of the columns.
        fidelity: Float in [0, 1], on what share of the points that it was read
            on it says what the network says; of a regression R^2.
        spreads: Array `(columns,)`, the standard deviation of each column, by
            which terms are ordered, or None: columns are alike.
    """

    root: Node
    classes: Sequence | np.ndarray | None
    names: Sequence[str]
    fidelity: float
    spreads: np.ndarray | None = None

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Labels or numbers `(n,)` of rows `(n, columns)`."""
        found = predict(self.root, np.asarray(x))
        return (
            found if self.classes is None else np.asarray(self.classes)[found]
        )

    @property
    def normals(self) -> np.ndarray:
        """Unit normals of all splits, `(splits, columns)`."""
        rows = [s.normal / np.linalg.norm(s.normal) for s in splits(self.root)]
        return np.array(rows).reshape(-1, len(self.names))

    @property
    def depth(self) -> int:
        return depth(self.root)

    @property
    def leaves(self) -> int:
        return leaves(self.root)

    def rules(self) -> str:
        """The tree as text, one line for each node."""
        return "\n".join(self._lines(self.root, 0))

    def _lines(self, node, level):
        indent = "  " * level
        if isinstance(node, Leaf):
            yield f"{indent}{' '.join(self.said(node))}"
            return
        yield f"{indent}if {self.condition(node)}:"
        yield from self._lines(node.above, level + 1)
        yield f"{indent}else:"
        yield from self._lines(node.below, level + 1)

    def condition(self, split: Split, terms: int = _TERMS) -> str:
        """When a point goes above, as text: the largest terms first."""
        return " ".join(self.terms(split, terms))

    def terms(self, split: Split, most: int) -> list[str]:
        """The parts of a `condition`, a term each."""
        spreads = 1.0 if self.spreads is None else self.spreads
        order = np.argsort(-np.abs(split.normal * spreads), kind="stable")
        kept = [k for k in order[:most] if split.normal[k] != 0]
        written = [
            f"{'-' if split.normal[k] < 0 else '+'} "
            f"{abs(split.normal[k]):.3g} {self.names[k]}"
            for k in kept
        ]
        more = np.count_nonzero(split.normal) - len(kept)
        written += [f"+ {more} more"] if more else []
        # A hyperplane without a direction divides nothing.
        written = written or ["0"]
        written[-1] += f" > {split.offset:.3g}"
        return [written[0].removeprefix("+ "), *written[1:]]

    def said(self, leaf: Leaf) -> tuple[str, str]:
        """What a leaf says, and of how many points."""
        if self.classes is None:
            spread = (leaf.errors / max(leaf.points, 1)) ** 0.5
            return f"{leaf.label:.4g} ± {spread:.2g}", f"({leaf.points})"
        right = leaf.points - leaf.errors
        return str(self.classes[int(leaf.label)]), f"({right} of {leaf.points})"

    def graphviz(self) -> str:
        """The tree in the language of Graphviz."""
        lines = ["digraph tree {", "  node [shape=box];"]
        numbers = iter(range(2 * self.leaves))

        def add(node):
            number = next(numbers)
            if isinstance(node, Leaf):
                text = " ".join(self.said(node))
                lines.append(f"  n{number} [label={_quoted(text)}];")
                return number
            text = self.condition(node, 3)
            lines.append(f"  n{number} [label={_quoted(text)}];")
            for child, word in ((node.above, "yes"), (node.below, "no")):
                below = add(child)
                lines.append(f"  n{number} -> n{below} [label={word}];")
            return number

        add(self.root)
        return "\n".join([*lines, "}"]) + "\n"


def _quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
