"""Checkpoints of resnets-in-tensorflow2: loaded exactly, or refused.

`Drawn` builds the lineage's networks of plain Keras layers and writes down, by
hand, the order in which Keras 2 lists their layers: those further from the
output first; at equal distance the shortcut's, then the branch's.
"""

import os
import pathlib
import sys

import keras
import numpy as np
import pytest

from dlgn_tf.data import catalog, sources
from dlgn_tf.errors import UserError
from dlgn_tf.models import lineage
from dlgn_tf.models.build import create_model
from dlgn_tf.training.source import Source

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"
PUBLISHED = SHARED / "lineage_checkpoints"
CIFAR_DIR = pathlib.Path(os.environ.get("DLGN_TF_DATA_DIR", SHARED / "tfds"))
SIDE = 32


class Drawn:
    """A network of the lineage and the list of its layers.

    Attributes:
        model: Functional `keras.Model`, normalised image -> logits.
        order: Its layers in the lineage's order, None for one without weights.
    """

    def __init__(self, rng, classes=10):
        self.order = [None]
        self.image = keras.Input((SIDE, SIDE, 3))
        self._rng, self._classes = rng, classes

    def conv(self, x, filters, size=3, stride=1, bias=False):
        layer = keras.layers.Conv2D(
            filters, size, stride, padding="same", use_bias=bias
        )
        return self._weighty(layer, x)

    def norm(self, x):
        return self._weighty(keras.layers.BatchNormalization(), x)

    def norm_relu(self, x):
        return self.relu(self.norm(x))

    def _weighty(self, layer, x):
        y = layer(x)
        for variable in layer.weights:
            value = 0.3 * self._rng.standard_normal(variable.shape)
            positive = variable.name in ("gamma", "moving_variance")
            variable.assign(np.abs(value) + 0.5 if positive else value)
        self.order.append(layer)
        return y

    def relu(self, x):
        self.order.append(None)
        return keras.layers.ReLU()(x)

    def add(self, x, y):
        self.order.append(None)
        return keras.layers.Add()([x, y])

    def subsampled(self, x, stride):
        """The first half of shortcut A, listed before what is beside it."""
        if stride > 1:
            self.order.append(None)
            x = keras.layers.MaxPooling2D(1, stride)(x)
        return x

    def padded(self, x, filters):
        """The other half."""
        self.order.append(None)
        zeros = keras.layers.Lambda(
            lambda t: keras.ops.pad(
                t, [(0, 0), (0, 0), (0, 0), (0, filters - t.shape[-1])]
            )
        )
        return zeros(x)

    def end(self, x):
        self.order.append(None)
        x = keras.layers.GlobalAveragePooling2D()(x)
        logits = self._weighty(keras.layers.Dense(self._classes), x)
        self.model = keras.Model(self.image, logits)
        return self

    # Blocks.

    def original(self, x, filters, stride, shortcut):
        h = self.norm_relu(self.conv(x, filters, 3, stride))
        if x.shape[-1] == filters:
            return self.relu(self.add(x, self.norm(self.conv(h, filters))))
        if shortcut == "A":
            skip = self.subsampled(x, stride)
            h = self.conv(h, filters)
            skip = self.padded(skip, filters)
        else:
            skip = self.conv(x, filters, 1, stride)
            h = self.conv(h, filters)
            skip = self.norm(skip)
        return self.relu(self.add(skip, self.norm(h)))

    def preactivated(self, x, filters, stride, shortcut, activated, dropout):
        t = self.norm_relu(x)
        x = t if activated else x
        h = self.conv(t, filters, 3, stride)
        if dropout:
            self.order.append(None)
            h = keras.layers.Dropout(0.3)(h)
        return self._joined(x, self.norm(h), filters, 3, stride, shortcut)

    def bottleneck(self, x, filters, stride, shortcut, activated, _):
        t = self.norm_relu(x)
        x = t if activated else x
        h = self.norm_relu(self.conv(t, filters // 4, 1))
        h = self.norm(self.conv(h, filters // 4, 3, stride))
        return self._joined(x, h, filters, 1, stride, shortcut)

    def _joined(self, x, h, filters, size, stride, shortcut):
        """ReLU and last convolution of a branch, beside the shortcut."""
        if x.shape[-1] == filters:
            h = self.conv(self.relu(h), filters, size)
        elif shortcut == "A":
            x, h = self.subsampled(x, stride), self.relu(h)
            x = self.padded(x, filters)
            h = self.conv(h, filters, size)
        else:
            h = self.relu(h)
            x = self.conv(x, filters, 1, stride)
            h = self.conv(h, filters, size)
        return self.add(x, h)


def draw_resnet(
    rng, block, shortcut, blocks=2, width=4, classes=10, dropout=False
):
    drawn = Drawn(rng, classes)
    h = drawn.conv(drawn.image, width)
    if block == "original":
        h = drawn.norm_relu(h)
    for group in range(3):
        filters = width * 2**group * (4 if block == "bottleneck" else 1)
        for index in range(blocks):
            stride = 2 if group and not index else 1
            if block == "original":
                h = drawn.original(h, filters, stride, shortcut)
                continue
            every = block == "bottleneck"
            activated = not index and (every or not group)
            apply = getattr(drawn, block)
            h = apply(h, filters, stride, shortcut, activated, dropout)
    if block != "original":
        h = drawn.norm_relu(h)
    return drawn.end(h)


def draw_vgg(rng, groups=(1, 1, 2, 2, 2), width=4):
    drawn = Drawn(rng)
    h = drawn.image
    for group, convolutions in enumerate(groups):
        filters = width * min(2**group, 8)
        for _ in range(convolutions):
            h = drawn.norm_relu(drawn.conv(h, filters, bias=True))
        drawn.order.append(None)
        h = keras.layers.MaxPooling2D(2)(h)
    return drawn.end(h)


def write(drawn, path, below_model=False, extra=()):
    """Writes a checkpoint in the lineage's layout; returns its prefix."""
    import tensorflow as tf

    class Node(tf.Module):
        pass

    model, with_weights = tf.train.Checkpoint(), 0
    for index, layer in enumerate([*drawn.order, *extra]):
        node = Node()
        if layer is not None:
            if index < len(drawn.order):
                setattr(model, f"layer_with_weights-{with_weights}", node)
            with_weights += 1
            for variable in layer.weights:
                setattr(node, variable.name, tf.Variable(variable.numpy()))
        name = f"layer-{index}" if index < len(drawn.order) else "layerless"
        setattr(model, name, node)
    root = tf.train.Checkpoint(model=model) if below_model else model
    return root.write(str(path / "saved.tf"))


def zoo(name, **options):
    return create_model(f"{name}_dnn", seed=0, **options)


NETWORKS = {
    "original A": ("resnet20", {"depth": 14, "width": 4}),
    "original B": ("resnet20", {"depth": 14, "width": 4, "shortcut": "B"}),
    "preactivated A": (
        "resnet110",
        {"depth": 14, "width": 4, "shortcut": "A"},
    ),
    "preactivated B": ("resnet110", {"depth": 14, "width": 4}),
    "bottleneck A": ("resnet164", {"depth": 20, "width": 4, "shortcut": "A"}),
    "bottleneck B": ("resnet164", {"depth": 20, "width": 4}),
    "vgg": ("vgg11", {"width": 4, "pooling": "max"}),
}


def drawn_network(kind, rng):
    if kind == "vgg":
        return draw_vgg(rng)
    return draw_resnet(rng, *kind.split())


def assert_same_outputs(network, drawn, rng):
    images = rng.integers(0, 256, (3, SIDE, SIDE, 3)).astype("uint8")
    expected = np.asarray(drawn.model(images / np.float32(255)))
    # Gaps between them are far above rounding.
    assert np.ptp(expected, axis=0).min() > 1e-3
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        network(images), expected, rtol=1e-4, atol=1e-5 * scale
    )


@pytest.mark.parametrize(
    "kind,below_model", [*((kind, False) for kind in NETWORKS), ("vgg", True)]
)
def test_outputs_are_those_of_the_network_that_was_saved(
    rng, tmp_path, kind, below_model
):
    drawn = drawn_network(kind, rng)
    name, options = NETWORKS[kind]
    network = zoo(name, **options)
    lineage.load(write(drawn, tmp_path, below_model), network)
    assert_same_outputs(network, drawn, rng)


def test_dropout_is_passed_over(rng, tmp_path):
    drawn = draw_resnet(rng, "preactivated", "A", dropout=True)
    prefix = write(drawn, tmp_path)
    name, options = NETWORKS["preactivated A"]
    network = zoo(name, **options)
    lineage.load(prefix, network)
    assert_same_outputs(network, drawn, rng)
    with pytest.raises(UserError, match="another block type"):
        lineage.load(prefix, zoo("resnet20", depth=14, width=4))


def test_a_reloaded_network_takes_them_too(rng, tmp_path):
    drawn = draw_resnet(rng, "bottleneck", "B")
    zoo("resnet164", depth=20, width=4).save(tmp_path / "model.keras")
    network = keras.models.load_model(tmp_path / "model.keras")
    lineage.load(write(drawn, tmp_path), network)
    assert_same_outputs(network, drawn, rng)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Prefixes of a checkpoint of each kind."""
    rng = np.random.default_rng(0)
    return {
        kind: write(drawn_network(kind, rng), tmp_path_factory.mktemp("saved"))
        for kind in NETWORKS
    }


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_other_kind_is_refused(saved, kind):
    """Also where all shapes agree: v1 and v2 with shortcut A."""
    name, options = NETWORKS[kind]
    network = zoo(name, **options)
    before = network.get_weights()
    for other, prefix in saved.items():
        if other == kind:
            continue
        with pytest.raises(UserError, match="Expected .* Received") as caught:
            lineage.load(prefix, network)
        text = str(caught.value)
        assert name in text and prefix in text and "\n" not in text
    np.testing.assert_equal(before, network.get_weights())


@pytest.mark.parametrize(
    "options,message",
    [
        ({"depth": 20}, r"43 layers.*: .*, 31 layers|39 layers.*27 layers"),
        ({"depth": 8}, "15 layers"),
        ({"width": 8}, "stem with kernel 3x3x3x8.*kernel 3x3x3x4"),
        ({"classes": 100}, "logits with bias 100.*bias 10"),
        ({"shortcut": "B"}, "group2_block1_shortcut with kernel 1x1x4x8"),
        ({"block": "preactivated"}, "another block type"),
        ({"block": "bottleneck", "depth": 20}, "kernel 1x1x4x4.*3x3x4x4"),
    ],
)
def test_another_network_of_that_name(saved, options, message):
    network = zoo("resnet20", **{"depth": 14, "width": 4, **options})
    with pytest.raises(UserError, match=message):
        lineage.load(saved["original A"], network)


def test_average_pooling_is_refused(saved):
    with pytest.raises(UserError, match="pooling=max.*average"):
        lineage.load(saved["vgg"], zoo("vgg11", width=4))


def test_a_gated_network_is_refused(saved):
    network = create_model("resnet20_dlgn", depth=14, width=4)
    with pytest.raises(UserError, match="family dnn.*resnet20_dlgn"):
        lineage.load(saved["original A"], network)


# Files.


def copied(prefix, folder):
    source = pathlib.Path(prefix)
    for part in source.parent.glob(f"{source.name}.*"):
        (folder / part.name).write_bytes(part.read_bytes())
    return folder / source.name


def change(path):
    content = bytearray(path.read_bytes())
    content[5000] ^= 255
    path.write_bytes(content)


DAMAGE = {
    "no data": pathlib.Path.unlink,
    "no index": pathlib.Path.unlink,
    "short data": lambda x: x.write_bytes(x.read_bytes()[:-2000]),
    "changed data": change,
    "changed index": lambda x: x.write_bytes(b"\0" * x.stat().st_size),
    "empty index": lambda x: x.write_bytes(b""),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage(saved, tmp_path, kind):
    path = copied(saved["original A"], tmp_path)
    network = zoo("resnet20", depth=14, width=4)
    lineage.load(path, network)
    before = network.get_weights()
    part = "index" if "index" in kind else "data-00000-of-00001"
    DAMAGE[kind](path.with_name(f"{path.name}.{part}"))
    assert lineage.is_checkpoint(path)
    with pytest.raises(UserError, match="Expected a whole") as caught:
        lineage.load(path, network)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    np.testing.assert_equal(before, network.get_weights())


def test_is_checkpoint(saved, tmp_path):
    assert lineage.is_checkpoint(saved["vgg"])
    assert lineage.is_checkpoint(pathlib.Path(saved["vgg"]))
    (tmp_path / "model.keras").write_text("")
    for path in (tmp_path, tmp_path / "model.keras", tmp_path / "nothing"):
        assert not lineage.is_checkpoint(path)
    with pytest.raises(UserError, match="before .index.*nothing"):
        lineage.load(tmp_path / "nothing", zoo("resnet20"))


def test_a_checkpoint_of_something_else(tmp_path):
    import tensorflow as tf

    network = zoo("resnet20", depth=8, width=4)
    prefix = tf.train.Checkpoint(model=network).write(str(tmp_path / "own"))
    with pytest.raises(UserError, match="lists no layers of a Keras 2 model"):
        lineage.load(prefix, network)


def test_weights_without_a_place(rng, tmp_path):
    drawn = draw_resnet(rng, "original", "A", 1)
    prefix = write(drawn, tmp_path, extra=drawn.order[1:2])
    with pytest.raises(UserError, match="1 weights without a layer: layerless"):
        lineage.load(prefix, zoo("resnet20", depth=8, width=4))


def test_weights_that_are_not_finite(rng, tmp_path):
    drawn = draw_resnet(rng, "original", "A", 1)
    drawn.order[2].gamma.assign(np.full(4, np.nan))
    with pytest.raises(UserError, match="with_weights-1/gamma is not finite"):
        lineage.load(write(drawn, tmp_path), zoo("resnet20", depth=8, width=4))


def test_without_tensorflow(saved, monkeypatch):
    network = zoo("resnet20", depth=14, width=4)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(UserError, match="Expected TensorFlow"):
        lineage.load(saved["original A"], network)


# The published networks.


@pytest.fixture(scope="module", params=[32, 44])
def published(request):
    prefix = PUBLISHED / f"cifar_resnet{request.param}.tf"
    if not lineage.is_checkpoint(prefix):
        pytest.skip(f"no {prefix}")
    info = catalog.get("cifar10")
    network = zoo(f"resnet{request.param}", mean=info.mean, std=info.std)
    lineage.load(prefix, network)
    return prefix, network


def test_a_command_reads_a_published_network(published):
    prefix, network = published
    name = network.name
    with pytest.raises(UserError, match="--model_path.*Expected --model with"):
        Source(model_path=prefix).check()
    read, step = Source(model_path=prefix, model=name).load()
    assert step is None
    np.testing.assert_equal(read.get_weights(), network.get_weights())


def test_first_block_of_a_published_network_in_numpy(published, rng):
    import tensorflow as tf

    prefix, network = published
    reader = tf.train.load_checkpoint(str(prefix))

    def read(index, name):
        return reader.get_tensor(
            f"layer_with_weights-{index}/{name}/.ATTRIBUTES/VARIABLE_VALUE"
        ).astype(np.float64)

    def conv_norm(x, index):
        kernel = read(index, "kernel")
        around = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        h = sum(
            around[:, i : i + SIDE, j : j + SIDE] @ kernel[i, j]
            for i in range(3)
            for j in range(3)
        )
        scale = read(index + 1, "gamma") / np.sqrt(
            read(index + 1, "moving_variance") + 1e-3
        )
        return scale * (h - read(index + 1, "moving_mean")) + read(
            index + 1, "beta"
        )

    images = rng.integers(0, 256, (2, SIDE, SIDE, 3)).astype("uint8")
    mean = np.array([0.4914, 0.4822, 0.4465])
    std = np.array([0.2023, 0.1994, 0.2010])
    expected = {"stem": conv_norm((images / 255 - mean) / std, 0)}
    u = np.maximum(expected["stem"], 0)
    expected["group1_block1_1"] = conv_norm(u, 2)
    h = np.maximum(expected["group1_block1_1"], 0)
    expected["group1_block1_2"] = u + conv_norm(h, 4)
    found = network.preactivations(images)
    for site, q in expected.items():
        assert np.ptp(q) > 1
        np.testing.assert_allclose(found[site], q, rtol=1e-4, atol=1e-4)


@pytest.mark.needs_cifar
def test_accuracy_of_a_published_network(published):
    """Its images went through JPEG: of the published 93 % some 82 are left."""
    if not (CIFAR_DIR / "cifar10").is_dir():
        pytest.skip(f"no cifar10 in {CIFAR_DIR}")
    _, network = published
    _, test = sources.load(
        "cifar10", CIFAR_DIR, train_examples=1, test_examples=300
    )
    predicted = np.argmax(network(test.images), axis=-1)
    assert np.mean(predicted == test.labels) > 0.75
