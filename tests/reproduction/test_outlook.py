import types

import pytest

from dlgn_tf.reproduction import outlook
from dlgn_tf.reproduction.outlook import Outlook


@pytest.fixture
def clock(monkeypatch):
    now = types.SimpleNamespace(seconds=1000.0)
    fake = types.SimpleNamespace(monotonic=lambda: now.seconds)
    monkeypatch.setattr(outlook, "time", fake)
    return now


@pytest.fixture
def runs(tmp_path):
    """Two cells of 100 and 50 steps, two seeds each."""

    def run(cell, seed, steps):
        name = f"{cell}/seed-{seed}"
        folder = tmp_path / name
        folder.mkdir(parents=True)
        return types.SimpleNamespace(
            name=name,
            cell=types.SimpleNamespace(name=cell),
            config=types.SimpleNamespace(
                train_steps=steps, run_dir=str(folder)
            ),
        )

    return [run(c, s, n) for s in (0, 1) for c, n in (("a", 100), ("b", 50))]


def test_no_estimate_before_a_run_is_finished(runs, clock):
    assert Outlook(runs).seconds_left() is None


def test_other_seeds_of_a_cell_take_as_long(runs, clock):
    one = Outlook(runs)
    one.finished(runs[0], 60.0)
    # a again: 60; b twice, by steps: 30 each.
    assert one.seconds_left() == pytest.approx(120)
    one.finished(runs[1], 10.0)
    assert one.seconds_left() == pytest.approx(60 + 10)
    one.begin(jobs=2)
    assert one.seconds_left() == pytest.approx(35)
    one.started(runs[2])
    clock.seconds += 20
    assert one.seconds_left() == pytest.approx((40 + 10) / 2)
    one.failed(runs[3])
    assert one.seconds_left() == pytest.approx(40 / 2)


def test_a_run_under_way_knows_better(runs, clock, tmp_path):
    one = Outlook(runs)
    one.finished(runs[0], 60.0)
    one.finished(runs[1], 10.0)
    one.started(runs[2])
    (tmp_path / "a/seed-1/log.txt").write_text(
        "training: step 10/100  loss 2.3  5 s, 45 s left\n"
        "training: step 20/100  loss 2.2  25 s, 100 s left\n"
        "step 20: test accuracy 10.00 %\n"
    )
    assert one.seconds_left() == pytest.approx(100 + 10)


def test_what_a_log_said_before_a_start_is_out_of_date(runs, clock, tmp_path):
    log = tmp_path / "a/seed-1/log.txt"
    log.write_text(
        "training: step 10/100  loss 2.3  30 s, 5000 s left\n"
        "stopped by SIGINT\n"
    )
    one = Outlook(runs[::2])
    one.finished(runs[0], 60.0)
    one.started(runs[2])
    # As long as the other seed took.
    assert one.seconds_left() == pytest.approx(60)
    with log.open("a") as file:
        file.write("continuing at step 90\n")
    assert one.seconds_left() == pytest.approx(60)
    with log.open("a") as file:
        file.write("training: step 95/100  loss 1.1  3 s, 4 s left\n")
    assert one.seconds_left() == pytest.approx(4)


def test_text(runs, clock):
    one = Outlook(runs)
    one.finished(runs[0], 600.0)
    clock.seconds += 65
    assert str(one) == "[1/4 runs, 1 min 05 s, about 20 min 00 s left]"
    one.started(runs[1])
    clock.seconds += 3661
    assert one.is_due()
    assert one.under_way() == "b/seed-0 for 1 h 01 min"
