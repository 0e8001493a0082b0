"""A picture of an oblique tree. Matplotlib is imported when it is drawn."""

from typing import Any

from dlgn_tf.output.curves import colours
from dlgn_tf.output.folder import new_figure
from dlgn_tf.tabular.trees.tree import Leaf, ObliqueTree, all_leaves, splits

# Inches of a leaf at least, of a level, of a letter; terms of a split that are
# written out, in trees of so few splits.
_WIDTH, _HEIGHT, _LETTER = 0.85, 1.2, 0.065
_TERMS, _WRITTEN = 2, 32


def drawn(tree: ObliqueTree, title: str = "") -> Any:
    """The tree from the root at the top, as a `matplotlib.figure.Figure`.

    A leaf has the colour of its class, or of its number, and says how many
    points it holds and which share of them is right, or how far they spread; a
    split says its largest terms.
    """
    figure = new_figure(
        max(6, _leaf_width(tree) * tree.leaves), _HEIGHT * (tree.depth + 1.2)
    )
    axes = figure.subplots()
    axes.set_axis_off()
    # Pale, for the words on them.
    labels = (
        sorted({leaf.label for leaf in all_leaves(tree.root)})
        if tree.classes is None
        else range(len(tree.classes))
    )
    pale = [[0.6 + 0.4 * x for x in c[:3]] for c in colours(len(labels))]
    of_label = dict(zip(labels, pale, strict=True))
    places = iter(range(tree.leaves))

    def place(node, level):
        """Draws what is under a node, and returns where it stands."""
        if isinstance(node, Leaf):
            x = next(places)
            _box(axes, x, level, _leaf(tree, node), of_label[node.label])
            return x
        ends = [
            (place(child, level + 1), word)
            for child, word in ((node.above, "yes"), (node.below, "no"))
        ]
        x = sum(end for end, _ in ends) / 2
        for end, word in ends:
            axes.plot((x, end), (-level, -level - 1), color="grey", zorder=1)
            _box(axes, (x + end) / 2, level + 0.5, word, "white", "none")
        _box(axes, x, level, _condition(tree, node), "white")
        return x

    place(tree.root, 0)
    axes.set_ylim(-tree.depth - 0.5, 0.5)
    axes.set_xlim(-0.6, tree.leaves - 0.4)
    figure.suptitle(title)
    return figure


def _leaf(tree, leaf):
    said, _ = tree.said(leaf)
    if tree.classes is None:
        return "\n".join([*said.replace("± ", "±").split(), f"{leaf.points:,}"])
    share = (leaf.points - leaf.errors) / max(leaf.points, 1)
    return f"{said}\n{leaf.points:,}\n{share:.0%}"


def _condition(tree, split):
    """The largest terms, a line each."""
    if tree.leaves > _WRITTEN:
        return ""
    return "\n".join(tree.terms(split, _TERMS))


def _leaf_width(tree):
    """Inches, so that boxes do not touch: splits are two leaves apart."""
    lines = [
        line
        for split in splits(tree.root)
        for line in _condition(tree, split).splitlines()
    ]
    words = [] if tree.classes is None else map(str, tree.classes)
    letters = max(
        [len(line) / 2 for line in lines] + [len(word) for word in words] + [6]
    )
    return max(_WIDTH, _LETTER * (letters + 3))


def _box(axes, x, level, text, colour, edge="grey"):
    box = {"boxstyle": "round", "facecolor": colour, "edgecolor": edge}
    axes.text(
        x,
        -level,
        text,
        ha="center",
        va="center",
        fontsize=7,
        bbox=box,
        zorder=2,
    )
