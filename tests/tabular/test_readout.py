"""Trees that are read out of networks, polished, written and drawn."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dlgn_tf.tabular import (
    DLGNClassifier,
    DLGNRegressor,
    networks,
    regions,
)
from dlgn_tf.tabular.networks import Form
from dlgn_tf.tabular.trees import data, drawing, half_spaces, polish, readout
from dlgn_tf.tabular.trees.half_spaces import HalfSpaces
from dlgn_tf.tabular.trees.tree import (
    Leaf,
    ObliqueTree,
    Split,
    all_leaves,
    splits,
)


def spaces_of(normals, offsets=0.0):
    normals = np.asarray(normals, float)
    return HalfSpaces(
        normals, offsets + np.zeros(len(normals)), np.zeros(len(normals), int)
    )


@pytest.mark.parametrize("depth", [2, 3])
def test_known_labels_with_candidates_that_are_off(depth, rng):
    """With others among them, and of labels that know nothing of a tree."""
    task = data.draw(depth, 8, 8000, seed=depth)
    true = task.tree.normals
    off = data.unit(true + 0.1 * data.unit(rng.standard_normal(true.shape)))
    others = data.unit(rng.standard_normal((20, 8)))
    spaces = spaces_of(3 * np.concatenate([others, -off]))
    root = readout.read_out(task.tree.labels, spaces, task.x)
    tree = ObliqueTree(root, [0, 1], [f"x{k}" for k in range(8)], 1.0)
    assert (tree.depth, tree.leaves) == (depth, 2**depth)
    angles = half_spaces.nearest_angles(true, tree.normals)
    assert angles.max() < 3 < half_spaces.angles(true, off).diagonal().min()
    assert np.mean(tree.predict(task.x) == task.labels) > 0.98
    # Nodes stand where those of the labels do.
    first = half_spaces.nearest_angles(true[:1], tree.normals[:1])
    assert first < 3


@pytest.mark.parametrize("seed, node, label", [(96, 6, 0), (130, 3, 0)])
def test_labels_add_what_a_network_does_not_know(rng, seed, node, label):
    """One that is blind below a node where few points are of one class."""
    task = data.draw(3, 8, 8000, seed=seed)
    true = task.tree.normals

    def said(x):
        blind = task.tree.path(x)[:, -2] == node
        return np.where(blind, label, task.tree.labels(x))

    assert 50 < np.sum(said(task.x) != task.labels) < 150
    others = data.unit(rng.standard_normal((10, 8)))
    spaces = spaces_of(np.concatenate([others, np.delete(true, node, axis=0)]))
    angles = [
        half_spaces.nearest_angles(
            true, data.unit([split.normal for split in splits(root)])
        )
        for root in (
            readout.read_out(said, spaces, task.x),
            readout.read_out(said, spaces, task.x, task.labels),
        )
    ]
    assert angles[0][node] > 20 and np.delete(angles[0], node).max() < 3
    assert angles[1].max() < 3


def test_of_nothing_to_tell_apart_there_is_a_leaf(rng):
    x = rng.standard_normal((100, 3))
    root = readout.read_out(lambda x: np.ones(len(x), int), spaces_of(x[:5]), x)
    assert isinstance(root, Leaf) and (root.label, root.points) == (1, 100)
    # Numbers that it is fitted to may be alike but for rounding.
    alike = np.full(100, 0.1)
    assert np.any(alike != alike.mean())
    root = readout.read_out(lambda x: x[:, 0], spaces_of(x[:5]), x, alike)
    found = [leaf.label for leaf in all_leaves(root)]
    np.testing.assert_allclose(found, 0.1, rtol=1e-12)


LEAVES = np.array([0.0, 3.0, 10.0, -5.0])


def numbers_of(task, x):
    """Of each leaf of a tree a number, and a little that is no tree's."""
    leaf = task.tree.path(x)[:, -1] - len(task.tree.normals)
    return LEAVES[leaf] + 0.3 * x[:, 0]


