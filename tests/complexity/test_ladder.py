"""Ladders are kept order by order, go on where they stopped, refuse others."""

import functools
import json

import keras
import numpy as np
import pytest

from dlgn_tf.complexity import ladder as module
from dlgn_tf.complexity.distillation import Distillation
from dlgn_tf.complexity.features import feature_of
from dlgn_tf.complexity.finished_nets import FinishedNets
from dlgn_tf.complexity.ladder import LadderSettings, train_ladder
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model


def settings(orders=(4, 7), epochs=2, **changes):
    training = Distillation(epochs, 32, augmentation="none")
    return LadderSettings(
        orders=orders, width=1 / 64, training=training, **changes
    )


@pytest.fixture
def train(feature, images):
    """A function of settings and a directory that trains a ladder."""
    return functools.partial(train_ladder, feature, images, progress=False)


def assert_alike(ladder, expected):
    assert ladder.orders == expected.orders
    for order, net in expected.networks.items():
        weights = ladder.networks[order].get_weights()
        assert all(map(np.array_equal, weights, net.get_weights())), order


class _Killed(Exception):
    pass


@pytest.fixture
def quick(monkeypatch):
    """In place of a training: noise on the weights, from draws and order."""

    def moved(net, draws, order, training, *others):
        drawn = draws.at(order, training.epochs)[0].sum()
        rng = np.random.default_rng([order, int(drawn)])
        net.set_weights(
            [w + rng.uniform(0, 0.1, w.shape) for w in net.get_weights()]
        )
        return np.ones(training.epochs)

    monkeypatch.setattr(module, "distil", moved)


def test_killed_ladder_goes_on(tmp_path, train, monkeypatch, quick):
    whole = train(settings((4, 7, 13)))
    distil, trained = module.distil, []

    def dies_at_13(net, draws, order, *others):
        trained.append(order)
        if trained == [4, 7, 13]:
            raise _Killed
        return distil(net, draws, order, *others)

    monkeypatch.setattr(module, "distil", dies_at_13)
    with pytest.raises(_Killed):
        train(settings((4, 7, 13)), tmp_path)
    assert_alike(train(settings((4, 7, 13)), tmp_path), whole)
    assert trained == [4, 7, 13, 13]
    lines = (tmp_path / "nets.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["4", ""],
        ["7", "4"],
        ["13", "7"],
    ]


def test_a_file_without_its_line_is_not_finished(tmp_path, train, quick):
    train(settings((4,)), tmp_path)
    (tmp_path / "order_07.keras").write_text("half of a file")
    assert train(settings(), tmp_path).orders == (4, 7)


@pytest.mark.parametrize(
    "before, now",
    [
        # 13 started from 4.
        ((4, 13), (4, 7, 13)),
        # 13 and 25 started from a 7 that started from 4, which is left out.
        ((4, 7, 13, 25), (7, 13, 25)),
    ],
)
def test_orders_above_a_net_that_changed_are_retrained(
    tmp_path, train, quick, before, now
):
    train(settings(before), tmp_path)
    assert_alike(train(settings(now), tmp_path), train(settings(now)))


def test_another_ladder_is_refused(
    tmp_path, train, make_feature, images, quick
):
    train(settings((4,)), tmp_path)
    with pytest.raises(UserError, match="training"):
        train(settings((4,), epochs=3), tmp_path)
    with pytest.raises(UserError, match="warm_start"):
        train(settings((4,), warm_start=False), tmp_path)
    with pytest.raises(UserError, match="known_by"):
        train_ladder(make_feature(9), images, settings((4,)), tmp_path, False)
    # Of nets that learned raw features.
    path = tmp_path / "settings.json"
    described = json.loads(path.read_text())
    del described["targets"]
    path.write_text(json.dumps(described))
    with pytest.raises(UserError, match="another targets"):
        train(settings((4,)), tmp_path)


