"""Training goes on exactly, however it was ended."""

import signal

import pytest

C4GAP = (
    "--model=c4gap_dlgn",
    "--width=8",
    "--optimizer=adam",
    "--learning_rates=0.003",
)
# With batch normalisation, momentum and a schedule.
RESNET = (
    "--model=resnet20_dlgn",
    "--width=4",
    "--depth=8",
    "--optimizer=sgd",
    "--momentum=0.9",
    "--learning_rates=0.05,0.01",
    "--boundaries=150",
)


def on(often, seldom):
    """Runs a test on one network, and among the slow ones on another."""
    cases = [often, pytest.param(seldom, marks=pytest.mark.slow)]
    names = {C4GAP: "c4gap", RESNET: "resnet"}
    return pytest.mark.parametrize(
        "run", cases, indirect=True, ids=[names[often], names[seldom]]
    )


@pytest.fixture(scope="module")
def run(request, continuation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("continuation")
    return continuation(folder, *request.param)


@on(RESNET, seldom=C4GAP)
def test_killed_at_random_moments(run, assert_same_run):
    path, kills = run.killed(seed=20211006)
    assert kills >= 5
    assert_same_run(path, run.whole)
    assert (path / "model.keras").exists()


@on(C4GAP, seldom=RESNET)
def test_asked_to_end(run, assert_same_run):
    path, ended = run.asked_to_end(signal.SIGINT, signal.SIGTERM, seed=7)
    for number, process, stderr in ended:
        assert process.returncode == 128 + number
        assert stderr == []
        words = process.lines[-1]
        assert words.startswith(f"stopped by {number.name} and saved at step ")
        assert "python -m dlgn_tf.train --flagfile=run/flags.txt" in words
    assert_same_run(path, run.whole)
