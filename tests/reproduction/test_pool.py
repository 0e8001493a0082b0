"""Workers end with the table, whatever a signal finds them at."""

import multiprocessing
import os
import pathlib
import queue
import signal
import threading
import time
import types

import pytest

from dlgn_tf.command.interruption import Interruption
from dlgn_tf.reproduction import pool, worker

_serve = worker.serve


def serve(connection, cores, shared_device):
    """A worker whose run is at its last steps when the signal comes."""
    worker.startup = types.SimpleNamespace(
        import_keras=lambda: None, hide_retracing=lambda: None
    )
    worker.train = _end_all_the_same
    _serve(connection, cores, shared_device)


def _end_all_the_same(config):
    with Interruption() as interruption:
        (pathlib.Path(config.run_dir) / "under_way").touch()
        while not interruption.signal:
            time.sleep(0.01)
    return worker.FINISHED, ""


@pytest.mark.parametrize("unread", [0, 1])
def test_a_worker_ends_with_the_process_that_started_it(unread, monkeypatch):
    """Also where an outcome was not read: it is told of another error then."""
    ours, theirs = multiprocessing.Pipe()
    for _ in range(unread):
        theirs.send("an outcome")
    ours.close()
    sent = []
    monkeypatch.setattr(worker.os, "kill", lambda *given: sent.append(given))
    worker._receive(theirs, queue.SimpleQueue())
    assert sent == [(os.getpid(), signal.SIGTERM)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_last_steps_ends_the_table(
    tmp_path, monkeypatch, number
):
    monkeypatch.setattr(worker, "serve", serve)
    # For the process that is started, which reads this file again.
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[2])
    run = types.SimpleNamespace(
        name="some/seed-0",
        gates_run=None,
        config=types.SimpleNamespace(run_dir=str(tmp_path)),
    )
    ends, sent = [], []

    def on_tick():
        if not sent and (tmp_path / "under_way").exists():
            sent.append(number)
            os.kill(os.getpid(), number)

    one = pool.Pool(
        1, lambda run: None, lambda run, *end: ends.append(end), on_tick
    )
    killed = []

    def kill():
        for left in one._workers:
            killed.append(left.process.pid)
            left.process.kill()

    timer = threading.Timer(20, kill)
    timer.start()
    try:
        assert one.train([run]) == number
    finally:
        timer.cancel()
    assert ends == [(worker.FINISHED, "")]
    assert killed == []
