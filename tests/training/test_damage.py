"""Real faults end in one line that says what is wrong, and nothing is lost.

What is damaged here are the files of real runs; single functions meet damage
in test_checkpoints, test_run_files and tests/data/test_sources.
"""

import errno
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.errors import UserError
from dlgn_tf.training.checkpoints import Checkpoints

MODEL = ("--model=c4gap_dlgn", "--width=4")
FLAGS = (
    *MODEL,
    "--dataset=digits",
    "--optimizer=sgd",
    "--learning_rates=0.05",
    "--batch_size=32",
    "--log_every=7",
    "--eval_every=20",
    "--checkpoint_every=5",
    "--keep_checkpoints=4",
    "--deterministic",
    "--run_dir=run",
)
STEPS = "--train_steps=40"
PAGE = 4096


@pytest.fixture(scope="module")
def whole(tmp_path_factory, start_training_of_all):
    """A run with four checkpoints, of steps 25, 30, 35 and 40."""
    place = tmp_path_factory.mktemp("whole")
    start_training_of_all(place, *FLAGS, STEPS).succeeded()
    return place / "run"


@pytest.fixture
def copy(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def contents(path):
    """The bytes of all files but the lock, which names the last process."""
    return {
        file.relative_to(path): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file.name != "lock"
    }


def finished(path):
    """The bytes of the checkpoints that have a manifest."""
    folder, found = path / "checkpoints", {}
    for manifest in folder.glob("ckpt-*.json"):
        found[manifest.name] = manifest.read_bytes()
        for name in json.loads(found[manifest.name])["files"]:
            found[name] = (folder / name).read_bytes()
    return found


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def test_damaged_checkpoints(copy, whole, start_training, assert_same_run):
    """Flipped, truncated, half-written: the one before them is good."""
    folder = copy / "checkpoints"
    flip(folder / "ckpt-30.data-00000-of-00001")
    truncate(folder / "ckpt-35.data-00000-of-00001")
    for part in ("json", "index"):
        (folder / f"ckpt-40.{part}").unlink()
    process = start_training(copy.parent, *FLAGS, STEPS).succeeded()
    said = "\n".join(process.lines)
    assert "step 40 is damaged: it was not finished" in said
    assert re.search("step 35 is damaged: .* bytes of", said)
    assert re.search("step 30 is damaged: the bytes of .* have changed", said)
    assert "continuing at step 25" in said
    assert_same_run(copy, whole)


@pytest.fixture
def refused(resolve, train, monkeypatch):
    """A function that trains here, in a folder; why it was refused."""
    config = tf.config.experimental
    monkeypatch.setattr(config, "enable_op_determinism", lambda: None)

    def in_folder(place, *flags):
        monkeypatch.chdir(place)
        with pytest.raises(UserError) as caught:
            train(resolve(*FLAGS, *flags))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return in_folder


def test_no_good_checkpoint(copy, refused):
    for step in (25, 30, 35, 40):
        flip(copy / "checkpoints" / f"ckpt-{step}.index")
    before = contents(copy)
    line = refused(copy.parent, STEPS)
    assert "4, all damaged; nothing was deleted" in line
    assert contents(copy) == before


def test_damaged_metrics(copy, refused):
    path = copy / "metrics.jsonl"
    path.write_bytes(path.read_bytes().replace(b'{"step": 20', b'{"step\xff'))
    before = contents(copy)
    line = refused(copy.parent, STEPS)
    assert "Expected a line of JSON an evaluation in run/metrics" in line
    assert contents(copy) == before


@pytest.fixture
def disk(tmp_path):
    """A file system of 2 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system is not allowed here")
    yield path
    # Lazily: a process may be about to end.
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk, pages_left=0):
    """Writes a file that takes all space but a few pages."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(max(file.tell() - pages_left * PAGE, 0))


def test_full_disk(disk, whole, start_training, assert_same_run):
    """The checkpoint cannot be written."""
    process = start_training(disk, *FLAGS, STEPS)
    process.wait_for("training: step 14/")
    process.send(signal.SIGSTOP)
    fill(disk, pages_left=3)
    before = finished(disk / "run")
    process.send(signal.SIGCONT)
    line = process.refused()
    assert "Expected to be able to write run" in line
    assert re.search("[Nn]o space left", line)
    assert before.items() <= finished(disk / "run").items()
    (disk / "ballast").unlink()
    again = start_training(disk, *FLAGS, STEPS).succeeded()
    assert any(x.startswith("continuing at step ") for x in again.lines)
    assert_same_run(disk / "run", whole)


def test_full_disk_at_the_end(disk, whole, refused):
    """There is no half model.keras."""
    shutil.copytree(whole, disk / "run")
    (disk / "run" / "model.keras").unlink()
    fill(disk)
    before = contents(disk / "run")
    line = refused(disk, STEPS)
    assert re.search("write run/model.keras.*[Nn]o space left", line)
    assert before.items() <= contents(disk / "run").items()
    assert not (disk / "run" / "model.keras").exists()


def test_limit_of_file_sizes(tmp_path, start_training):
    """What can be set up everywhere: no file may grow beyond 8 KiB."""
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))"
    flags = ("--width=16", STEPS)
    process = start_training(
        tmp_path, *FLAGS, *flags, first=f"import resource\n{limit}"
    )
    line = process.refused()
    assert "Expected to be able to write run" in line
    assert "File too large" in line


