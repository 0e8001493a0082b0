"""best.keras and snapshots: what is in them, and what a kill leaves."""

import errno
import os
import zipfile

import keras
import numpy as np
import pytest

from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import load_model
from dlgn_tf.output import elsewhere
from dlgn_tf.training import records, trained
from dlgn_tf.training.run_directory import RunDirectory


def accuracy_of(path):
    """Of a .keras file, in NumPy."""
    _, test = sources.load("digits")
    logits = np.asarray(load_model(path)(test.images, training=False))
    return np.mean(logits.argmax(axis=1) == test.labels)


def metrics(path):
    return RunDirectory(path).read_metrics()


def weights(path):
    return [w.tobytes() for w in keras.models.load_model(path).get_weights()]


def assert_best_is_right(path, measured=True):
    lines = metrics(path)
    best = max(lines, key=lambda line: line["test_accuracy"])
    assert trained.step_of(path / "best.keras") == best["step"]
    if measured:
        assert accuracy_of(path / "best.keras") == pytest.approx(
            best["test_accuracy"], abs=1e-9
        )


def test_best_is_that_of_the_best_evaluation(start):
    good = start("--train_steps=8")
    assert_best_is_right(good.path)
    before = weights(good.path / "best.keras")
    # What was learnt is lost, but for the best.
    bad = start("--train_steps=10", "--learning_rates=1000", "--boundaries=")
    assert bad.last["test_accuracy"] < bad.last["best_test_accuracy"]
    assert_best_is_right(bad.path)
    assert weights(bad.path / "best.keras") == before
    assert weights(bad.path / "model.keras") != before


class _Killed(BaseException):
    pass


def kill(monkeypatch, where, when, owner=records.Records):
    """Ends the process, as it were, before the `when`-th call of `where`."""
    calls = []
    method = getattr(owner, where)

    def killed(self, *arguments):
        calls.append(arguments)
        if len(calls) == when:
            raise _Killed
        return method(self, *arguments)

    monkeypatch.setattr(owner, where, killed)


def step_in(path):
    """What the engine that computes nothing has written as a model."""
    with zipfile.ZipFile(path) as archive:
        return int(archive.read("config.json"))


@pytest.mark.parametrize(
    ("owner", "where", "when"),
    [
        # Before a snapshot, a best.keras, a checkpoint.
        *((records.Records, "_save_keras", when) for when in (1, 2, 3)),
        (records.Checkpoints, "save", 2),
    ],
)
def test_killed_anywhere(owner, where, when, pretend, monkeypatch):
    flags = ("--train_steps=10", "--snapshot_every=4")
    with monkeypatch.context() as context:
        kill(context, where, when, owner)
        with pytest.raises(_Killed):
            pretend(*flags)
    path = pretend(*flags).path
    assert_best_is_right(path, measured=False)
    assert [line["step"] for line in metrics(path)] == [3, 6, 9, 10]
    kept = RunDirectory(path).kept_models()
    assert list(kept) == [0, 4, 8, 10]
    assert all(step_in(file) == step for step, file in kept.items())
    assert step_in(path / "model.keras") == 10


@pytest.mark.parametrize(
    ("accuracies", "damaged", "expected"),
    [
        # The checkpoint gone back to is the best so far: its model comes back.
        ({3: 0.5, 6: 0.6}, 6, 3),
        # It is not, and the model that was is overwritten.
        ({3: 0.5, 6: 0.4, 9: 0.6}, 9, None),
    ],
)
def test_best_of_a_forgotten_part(
    accuracies, damaged, expected, pretend, fake_engine
):
    """Checkpoints that are damaged take their best.keras with them."""
    fake_engine.accuracies = accuracies
    path = pretend(f"--train_steps={damaged}").path
    assert trained.step_of(path / "best.keras") == damaged
    (path / "checkpoints" / f"ckpt-{damaged}.index").write_bytes(b"")
    printed = pretend(f"--train_steps={damaged - 3}").printed
    assert f"checkpoint of step {damaged} is damaged" in printed
    assert trained.step_of(path / "best.keras") == expected
    if expected:
        # Nothing was trained since.
        assert f"already at step {expected}" in printed
        assert step_in(path / "best.keras") == expected
    else:
        assert "best.keras is of a step that is forgotten" in printed