@pytest.mark.parametrize(
    "found,same",
    [
        ([1.00001e-7, 3.0001e-7], True),
        ([1e-7, 3.1e-7], False),
        ([2e-7, 3e-7], False),
        ([-5e-7, 8e-7], False),
    ],
)
def test_tiny_features_are_told_apart(tmp_path, found, same):
    FinishedNets(tmp_path, {"known_by": [[1e-7, 3e-7]]})
    if same:
        FinishedNets(tmp_path, {"known_by": [found]})
    else:
        with pytest.raises(UserError, match="known_by"):
            FinishedNets(tmp_path, {"known_by": [found]})


def test_unwritable_directory(tmp_path, train):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UserError, match="write"):
        train(settings((4,)), file / "inside")


def test_constant_feature_is_refused(images, tmp_path):
    model = create_model("c1gap_dnn", (8, 8, 3), width=4)
    model.network.get_layer("conv1").kernel.assign(np.zeros((3, 3, 3, 4)))
    with pytest.raises(UserError, match="Expected a feature that varies"):
        train_ladder(feature_of(model), images, settings(), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_warm_start_is_where_a_net_starts(train, monkeypatch):
    monkeypatch.setattr(module, "distil", lambda *given: np.ones(2))
    kernels = {}
    for warm in (True, False):
        kernels[warm] = [
            np.asarray(net.get_layer("stage1_block1_conv").kernel)
            for net in train(settings(warm_start=warm)).networks.values()
        ]
    np.testing.assert_array_equal(*kernels[True])
    assert np.abs(kernels[False][0] - kernels[False][1]).max() > 1e-2


def test_training_explains_more_than_a_new_net(feature, images, capsys):
    """The one that is trained here: error falls below the variance."""
    training = Distillation(40, 64, 1e-2, 1e-3, augmentation="none")
    ladder = train_ladder(
        feature,
        images,
        LadderSettings((4,), 1 / 16, batch_sizes=((32, 8),), training=training),
    )
    assert "order 4: epoch 40/40" in capsys.readouterr().out
    f = feature.trunk(images)
    left = np.mean((f - ladder.outputs(images)[4]) ** 2)
    assert left < 0.5 * f.var(axis=0).mean()


def test_what_is_read_is_what_was_trained(tmp_path, train, images, quick):
    first = train(settings(), tmp_path)
    outputs = train(settings(), tmp_path).outputs(images)
    assert tuple(outputs) == (4, 7)
    for order, net in first.networks.items():
        assert isinstance(net, keras.Model)
        np.testing.assert_allclose(
            outputs[order],
            net(images.astype("float32"), training=False),
            rtol=1e-4,
            atol=1e-5,
        )


@pytest.mark.parametrize("orders", [(5,), (7, 4), (4, 4), ()])
def test_orders_are_checked(orders):
    with pytest.raises(UserError, match="Expected"):
        LadderSettings(orders=orders)


@pytest.mark.parametrize("text", ["", "[]", "{", "5"])
def test_damaged_settings_are_not_replaced(text, tmp_path):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(UserError, match="settings.json, which is damaged"):
        FinishedNets(tmp_path, {"known_by": [[1.0, 2.0]]})
    assert (tmp_path / "settings.json").read_text() == text


@pytest.mark.parametrize("text", ["order\n4\n", "order,started_from\nx,\n"])
def test_damaged_tables_of_nets(text, tmp_path):
    nets = FinishedNets(tmp_path, {})
    (tmp_path / "nets.csv").write_text(text)
    with pytest.raises(UserError, match="Expected a table of orders"):
        nets.read(4, None)


@pytest.mark.parametrize("known", [None, "x", [[1.0], [2.0, 3.0]], {}])
def test_other_settings_are_those_of_others(known, tmp_path):
    settings = json.dumps({"known_by": known})
    (tmp_path / "settings.json").write_text(settings)
    with pytest.raises(UserError, match="another known_by"):
        FinishedNets(tmp_path, {"known_by": [[1.0, 2.0]]})
