"""A picture of an oblique tree. Matplotlib is imported when it is drawn."""

from typing import Any

from dlgn_tf.output.curves import colours
from dlgn_tf.output.folder import new_figure
from dlgn_tf.tabular.trees.tree import Leaf, ObliqueTree

# Inches of a leaf and of a level, and splits whose condition is written out.
_WIDTH, _HEIGHT, _WRITTEN = 0.85, 1.1, 16


def drawn(tree: ObliqueTree, title: str = "") -> Any:
    """The tree from the root at the top, as a `matplotlib.figure.Figure`.

    A leaf has the colour of its class and says how many points it holds and
    which share of them is right; a split says its largest terms.
    """
    figure = new_figure(
        max(6, _WIDTH * tree.leaves), _HEIGHT * (tree.depth + 1.2)
    )
    axes = figure.subplots()
    axes.set_axis_off()
    # Pale, for the words on them.
    of_class = [(*c[:3], 0.4) for c in colours(len(tree.classes))]
    written = tree.leaves - 1 <= _WRITTEN
    places = iter(range(tree.leaves))

    def place(node, level):
        """Draws what is under a node, and returns where it stands."""
        if isinstance(node, Leaf):
            x = next(places)
            right = node.points - node.errors
            share = right / max(node.points, 1)
            said = f"{tree.classes[node.label]}\n{node.points:,}\n{share:.0%}"
            _box(axes, x, level, said, of_class[node.label])
            return x
        ends = [
            (place(child, level + 1), word)
            for child, word in ((node.above, "yes"), (node.below, "no"))
        ]
        x = sum(end for end, _ in ends) / 2
        for end, word in ends:
            axes.plot((x, end), (-level, -level - 1), color="grey", zorder=1)
            axes.text((x + end) / 2, -level - 0.5, word, fontsize=7)
        said = tree.condition(node, 2) if written else ""
        _box(axes, x, level, said.replace(" + ", "\n+ ", 1), "white")
        return x

    place(tree.root, 0)
    axes.set_ylim(-tree.depth - 0.5, 0.5)
    axes.set_xlim(-0.6, tree.leaves - 0.4)
    figure.suptitle(title)
    return figure


def _box(axes, x, level, text, colour):
    box = {"boxstyle": "round", "facecolor": colour, "edgecolor": "grey"}
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
