"""Checkpoints hold everything that a run needs to go on."""

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.training import checkpoints
from dlgn_tf.training.checkpoints import Checkpoints


def parts(path, seed, keep=3, width=4, adam=False):
    """Batch-normalised model, built optimiser and their checkpoints."""
    model = create_model(
        "resnet20_dnn", (8, 8, 1), 3, width=width, depth=8, seed=seed
    )
    optimizer = (
        keras.optimizers.Adam(0.01)
        if adam
        else keras.optimizers.SGD(0.1, momentum=0.9)
    )
    optimizer.build(model.trainable_variables)
    return model, optimizer, Checkpoints(path, model, optimizer, keep)


def randomize(variables, seed=0):
    """Gives every variable values that nothing else would give it."""
    rng = np.random.default_rng(seed)
    values = []
    for variable in variables:
        value = rng.uniform(0.5, 1.5, variable.shape).astype(np.float32)
        variable.assign(value)
        values.append(value)
    return values


def assert_equal(variables, values):
    assert len(variables) == len(values) > 0
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def floats(optimizer):
    return [v for v in optimizer.variables if "float" in v.dtype]


def without_rate(optimizer):
    return [v for v in floats(optimizer) if v is not optimizer.learning_rate]


@pytest.mark.parametrize("adam", [False, True])
def test_everything_comes_back(adam, tmp_path):
    model, optimizer, saved = parts(tmp_path, seed=1, adam=adam)
    weights = randomize(model.weights, 1)
    moments = randomize(without_rate(optimizer), 2)
    # One moment a trainable variable with SGD, two with Adam.
    expected = len(model.trainable_variables) * (2 if adam else 1)
    assert len(moments) == expected
    optimizer.iterations.assign(37)
    saved.best_accuracy.assign(0.8125)
    assert saved.save() == 37
    assert (tmp_path / "ckpt-37.index").is_file()

    model, optimizer, loaded = parts(tmp_path, seed=2, adam=adam)
    assert loaded.restore() == 37
    assert_equal(model.weights, weights)
    assert_equal(without_rate(optimizer), moments)
    assert int(optimizer.iterations) == 37
    assert float(loaded.best_accuracy) == 0.8125


def test_nothing_to_restore(tmp_path):
    model, optimizer, loaded = parts(tmp_path / "new", seed=1)
    before = [w.numpy().copy() for w in model.weights]
    assert loaded.restore() == 0
    assert_equal(model.weights, before)


def test_newest_counts_and_old_ones_go(tmp_path):
    model, optimizer, saved = parts(tmp_path, seed=1, keep=2)
    for step in (8, 9, 10, 11):
        optimizer.iterations.assign(step)
        weights = randomize(model.weights, step)
        saved.save()
    assert {p.name for p in tmp_path.glob("*.index")} == {
        "ckpt-10.index",
        "ckpt-11.index",
    }
    model, _, loaded = parts(tmp_path, seed=2)
    assert loaded.restore() == 11
    assert_equal(model.weights, weights)


def test_old_ones_go_after_a_restart_too(tmp_path):
    _, optimizer, saved = parts(tmp_path, seed=1, keep=2)
    for step in (1, 2):
        optimizer.iterations.assign(step)
        saved.save()
    _, optimizer, restarted = parts(tmp_path, seed=1, keep=2)
    restarted.restore()
    optimizer.iterations.assign(3)
    restarted.save()
    assert {p.name for p in tmp_path.glob("*.index")} == {
        "ckpt-2.index",
        "ckpt-3.index",
    }


def test_model_alone(tmp_path):
    model, optimizer, saved = parts(tmp_path, seed=1)
    weights = randomize(model.weights, 1)
    optimizer.iterations.assign(5)
    saved.save()
    model = create_model("resnet20_dnn", (8, 8, 1), 3, width=4, depth=8, seed=2)
    path = checkpoints.restore_model(tmp_path, model)
    assert path == str(tmp_path / "ckpt-5")
    assert_equal(model.weights, weights)


def test_model_alone_without_checkpoint(tmp_path):
    model = create_model("fc_dnn", (2, 2, 1), 3, width=2, seed=0)
    with pytest.raises(UserError, match="Expected .*Received: none"):
        checkpoints.restore_model(tmp_path, model)


@pytest.mark.parametrize("alone", [True, False])
def test_other_shapes_are_refused(alone, tmp_path):
    _, optimizer, saved = parts(tmp_path, seed=1)
    optimizer.iterations.assign(5)
    saved.save()
    model, _, wider = parts(tmp_path, seed=1, width=8)
    with pytest.raises((ValueError, UserError), match="(?i)shape"):
        if alone:
            checkpoints.restore_model(tmp_path, model)
        else:
            wider.restore()


@pytest.mark.parametrize("alone", [True, False])
def test_more_layers_are_refused(alone, tmp_path):
    """Variables that the checkpoint lacks may not keep initial values."""
    _, optimizer, saved = parts(tmp_path, seed=1)
    optimizer.iterations.assign(5)
    saved.save()
    model = create_model(
        "resnet20_dnn", (8, 8, 1), 3, width=4, depth=14, seed=0
    )
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(model.trainable_variables)
    deeper = Checkpoints(tmp_path, model, optimizer, 3)
    with pytest.raises((AssertionError, ValueError, UserError)):
        if alone:
            checkpoints.restore_model(tmp_path, model)
        else:
            deeper.restore()


@pytest.mark.parametrize("alone", [True, False])
def test_damaged_checkpoint_is_reported_in_one_line(alone, tmp_path):
    model, optimizer, saved = parts(tmp_path, seed=1)
    optimizer.iterations.assign(5)
    saved.save()
    (data,) = tmp_path.glob("ckpt-5.data-*")
    data.write_bytes(data.read_bytes()[:100])
    model, _, loaded = parts(tmp_path, seed=1)
    with pytest.raises(UserError, match="Expected .*Received"):
        if alone:
            checkpoints.restore_model(tmp_path, model)
        else:
            loaded.restore()
