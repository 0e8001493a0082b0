"""best.keras and snapshots: what is in them, and what a kill leaves."""

import json
import types
import zipfile

import keras
import numpy as np
import pytest

from dlgn_tf.training import loop, totals, trained
from dlgn_tf.training import records as records_lib


def accuracy_of(path):
    """Of a .keras file, in NumPy."""
    from dlgn_tf.data import sources
    from dlgn_tf.models import build  # noqa: F401

    model = keras.models.load_model(path)
    _, test = sources.load("digits")
    logits = np.asarray(model(test.images, training=False))
    return np.mean(logits.argmax(axis=1) == test.labels)


def metrics(path):
    lines = (path / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def best_line(path):
    lines = metrics(path)
    best = max(line["test_accuracy"] for line in lines)
    return next(line for line in lines if line["test_accuracy"] == best)


def weights(path):
    return [w.tobytes() for w in keras.models.load_model(path).get_weights()]


@pytest.fixture
def start(tmp_path, resolve, train, run_flags):
    def start(*flags):
        path = tmp_path / "run"
        config = resolve(*run_flags, f"--run_dir={path}", *flags)
        found = train(config)
        return types.SimpleNamespace(
            path=path, last=found.last, printed=found.printed
        )

    return start


def assert_best_is_right(path):
    line = best_line(path)
    assert accuracy_of(path / "best.keras") == pytest.approx(
        line["test_accuracy"], abs=1e-9
    )
    assert trained.step_of(path / "best.keras") == line["step"]


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


def kill(monkeypatch, where, when, owner=records_lib.Records):
    """Ends the process, as it were, before the `when`-th call of `where`."""
    calls = []
    method = getattr(owner, where)

    def killed(self, *arguments):
        calls.append(arguments)
        if len(calls) == when:
            raise _Killed
        return method(self, *arguments)

    monkeypatch.setattr(owner, where, killed)


@pytest.mark.parametrize(
    ("owner", "where", "when"),
    [
        # Before a snapshot, a best.keras, a checkpoint.
        *((records_lib.Records, "_save_keras", when) for when in (1, 2, 3)),
        (records_lib.Checkpoints, "save", 2),
    ],
)
def test_killed_anywhere(owner, where, when, start, whole_run, monkeypatch):
    flags = ("--train_steps=10", "--snapshot_every=4")
    try:
        with monkeypatch.context() as context:
            kill(context, where, when, owner)
            with pytest.raises(_Killed):
                start(*flags)
    finally:
        found = start(*flags)
    path = found.path
    assert_best_is_right(path)
    for one, other in zip(metrics(path), metrics(whole_run.path), strict=True):
        assert one["step"] == other["step"]
    names = sorted(p.name for p in (path / "snapshots").iterdir())
    assert names == [f"step-{k:08d}.keras" for k in (0, 4, 8, 10)]
    assert weights(path / "snapshots" / names[-1]) == weights(
        path / "model.keras"
    )


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
    accuracies, damaged, expected, start, monkeypatch
):
    """Checkpoints that are damaged take their best.keras with them."""

    def evaluate(engine, *_, **__):
        errors = 1000 * (1 - accuracies[engine.step])
        return totals.Totals(
            images=1000, steps=1, classification_loss=1.0, errors=errors
        )

    with monkeypatch.context() as context:
        context.setattr(loop, "evaluate_with_progress", evaluate)
        path = start(f"--train_steps={damaged}").path
    assert trained.step_of(path / "best.keras") == damaged
    for file in (path / "checkpoints").glob(f"ckpt-{damaged}.data*"):
        file.write_bytes(b"")
    printed = start(f"--train_steps={damaged - 3}").printed
    assert f"checkpoint of step {damaged} is damaged" in printed
    assert trained.step_of(path / "best.keras") == expected
    if expected:
        # Nothing was trained since.
        assert f"already at step {expected}" in printed
        found = weights(path / "best.keras")
        (path / "model.keras").unlink()
        start(f"--train_steps={damaged - 3}")
        assert weights(path / "model.keras") == found
    else:
        assert "best.keras is of a step that is forgotten" in printed


def test_damaged_best_is_kept_aside(start):
    path = start("--train_steps=8").path
    # The best is of an earlier step than the newest checkpoint.
    start("--train_steps=10", "--learning_rates=1000", "--boundaries=")
    best = path / "best.keras"
    damaged = best.read_bytes()[:-100]
    best.write_bytes(damaged)
    printed = start("--train_steps=10").printed
    assert "best.keras cannot be read: kept as best.damaged" in printed
    assert (path / "best.damaged").read_bytes() == damaged
    assert not best.exists()


def test_model_of_a_longer_run_that_was_killed(start, monkeypatch):
    path = start("--train_steps=3").path
    with monkeypatch.context() as context:
        kill(context, "save_model", 1)
        with pytest.raises(_Killed):
            start("--train_steps=6")
    assert trained.step_of(path / "model.keras") == 3
    start("--train_steps=6")
    assert trained.step_of(path / "model.keras") == 6
    assert accuracy_of(path / "model.keras") == pytest.approx(
        metrics(path)[-1]["test_accuracy"], abs=1e-9
    )


def test_snapshots_equal_the_plain_loop(start, expected_run):
    path = start("--train_steps=10", "--snapshot_every=4").path
    for step in (0, 4, 8, 10):
        file = path / "snapshots" / f"step-{step:08d}.keras"
        model = keras.models.load_model(file)
        for one, other in zip(
            model.get_weights(), expected_run.weights[step], strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
        assert trained.step_of(file) == step
    assert len(list((path / "snapshots").iterdir())) == 4


def test_snapshots_outlive_checkpoints(start):
    flags = ("--snapshot_every=1", "--keep_checkpoints=2")
    path = start("--train_steps=6", *flags).path
    assert len(list((path / "checkpoints").glob("ckpt-*.index"))) == 2
    before = {p.name: p.read_bytes() for p in (path / "snapshots").iterdir()}
    assert len(before) == 7
    start("--train_steps=8", *flags)
    after = {p.name: p.read_bytes() for p in (path / "snapshots").iterdir()}
    assert len(after) == 9
    assert {name: after[name] for name in before} == before


def test_no_snapshots_unless_asked(whole_run):
    assert not (whole_run.path / "snapshots").exists()
    assert_best_is_right(whole_run.path)


def test_run_that_starts_anew_keeps_nothing(start):
    path = start("--train_steps=3", "--snapshot_every=1").path
    for file in (path / "checkpoints").iterdir():
        file.unlink()
    start("--train_steps=2", "--snapshot_every=2", "--seed=8")
    assert trained.step_of(path / "model.keras") == 2
    names = sorted(p.name for p in (path / "snapshots").iterdir())
    assert names == ["step-00000000.keras", "step-00000002.keras"]
    assert_best_is_right(path)


def test_step_of_what_is_no_model(tmp_path):
    assert trained.step_of(tmp_path / "missing") is None
    (tmp_path / "text").write_text("text")
    assert trained.step_of(tmp_path / "text") is None
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("other", "")
    assert trained.step_of(tmp_path / "zip") is None