def test_second_process(tmp_path, whole, start_training, assert_same_run):
    """It is turned away, until the first is dead: then nothing hinders it."""
    first = start_training(tmp_path, *FLAGS, STEPS)
    first.wait_for("training: step 7/")
    first.send(signal.SIGSTOP)
    run = tmp_path / "run"
    before = contents(run)
    line = start_training(tmp_path, *FLAGS, STEPS).refused()
    assert "no other process trains in. Received: run, which process " in line
    assert f"process {first.pid} holds" in line
    assert contents(run) == before
    assert (run / "lock").read_text() == str(first.pid)
    first.send(signal.SIGKILL)
    assert first.end().returncode == -signal.SIGKILL
    third = start_training(tmp_path, *FLAGS, STEPS).succeeded()
    assert "continuing at step 5" in third.lines
    assert_same_run(run, whole)


def test_loss_that_is_not_finite(copy, refused, resolve, train):
    before = finished(copy)
    line = refused(copy.parent, "--train_steps=60", "--learning_rates=1e30")
    assert re.search("at step 4[1-4], learning rate 1e[+]30; ", line)
    assert "the checkpoints in run are from before" in line
    assert finished(copy) == before
    trained = train(resolve(*FLAGS, "--train_steps=60"))
    assert "continuing at step 40" in trained.printed
    assert trained.last["step"] == 60
    assert np.isfinite(trained.last["test_classification_loss"])


def test_good_checkpoints_are_what_finished_means(whole):
    """What the tests above rely on."""
    assert Checkpoints(whole / "checkpoints").newest_good()[1] == 40
    names = {x.partition(".")[0] for x in finished(whole)}
    assert names == {"ckpt-25", "ckpt-30", "ckpt-35", "ckpt-40"}


def test_a_reader_that_leaves(tmp_path, package_environment):
    """As `| head` does: the run is saved where it is, and goes on."""
    command = shlex.join([sys.executable, "-m", "dlgn_tf.train", *FLAGS])
    ended = subprocess.run(
        [
            "bash",
            "-o",
            "pipefail",
            "-c",
            f"{command} --train_steps=100000 --checkpoint_every=10m "
            "--eval_every=50000 | grep -m1 'training: step'",
        ],
        cwd=tmp_path,
        env=package_environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in ended.stderr
    printed = re.search(r"training: step (\d+)/", ended.stdout)
    (manifest,) = (tmp_path / "run" / "checkpoints").glob("ckpt-*.json")
    assert int(manifest.stem.partition("-")[2]) >= int(printed[1])
