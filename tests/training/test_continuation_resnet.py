"""A batch-normalised ResNet goes on exactly, however it was ended."""

import signal

import pytest

FLAGS = (
    "--model=resnet20_dlgn",
    "--width=4",
    "--depth=8",
    "--optimizer=sgd",
    "--momentum=0.9",
    "--learning_rates=0.05,0.01",
    "--boundaries=150",
)


@pytest.fixture(scope="module")
def run(continuation, tmp_path_factory):
    return continuation(tmp_path_factory.mktemp("continuation"), *FLAGS)


def test_killed_at_random_moments(run, assert_same_run):
    path, kills = run.killed(seed=20211006)
    assert kills >= 10
    assert_same_run(path, run.whole)
    assert (path / "model.keras").exists()


def test_asked_to_end(run, assert_same_run):
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGTERM)
    path, ended = run.asked_to_end(*signals, seed=7)
    for number, process, stderr in ended:
        assert process.returncode == 128 + number
        assert stderr == []
        words = process.lines[-1]
        assert words.startswith(f"stopped by {number.name} and saved at step ")
        assert "python -m dlgn_tf.train --flagfile=run/flags.txt" in words
    assert_same_run(path, run.whole)
