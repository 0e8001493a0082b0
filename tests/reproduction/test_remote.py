"""Runs on a cluster of two processes: what is lost, saved and told."""

import dataclasses
import os
import pathlib
import re
import signal
import sys
import threading
import time
import types

import numpy as np
import pytest

from dlgn_tf.command import scheduler
from dlgn_tf.errors import UserError
from dlgn_tf.reproduction import plan, pool, tables, worker

distributed = pytest.importorskip(
    "distributed", reason="needs dlgn_tf[cluster]"
)

ROOT = pathlib.Path(__file__).parents[2]
# Seconds, on a machine that has other work.
LONGEST = 120


def local_cluster():
    return distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    )


def wait_for(found):
    """What a function returns as soon as it is true."""
    end = time.monotonic() + LONGEST
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)
    return found()


class Serves(distributed.WorkerPlugin):
    """Has a worker, and each that takes its place, wait in place of train."""

    def setup(self, worker):
        from dlgn_tf.reproduction import process
        from tests.reproduction import waiting

        process.worker.serve = waiting.serve


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        # Of workers too, which read this file again.
        patch.setattr(sys, "path", [*sys.path, str(ROOT)])
        with local_cluster() as cluster:
            with distributed.Client(cluster, set_as_default=False) as client:
                client.register_plugin(Serves())
                yield cluster.scheduler_address


@pytest.fixture
def runs(tmp_path):
    """Two that do not depend on each other."""
    return [
        types.SimpleNamespace(
            name=name,
            gates_run=None,
            config=types.SimpleNamespace(run_dir=str(tmp_path / name)),
        )
        for name in "ab"
    ]


def train(runs, on_tick=lambda: None):
    """What ends a pool, and how its runs end."""
    ends = {}

    def on_end(run, *end):
        ends[run.name] = end

    return pool.Pool(2, lambda run: None, on_end, on_tick).train(runs), ends


def begun(folder):
    """For each time the worker and its child."""
    return [
        tuple(map(int, path.name.split("-")[1:]))
        for path in folder.glob("begun-*")
    ]


@pytest.mark.parametrize("killed", ["worker", "child"])
def test_what_is_killed_costs_its_run_alone(cluster, runs, tmp_path, killed):
    """A worker by force; a child as SLURM stops all processes of a machine."""

    def kill():
        ((first, child),) = wait_for(lambda: begun(tmp_path / "a"))
        wait_for(lambda: begun(tmp_path / "b"))
        if killed == "worker":
            os.kill(first, signal.SIGKILL)
        else:
            os.kill(child, signal.SIGTERM)
        wait_for(lambda: len(begun(tmp_path / "a")) == 2)
        for name in "ab":
            (tmp_path / name / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    with scheduler.using(cluster):
        found = train(runs)
    killer.join()
    end = worker.FINISHED, "by itself"
    assert found == (None, {"a": end, "b": end})
    assert len(begun(tmp_path / "a")) == 2
    assert len(begun(tmp_path / "b")) == 1
    # By the process that was left alone.
    assert (tmp_path / "a" / "saved").exists()


def test_what_is_stopped_is_saved(cluster, runs, tmp_path):
    sent = []

    def on_tick():
        if not sent and begun(tmp_path / "a") and begun(tmp_path / "b"):
            sent.append(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with scheduler.using(cluster):
        number, ends = train(runs, on_tick)
    assert number == signal.SIGINT
    assert {end[0] for end in ends.values()} == {worker.STOPPED}
    for name in "ab":
        wait_for((tmp_path / name / "saved").exists)


def test_a_folder_that_a_worker_lacks_ends_in_a_line(
    cluster, runs, tmp_path, monkeypatch
):
    (tmp_path / "a").mkdir()
    # Nobody else makes the other one.
    monkeypatch.setattr(pathlib.Path, "mkdir", lambda self, **options: None)
    line = "all workers share. Received: .*/b, which is not there at tcp://"
    with scheduler.using(cluster):
        with pytest.raises(UserError, match=line):
            train(runs)
    if begun(tmp_path / "a"):
        wait_for((tmp_path / "a" / "saved").exists)


def kill_trainer(folder):
    """Kills the worker whose child trains in a folder, once it has begun."""
    log = folder / "log.txt"
    wait_for(log.exists)
    wait_for(lambda: re.search("^training: ", log.read_text(), re.MULTILINE))
    child = (folder / "lock").read_text()
    state = pathlib.Path(f"/proc/{child}/stat").read_text()
    os.kill(int(state.rpartition(")")[2].split()[1]), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_worker_costs_no_step(root, tmp_path):
    """Another one goes on, to the bytes of a run that was let alone."""
    from dlgn_tf.models.build import load_model

    table = tables.load(root, "dlgn.1")
    (run,) = plan.make(
        table, "smoke", plan.Places(root, tmp_path), patterns="cifar10_dnn"
    )
    # Not evaluated where the worker is killed.
    shorter = {"train_steps": 600, "eval_every": 300, "log_every": 20}
    config = dataclasses.replace(run.config, **shorter)
    run = dataclasses.replace(run, config=config)
    folder, other = pathlib.Path(config.run_dir), tmp_path / "alone"
    killer = threading.Thread(target=kill_trainer, args=[folder])
    killer.start()
    with local_cluster() as cluster:
        with scheduler.using(cluster.scheduler_address):
            assert train([run]) == (None, {run.name: (worker.FINISHED, "")})
    killer.join()
    log = (folder / "log.txt").read_text()
    assert re.search("stopped by SIGTERM and saved.*continuing at", log, re.S)

    alone = dataclasses.replace(config, run_dir=str(other))
    assert worker.train(alone) == (worker.FINISHED, "")
    metrics, expected = (x / "metrics.jsonl" for x in (folder, other))
    assert metrics.read_bytes() == expected.read_bytes()
    one, same = (
        load_model(x / "model.keras").get_weights() for x in (folder, other)
    )
    for weight, expected in zip(one, same, strict=True):
        np.testing.assert_array_equal(weight, expected)
