"""Ladders are kept order by order, go on where they stopped, refuse others."""

import json

import keras
import numpy as np
import pytest

from dlgn_tf.complexity import ladder as module
from dlgn_tf.complexity.distillation import Distillation
from dlgn_tf.complexity.features import feature_of
from dlgn_tf.complexity.finished_nets import FinishedNets
from dlgn_tf.complexity.ladder import LadderSettings, train_ladder
from dlgn_tf.complexity.synthetic import shapes
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model


@pytest.fixture(scope="module")
def images():
    return shapes(60, 0, side=8).images


@pytest.fixture(scope="module")
def feature():
    return feature_of(create_model("c1gap_dnn", (8, 8, 3), width=4, seed=0))


def settings(orders=(4, 7), epochs=2, **changes):
    training = Distillation(epochs, 32, augmentation="none")
    return LadderSettings(
        orders=orders, width=1 / 64, training=training, **changes
    )


def weights(ladder):
    return {o: net.get_weights() for o, net in ladder.networks.items()}


def same(first, second):
    return all(map(np.array_equal, first, second))


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


def test_killed_ladder_goes_on(tmp_path, feature, images, monkeypatch, quick):
    whole = train_ladder(feature, images, settings((4, 7, 13)), progress=False)
    train, trained = module.distil, []

    def dies_at_13(net, draws, order, *others):
        if order == 13 and 13 not in trained:
            trained.append(order)
            raise _Killed
        trained.append(order)
        return train(net, draws, order, *others)

    monkeypatch.setattr(module, "distil", dies_at_13)
    with pytest.raises(_Killed):
        train_ladder(feature, images, settings((4, 7, 13)), tmp_path, False)
    resumed = train_ladder(
        feature, images, settings((4, 7, 13)), tmp_path, False
    )
    assert trained == [4, 7, 13, 13]
    assert resumed.orders == (4, 7, 13)
    for order, expected in weights(whole).items():
        assert same(weights(resumed)[order], expected), order
    lines = (tmp_path / "nets.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["4", ""],
        ["7", "4"],
        ["13", "7"],
    ]


def test_a_file_without_its_line_is_not_finished(
    tmp_path, feature, images, quick
):
    train_ladder(feature, images, settings((4,)), tmp_path, False)
    (tmp_path / "order_07.keras").write_text("half of a file")
    ladder = train_ladder(feature, images, settings(), tmp_path, False)
    assert ladder.orders == (4, 7)


def test_an_order_in_between_retrains_what_started_below(
    tmp_path, feature, images, quick
):
    train_ladder(feature, images, settings((4, 13)), tmp_path, False)
    found = train_ladder(feature, images, settings((4, 7, 13)), tmp_path, False)
    afresh = train_ladder(feature, images, settings((4, 7, 13)), progress=False)
    for order, expected in weights(afresh).items():
        assert same(weights(found)[order], expected), order


def test_orders_above_a_net_that_changed_are_retrained(
    tmp_path, feature, images, quick
):
    """13 and 25 started from a 7 that started from 4, which is left out."""
    train_ladder(feature, images, settings((4, 7, 13, 25)), tmp_path, False)
    found = train_ladder(
        feature, images, settings((7, 13, 25)), tmp_path, False
    )
    afresh = train_ladder(
        feature, images, settings((7, 13, 25)), progress=False
    )
    for order, expected in weights(afresh).items():
        assert same(weights(found)[order], expected), order


def test_another_ladder_is_refused(tmp_path, feature, images, quick):
    train_ladder(feature, images, settings((4,)), tmp_path, False)
    for change, name in (
        ({"epochs": 3}, "training"),
        ({"warm_start": False}, "warm_start"),
    ):
        with pytest.raises(UserError, match=name):
            train_ladder(
                feature, images, settings((4,), **change), tmp_path, False
            )
    other = feature_of(create_model("c1gap_dnn", (8, 8, 3), width=4, seed=9))
    with pytest.raises(UserError, match="known_by"):
        train_ladder(other, images, settings((4,)), tmp_path, False)


def test_nets_of_raw_features_are_refused(tmp_path, feature, images, quick):
    train_ladder(feature, images, settings((4,)), tmp_path, False)
    path = tmp_path / "settings.json"
    described = json.loads(path.read_text())
    del described["targets"]
    path.write_text(json.dumps(described))
    with pytest.raises(UserError, match="another targets"):
        train_ladder(feature, images, settings((4,)), tmp_path, False)


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


def test_unwritable_directory(tmp_path, feature, images):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UserError, match="write"):
        train_ladder(feature, images, settings((4,)), file / "inside", False)


def test_constant_feature_is_refused(images, tmp_path):
    model = create_model("c1gap_dnn", (8, 8, 3), width=4)
    model.network.get_layer("conv1").kernel.assign(np.zeros((3, 3, 3, 4)))
    with pytest.raises(UserError, match="varies"):
        train_ladder(
            feature_of(model), images, settings(), tmp_path / "x", False
        )
    assert not (tmp_path / "x").exists()


def test_warm_start_is_where_a_net_starts(feature, images, monkeypatch):
    monkeypatch.setattr(module, "distil", lambda *given: np.ones(2))
    kernels = {}
    for warm in (True, False):
        ladder = train_ladder(
            feature, images, settings(warm_start=warm), progress=False
        )
        kernels[warm] = [
            np.asarray(net.get_layer("stage1_block1_conv").kernel)
            for net in ladder.networks.values()
        ]
    np.testing.assert_array_equal(*kernels[True])
    assert np.abs(kernels[False][0] - kernels[False][1]).max() > 1e-2


def test_training_explains_more_than_a_new_net(feature, images):
    """The one that is trained here: error falls below the variance."""
    training = Distillation(40, 64, 1e-2, 1e-3, augmentation="none")
    ladder = train_ladder(
        feature,
        images,
        LadderSettings((4,), 1 / 16, batch_sizes=((32, 8),), training=training),
        progress=False,
    )
    f = feature.trunk(images)
    left = np.mean((f - ladder.outputs(images)[4]) ** 2)
    assert left < 0.5 * f.var(axis=0).mean()


def test_outputs(feature, images, quick):
    ladder = train_ladder(feature, images, settings(), progress=False)
    outputs = ladder.outputs(images)
    assert tuple(outputs) == (4, 7)
    for order, net in ladder.networks.items():
        np.testing.assert_allclose(
            outputs[order],
            net(images.astype("float32"), training=False),
            rtol=1e-4,
            atol=1e-5,
        )


def test_what_is_read_is_what_was_trained(tmp_path, feature, images, quick):
    first = train_ladder(feature, images, settings(), tmp_path, False)
    read = train_ladder(feature, images, settings(), tmp_path, False)
    for order, expected in first.outputs(images).items():
        np.testing.assert_allclose(
            read.outputs(images)[order], expected, rtol=1e-5, atol=1e-6
        )
    assert isinstance(read.networks[4], keras.Model)


def test_progress_is_shown(feature, images, capsys):
    train_ladder(feature, images, settings((4,)))
    assert "order 4: epoch 2/2" in capsys.readouterr().out


@pytest.mark.parametrize("orders", [(5,), (7, 4), (4, 4), ()])
def test_orders_are_checked(orders):
    with pytest.raises(UserError, match="Expected"):
        LadderSettings(orders=orders)
