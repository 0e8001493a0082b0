"""Each block left out in turn: what is evaluated, and what is written."""

import csv
import dataclasses
import io
import itertools

import numpy as np
import pytest

from dlgn_tf import dual
from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.inspection import layer_removal
from dlgn_tf.models.build import create_model
from dlgn_tf.training import engines
from dlgn_tf.training.totals import Totals

OPTIONS = {"depth": 8, "width": 4}
BLOCKS = ("group1_block1", "group2_block1", "group3_block1")


def build(name, removed=()):
    return create_model(name, (8, 8, 1), removed=removed, **OPTIONS)


def trained(name, rng, networks="value"):
    """As if it were: weights that no seed of `build` gives."""
    model = build(name)
    for variable in model.variables:
        value = 0.5 * rng.standard_normal(variable.shape)
        positive = variable.name in ("gamma", "moving_variance")
        variable.assign(np.abs(value) + 0.5 if positive else value)
    return layer_removal.TrainedNetwork(
        "net", model, lambda removed: build(name, removed), BLOCKS, networks
    )


def errors_without(model, block, images, networks):
    """On TensorFlow and NumPy: the branch is silenced by its weights."""
    parts = ["network", "value_network"]
    parts += ["gating_network"] if networks == "both" else []
    layers = [
        getattr(model, part).get_layer(f"{block}_conv2_bn")
        for part in parts
        if block and hasattr(model, part)
    ]
    kept = [layer.get_weights() for layer in layers]
    for layer, (gamma, beta, *rest) in zip(layers, kept, strict=True):
        layer.set_weights([0 * gamma, 0 * beta, *rest])
    predicted = np.asarray(model(images.images)).argmax(-1)
    for layer, weights in zip(layers, kept, strict=True):
        layer.set_weights(weights)
    return int((predicted != images.labels).sum())


@pytest.mark.parametrize(
    "name,networks",
    [
        ("resnet20_dnn", "value"),
        ("resnet20_dgn", "value"),
        ("resnet20_dgn", "both"),
    ],
)
def test_errors_without_each_block(rng, name, networks):
    _, images = sources.load("digits", train_examples=1)
    network = trained(name, rng, networks)
    before = network.model.get_weights()
    found = list(
        layer_removal.removals(
            network, lambda model: engines.evaluate_model(model, images, 77)
        )
    )
    assert [line.removed for line in found] == ["", *BLOCKS]
    assert {(line.model, line.images) for line in found} == {("net", 360)}
    expected = [
        errors_without(network.model, block, images, networks)
        for block in ("", *BLOCKS)
    ]
    assert [line.errors for line in found] == expected
    assert len(set(expected)) > 1
    for line in found:
        assert line.accuracy == pytest.approx(1 - line.errors / 360)
    for old, new in zip(before, network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def kernel_of_sub_networks(model, images, blocks):
    """Theorem 3.3 by NumPy: a sum over the blocks' presence, of products."""
    gates = {
        site: np.asarray(gate, "float64")
        for site, gate in model.gates(images).items()
    }
    x = np.asarray(model.normalization(images), "float64").reshape(5, -1)
    total = 0
    # Those with the first one are left out.
    for present in itertools.product([False], [False, True]):
        kept = dict(zip(blocks, present, strict=True))
        kernel = x @ x.T
        for site, gate in gates.items():
            if kept.get(site.rsplit("_", 1)[0], True):
                kernel = kernel * (gate @ gate.T) / gate.shape[1]
        total = total + kernel
    return total


def test_held_gates_leave_theorem_3_3_exact(rng):
    """The kernel without a block is the sum over sub-networks without it."""

    def build(removed=()):
        return create_model(
            "fcresnet_dgn", (4, 4, 1), 3, removed=removed, depth=8, width=8,
            biases=False, seed=1,
        )  # fmt: skip

    model = build()
    images = rng.integers(0, 256, (5, 4, 4, 1)).astype("uint8")
    skips = ("block1", "block2")
    for networks, exact in (("value", True), ("both", False)):
        network = layer_removal.TrainedNetwork(
            "net", model, build, skips, networks
        )
        found = dual.neural_path_kernel(network.without("block1"), images)
        expected = kernel_of_sub_networks(model, images, skips)
        expected *= np.trace(found) / np.trace(expected)
        assert np.allclose(found, expected, rtol=1e-4) == exact


def test_one_network_is_built_at_a_time():
    """The next one is built when the one before has been evaluated."""
    events = []
    network = layer_removal.TrainedNetwork(
        "net",
        build("resnet20_dnn"),
        lambda removed: (
            events.append(removed) or build("resnet20_dnn", removed)
        ),
        BLOCKS,
    )

    def evaluate(model):
        events.append(len(model.site_names))
        return Totals(images=4, errors=1.0)

    list(layer_removal.removals(network, evaluate))
    assert events == [7, *(x for b in BLOCKS for x in ((b,), 6))]


LINES = [
    layer_removal.Removal("a", "", 0.75, 1, 4),
    layer_removal.Removal("a", "one", 0.5, 2, 4),
    layer_removal.Removal("a", "two", 0.25, 3, 4),
    layer_removal.Removal("b, c", "", 1.0, 0, 4),
    layer_removal.Removal("b, c", "only", 0.0, 4, 4),
]


def test_table():
    rows = list(csv.reader(io.StringIO(layer_removal.table(LINES))))
    assert rows[0] == ["model", "removed", "accuracy", "errors", "images"]
    assert rows[1] == ["a", "", "0.75", "1", "4"]
    assert rows[5] == ["b, c", "only", "0.0", "4", "4"]
    assert len(rows) == 6


def test_figure():
    (axes,) = layer_removal.figure(LINES).axes
    data = [line.get_xydata().tolist() for line in axes.lines]
    curves, levels = data[::2], data[1::2]
    assert curves == [[[1, 0.5], [2, 0.25]], [[1, 0.0]]]
    assert [[y for _, y in level] for level in levels] == [[0.75] * 2, [1] * 2]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["a", "b, c"]
    curve, level = axes.lines[:2]
    assert curve.get_color() == level.get_color() != axes.lines[2].get_color()


def test_a_network_that_an_earlier_version_made(rng):
    """Gates that are held may be of any network; others are refused."""
    network = trained("resnet20_dlgn_sf", rng)
    other = {"build": lambda removed: build("resnet20_dgn", removed)}
    held = dataclasses.replace(network, **other).without("group1_block1")
    for mine, whole in zip(
        held.value_network.get_weights()[:3],
        network.model.value_network.get_weights()[:3],
        strict=True,
    ):
        np.testing.assert_array_equal(mine, whole)
    both = dataclasses.replace(network, networks="both", **other)
    with pytest.raises(UserError, match="net as another version made it"):
        both.without("group1_block1")