def test_known_numbers_with_candidates_that_are_off(rng):
    task = data.draw(2, 6, 6000, seed=3)
    true = task.tree.normals
    off = data.unit(true + 0.15 * data.unit(rng.standard_normal(true.shape)))
    others = data.unit(rng.standard_normal((15, 6)))
    root = readout.read_out(
        lambda x: numbers_of(task, x),
        spaces_of(np.concatenate([others, off])),
        task.x,
    )
    tree = ObliqueTree(root, None, [f"x{k}" for k in range(6)], 1.0)
    assert (tree.depth, tree.leaves) == (2, 4)
    angles = half_spaces.nearest_angles(true, tree.normals)
    assert angles.max() < 3 < half_spaces.angles(true, off).diagonal().min()
    found = sorted(leaf.label for leaf in all_leaves(root))
    np.testing.assert_allclose(found, sorted(LEAVES), atol=0.4)
    for leaf in all_leaves(root):
        # What is no tree's, and a few points beyond a hyperplane.
        assert (leaf.errors / leaf.points) ** 0.5 < 1.5
    # Sum of squares and means are those of the points that come there.
    targets, told = numbers_of(task, task.x), tree.predict(task.x)
    errors = sum(leaf.errors for leaf in all_leaves(root))
    assert errors == pytest.approx(np.sum((targets - told) ** 2))
    assert errors < 0.05 * np.sum((targets - targets.mean()) ** 2)
    assert tree.rules().count("±") == 4


def test_a_tree_of_a_regressor(rng):
    """In the units of its table, of a network that has learned a known tree."""
    task = data.draw(2, 4, 2400, seed=3)
    x = 5 + task.x * [1, 2, 10, 1]
    y = 100 + 20 * numbers_of(task, task.x)
    network = DLGNRegressor(
        "dlgn_sf", (12, 12), beta=10.0, epochs=60, random_state=0, l2=1e-4
    ).fit(x, y)
    tree = network.tree(x)
    told = network.predict(x)
    fidelity = 1 - np.sum((tree.predict(x) - told) ** 2) / np.sum(
        (told - told.mean()) ** 2
    )
    assert tree.fidelity == pytest.approx(fidelity, abs=1e-3) and fidelity > 0.8
    assert network.score(x, y) > 0.9
    assert tree.leaves >= 4
    # Columns are on other scales than the points that labels are of.
    normals = data.unit(tree.normals * [1, 2, 10, 1])
    angles = half_spaces.nearest_angles(task.tree.normals, normals)
    assert angles.max() < 12
    two = DLGNRegressor(epochs=1, widths=(4,)).fit(x, np.stack([y, y], 1))
    with pytest.raises(ValueError, match="one target.*2 targets"):
        two.tree(x)


def test_polishing_moves_a_border(rng):
    x = rng.standard_normal((2000, 2))
    labels = (x[:, 0] > 0.7).astype(int)
    start = Split(np.array([0.8, 0.6]), 0.0, Leaf(0, 0, 0), Leaf(1, 0, 0))
    found = polish.polish(start, x, labels)
    assert half_spaces.angles(found.normal[None], np.eye(2)[:1]) < 2
    assert found.offset == pytest.approx(0.7, abs=0.05)
    assert (found.below.errors, found.above.errors) <= (3, 3)
    assert found.below.points + found.above.points == 2000


def small_tree():
    return ObliqueTree(
        Split(
            np.array([1.0, -2.0, 0.0]),
            0.5,
            Leaf(0, 10, 1),
            Split(
                np.array([0.0, 0.0, 3.0]), -1.0, Leaf(1, 4, 0), Leaf(2, 6, 3)
            ),
        ),
        ["a", "b", 'c"'],
        ["length", "width", "age"],
        0.9,
    )


def test_rules():
    tree = small_tree()
    x = np.array([[0.4, 0, 0], [1, 0, -2], [1, 0, 5]])
    assert tree.predict(x).tolist() == ["a", "b", 'c"']
    assert tree.rules().splitlines() == [
        "if - 2 width + 1 length > 0.5:",
        "  if 3 age > -1:",
        '    c" (3 of 6)',
        "  else:",
        "    b (4 of 4)",
        "else:",
        "  a (9 of 10)",
    ]
    text = tree.graphviz()
    assert text.count("->") == 4
    assert r'n2 [label="c\" (3 of 6)"];' in text
    figure = drawing.drawn(tree, "a tree")
    said = [each.get_text() for each in figure.axes[0].texts]
    assert "a\n10\n90%" in said and "3 age > -1" in said


def test_a_hyperplane_without_a_direction_is_said():
    split = Split(np.zeros(2), -1.5, Leaf(0, 0, 0), Leaf(1, 5, 0))
    tree = ObliqueTree(split, [0, 1], "ab", 1.0)
    assert tree.rules().splitlines()[0] == "if 0 > -1.5:"


