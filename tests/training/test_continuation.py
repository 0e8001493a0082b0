"""Training goes on exactly, however it was ended."""

import os
import random
import re
import signal
import time
import types

import pytest

STEPS = 200
FLAGS = (
    "--augmentation=flip_crop",
    "--batch_size=32",
    f"--train_steps={STEPS}",
    "--log_every=7",
    "--eval_every=50",
    "--checkpoint_every=5",
    "--deterministic",
    # Relative: it is among the flags that TensorBoard shows.
    "--run_dir=run",
)
C4GAP = (
    "--dataset=digits",
    "--model=c4gap_dlgn",
    "--width=8",
    "--optimizer=adam",
    "--learning_rates=0.003",
)
# With batch normalisation, momentum and a schedule, on images that stay files
# but for a few.
RESNET = (
    "--dataset=folder",
    "--data_dir=images",
    "--cache_gib=1e-5",
    "--model=resnet20_dlgn",
    "--width=4",
    "--depth=8",
    "--optimizer=sgd",
    "--momentum=0.9",
    "--learning_rates=0.05,0.01",
    "--boundaries=100",
)


@pytest.fixture(
    scope="module",
    params=[RESNET, pytest.param(C4GAP, marks=pytest.mark.slow)],
    ids=["resnet", "c4gap"],
)
def run(request, start_training_of_all, write_images, tmp_path_factory):
    """A run in one go, and a function that starts it in a folder."""
    folder = tmp_path_factory.mktemp("whole")
    write_images(folder / "images", (8, 8, 1), 100)
    flags = [
        flag.replace("=images", f"={folder / 'images'}")
        for flag in (*request.param, *FLAGS)
    ]
    start_training_of_all(folder, *flags).succeeded()
    return types.SimpleNamespace(flags=flags, whole=folder / "run")


def until_start(process, path, rng):
    """Somewhere before the first step."""
    time.sleep(rng.uniform(0, 3))


def until_ready(process, path, rng):
    """While the run is restored, the curves cut or the step traced."""
    process.wait_for("run directory")
    time.sleep(rng.uniform(0, 3))


def until_line(process, path, rng):
    """While it trains, for the most part."""
    process.wait_for("training: step", rng.randint(1, 5))
    time.sleep(rng.uniform(0, 0.2))


def until_evaluation(process, path, rng):
    """The first evaluation of a process takes a second."""
    process.wait_for(r"training: step (49|98|147|196)/")
    time.sleep(rng.uniform(0, 0.8))


def until_saving(process, path, rng):
    """As soon as a checkpoint is begun and not finished."""
    process.wait_for("run directory")
    folder = path / "checkpoints"
    while process.returncode is None:
        names = os.listdir(folder) if folder.is_dir() else []
        begun = {re.match(r"ckpt-\d+|", name)[0] for name in names}
        begun |= {name for name in names if name == ".partial"}
        if any(f"{x}.json" not in names for x in begun - {""}):
            return
        time.sleep(0.0003)


# The first save of all, and then in any order.
FIRST, *OTHERS = (
    until_saving,
    until_start,
    until_ready,
    until_line,
    until_evaluation,
    until_saving,
)


def test_killed_at_random_moments(
    run, start_training, assert_same_run, tmp_path
):
    rng, kills = random.Random(20211006), 0
    for until in [FIRST, *rng.sample(OTHERS, k=5)]:
        process = start_training(tmp_path, *run.flags)
        until(process, tmp_path / "run", rng)
        process.send(signal.SIGKILL)
        kills += process.end().returncode == -signal.SIGKILL
        assert process.stderr == [], (until, process.lines)
    assert kills >= 5
    start_training(tmp_path, *run.flags).succeeded()
    assert_same_run(tmp_path / "run", run.whole)
    assert (tmp_path / "run" / "model.keras").exists()


def test_asked_to_end(run, start_training, assert_same_run, tmp_path):
    rng = random.Random(7)
    for number, until in (
        (signal.SIGINT, until_line),
        (signal.SIGTERM, until_evaluation),
    ):
        process = start_training(tmp_path, *run.flags)
        until(process, tmp_path / "run", rng)
        process.send(number)
        assert process.end().returncode == 128 + number
        assert process.stderr == []
        words = process.lines[-1]
        assert words.startswith(f"stopped by {number.name} and saved at step ")
        assert "python -m dlgn_tf.train --flagfile=run/flags.txt" in words
    start_training(tmp_path, *run.flags).succeeded()
    assert_same_run(tmp_path / "run", run.whole)