def test_damaged_best_is_kept_aside(pretend, fake_engine):
    # The best is of an earlier step than the newest checkpoint.
    fake_engine.accuracies = {6: 0.9}
    path = pretend("--train_steps=10").path
    best = path / "best.keras"
    damaged = best.read_bytes()[:-100]
    best.write_bytes(damaged)
    printed = pretend("--train_steps=10").printed
    assert "best.keras cannot be read: kept as best.damaged" in printed
    assert (path / "best.damaged").read_bytes() == damaged
    assert not best.exists()


@pytest.mark.parametrize("number", [errno.EIO, errno.EDQUOT])
def test_best_that_the_disk_does_not_read_stays(
    number, pretend, fake_engine, monkeypatch
):
    """It may be whole: the run ends with a line, and goes on after it."""
    fake_engine.accuracies = {6: 0.9}
    path = pretend("--train_steps=10").path
    best = path / "best.keras"
    content = best.read_bytes()

    def failing(path):
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "archive", failing)
        with pytest.raises(UserError, match=rf"read .*{best.name}\. Received"):
            pretend("--train_steps=12")
    assert best.read_bytes() == content
    pretend("--train_steps=12")
    assert best.read_bytes() == content
    assert not best.with_name("best.damaged").exists()


def test_model_of_a_longer_run_that_was_killed(pretend, monkeypatch):
    path = pretend("--train_steps=3").path
    with monkeypatch.context() as context:
        kill(context, "save_model", 1)
        with pytest.raises(_Killed):
            pretend("--train_steps=6")
    assert trained.step_of(path / "model.keras") == 3
    pretend("--train_steps=6")
    assert trained.step_of(path / "model.keras") == 6
    assert step_in(path / "model.keras") == 6


def test_snapshots_equal_the_plain_loop(start, expected_run):
    path = start("--train_steps=10", "--snapshot_every=4").path
    kept = RunDirectory(path).kept_models()
    assert list(kept) == [0, 4, 8, 10]
    for step, file in kept.items():
        assert trained.step_of(file) == step
        keras.tree.map_structure(
            lambda one, other: np.testing.assert_allclose(
                one, other, atol=1e-5
            ),
            load_model(file).get_weights(),
            expected_run.weights[step],
        )


def test_snapshots_outlive_checkpoints(pretend):
    flags = ("--snapshot_every=1", "--keep_checkpoints=2")
    path = pretend("--train_steps=6", *flags).path
    assert len(list((path / "checkpoints").glob("ckpt-*.index"))) == 2
    before = {p.name: p.read_bytes() for p in (path / "snapshots").iterdir()}
    assert len(before) == 7
    pretend("--train_steps=8", *flags)
    after = {p.name: p.read_bytes() for p in (path / "snapshots").iterdir()}
    assert len(after) == 9
    assert {name: after[name] for name in before} == before


def test_no_snapshots_unless_asked(whole_run):
    assert not (whole_run.path / "snapshots").exists()
    assert_best_is_right(whole_run.path)


def test_run_that_starts_anew_keeps_nothing(pretend):
    path = pretend("--train_steps=3", "--snapshot_every=1").path
    for file in (path / "checkpoints").iterdir():
        file.unlink()
    # Beside these weights, which it would delete, none starts.
    with pytest.raises(UserError, match="model.keras alone"):
        pretend("--train_steps=2", "--snapshot_every=2", "--seed=8")
    (path / "model.keras").unlink()
    pretend("--train_steps=2", "--snapshot_every=2", "--seed=8")
    assert trained.step_of(path / "model.keras") == 2
    assert list(RunDirectory(path).kept_models()) == [0, 2]
    assert_best_is_right(path, measured=False)


def test_step_of_what_is_no_model(tmp_path):
    assert trained.step_of(tmp_path / "missing") is None
    (tmp_path / "text").write_text("text")
    assert trained.step_of(tmp_path / "text") is None
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("other", "")
    assert trained.step_of(tmp_path / "zip") is None