def grown(depth, rng, chance=1.0):
    """A tree of that depth, cut short by chance, of thirty columns."""
    if not depth or rng.uniform() > chance:
        return Leaf(int(rng.integers(2)), 1200, 7)
    normal = data.unit(rng.standard_normal((1, 30)))[0]
    ends = [grown(depth - 1, rng, chance) for _ in range(2)]
    return Split(normal, -0.00123, *ends)


@pytest.mark.parametrize(("depth", "chance"), [(4, 1.0), (5, 1.0), (6, 0.93)])
def test_nothing_that_is_drawn_overlaps(depth, chance, rng):
    names = [f"mean number {k} of all" for k in range(30)]
    root = Split(
        np.ones(30), 0, grown(depth - 1, rng, chance), Leaf(0, 12345, 3)
    )
    tree = ObliqueTree(root, ["malignant", "benign"], names, 1.0)
    figure = drawing.drawn(tree)
    FigureCanvasAgg(figure).draw()
    shown = figure.axes[0].texts
    boxes = [text.get_bbox_patch().get_window_extent() for text in shown]
    for k, box in enumerate(boxes):
        assert figure.bbox.fully_containsx(box.x0)
        assert figure.bbox.fully_containsx(box.x1)
        for other, text in zip(boxes[:k], shown, strict=False):
            assert not box.overlaps(other), (shown[k].get_text(), text)


def test_of_a_classifier_it_is_in_the_table_s_units(rng):
    x = rng.standard_normal((1500, 2)) * [1, 1000] + [5, 0]
    y = np.where((x[:, 0] > 5) ^ (x[:, 1] > 300), "in", "out")
    found = DLGNClassifier(
        "dlgn_sf", (8, 8), beta=10, epochs=60, random_state=0
    ).fit(x, y)
    tree = found.tree(x)
    assert tree.fidelity == np.mean(tree.predict(x) == found.predict(x)) > 0.95
    assert np.mean(tree.predict(x) == y) > 0.95
    scaled = [s.normal * [1, 1000] for s in splits(tree.root)]
    offsets = [
        s.offset / np.linalg.norm(s.normal * [1, 1000])
        for s in splits(tree.root)
    ]
    angles = half_spaces.angles(np.eye(2), np.array(scaled))
    assert angles.min(axis=0).max() < 10
    assert tree.names == ["x0", "x1"] and set(tree.classes) == {"in", "out"}
    assert len(offsets) == 3


@pytest.mark.parametrize("family", ["dnn", "dlgn", "dlgn_vt"])
def test_regions_have_local_linear_models(family, rng):
    """Against finite differences; a ReLU network is linear in each."""
    form = Form(family, 3, (4, 4), 2, 1.5, biases=True, value_input="image")
    weights = networks.initial(form, 0, "float64")
    x = rng.standard_normal((60, 3))
    found = regions.regions(form, weights, x)
    assert sum(region.points for region in found) == 60
    assert found[0].points == max(region.points for region in found)
    assert len({tuple(region.on) for region in found}) == len(found)
    for region in found[:5]:
        np.testing.assert_allclose(region.centre, x[region.members].mean(0))
        step = 1e-6 * np.eye(3)
        ends = [
            np.asarray(networks.outputs(form, weights, region.centre + e))
            for e in (step, -step)
        ]
        np.testing.assert_allclose(
            (ends[0] - ends[1]) / 2e-6, region.slopes, atol=1e-6
        )
    if family == "dnn":
        region = found[0]
        said = (
            region.outputs + (x[region.members] - region.centre) @ region.slopes
        )
        np.testing.assert_allclose(
            said, networks.outputs(form, weights, x[region.members]), atol=1e-9
        )


@pytest.mark.parametrize("labels", [np.array([1, 1, 0]), np.full(3, 7.5)])
def test_a_leaf_that_no_point_reaches_says_what_its_parent_would(labels):
    x = np.array([[1.0], [2.0], [3.0]])
    empty = Split(np.array([1.0]), -9.0, Leaf(0, 0, 0), Leaf(0, 0, 0))
    root = Split(np.array([1.0]), 2.5, empty, Leaf(0, 0, 0))
    found = readout._pruned(root, x, labels, cost=-1e9)
    assert found.below.below.label == labels[0]
