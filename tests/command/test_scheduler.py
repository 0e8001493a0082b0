"""Pieces of work on a cluster of two processes, against those done here."""

import contextlib
import os
import signal
import socket
import time

import pytest

from dlgn_tf.command import scheduler
from dlgn_tf.dual import kernels
from dlgn_tf.errors import UserError

distributed = pytest.importorskip(
    "distributed", reason="needs dlgn_tf[cluster]"
)


@contextlib.contextmanager
def local_cluster(workers):
    """So many processes of one thread each, at free ports of this machine."""
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def address():
    with local_cluster(2) as cluster:
        yield cluster.scheduler_address


def squares(pieces, function=lambda x: x * x):
    return dict(scheduler.unordered(function, pieces, 1))


def test_kernels_have_the_same_bytes(address, rng, capsys):
    gates = [rng.random((60, 40)) for _ in range(3)]
    inputs = rng.normal(size=(60, 9)).astype("float32")
    masks = [rng.integers(0, 2, (20, 4, 4, 3)).astype("uint8")] * 2
    images = rng.normal(size=(20, 4, 4, 1))

    def both(**options):
        return (
            kernels.fully_connected(
                gates, inputs, memory_gib=1.2e-4, **options
            ),
            kernels.convolutional(masks, images, 3, variances=0.5),
        )

    expected = both()
    with scheduler.using(address):
        found = both(progress=True)
    for one, other in zip(expected, found, strict=True):
        assert one.tobytes() == other.tobytes()
    (line,) = capsys.readouterr().out.splitlines()
    done, of_all = line.partition("block ")[2].split()[0].split("/")
    assert done == of_all and int(of_all) > 10


def test_a_killed_worker_costs_its_piece_alone(address, tmp_path):
    """Of each piece the processes that worked on it are counted."""

    def work(piece):
        with (tmp_path / f"{piece}").open("a") as file:
            print(os.getpid(), file=file)
        if piece == 7 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            # What it had done before has been fetched by then.
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return piece * piece

    with scheduler.using(address):
        found = squares(range(30), work)
    assert found == {piece: piece**2 for piece in range(30)}
    tries = {
        piece: (tmp_path / f"{piece}").read_text().split()
        for piece in range(30)
    }
    again = [piece for piece in tries if len(tries[piece]) > 1]
    assert again == [7]
    assert tries[7][0] != tries[7][1]


def test_a_piece_that_kills_each_worker_ends_in_a_line(address):
    def work(piece):
        os.kill(os.getpid(), signal.SIGKILL)

    with scheduler.using(address):
        with pytest.raises(scheduler.WorkerDied, match="4 that died.*tcp://"):
            squares([1], work)


@pytest.mark.parametrize(
    "kind", [FloatingPointError, AttributeError, ImportError, RuntimeError]
)
def test_errors_come_through(kind, address):
    """Whatever they are: that a worker cannot unpickle is told otherwise."""

    def fail(piece):
        raise kind("a piece cannot be deserialized")

    with scheduler.using(address):
        with pytest.raises(kind, match="a piece"):
            squares(range(5), fail)


class Missing:
    """What is not there where it is unpickled."""

    def __reduce__(self):
        return getattr, (scheduler, "not_there")


@pytest.mark.parametrize("where", ["scheduler", "worker"])
def test_what_cannot_be_unpickled(where, address):
    made = Missing()
    with scheduler.using(address):
        cluster = scheduler.current()
        line = "without this dlgn_tf, AttributeError: .*not_there"
        with pytest.raises(UserError, match=line):
            if where == "worker":
                squares([1], lambda piece: made)
            else:
                cluster.result(cluster.submit(made))


def test_workers_of_another_version(address, monkeypatch):
    own = scheduler._own() | {"dlgn_tf": "0.0 with digest abc", "numpy": "1.0"}
    monkeypatch.setattr(scheduler, "_own", lambda: own)
    line = "with dlgn_tf 0.0 with digest abc, numpy 1.0. Received: .* at tcp://"
    with scheduler.using(address):
        with pytest.raises(UserError, match=line):
            squares(range(5))


def test_nobody_answers(monkeypatch):
    """A port that is closed, one where nobody speaks, and no addresses."""
    monkeypatch.setattr(scheduler, "_LONGEST_ANSWER", 0.3)
    with socket.socket() as closed, socket.socket() as silent:
        for one in (closed, silent):
            one.bind(("127.0.0.1", 0))
        silent.listen()
        ports = (one.getsockname()[1] for one in (closed, silent))
        taken = [f"tcp://127.0.0.1:{port}" for port in ports]
        for wrong in (*taken, "tcp://127.0.0.1:x", "carrier://pigeon"):
            with pytest.raises(UserError, match=f"{wrong} .*Received: none"):
                with scheduler.using(wrong):
                    pass


def test_no_worker(monkeypatch):
    monkeypatch.setattr(scheduler, "_LONGEST_WITHOUT_WORKERS", 0.2)
    with local_cluster(0) as cluster:
        with scheduler.using(cluster.scheduler_address):
            with pytest.raises(UserError, match="Received: no worker for 0.2"):
                squares(range(5))


def test_without_dask(monkeypatch):
    monkeypatch.setattr(
        scheduler.importlib.util, "find_spec", lambda name: None
    )
    with pytest.raises(UserError, match=r"pip install dlgn_tf\[cluster\]"):
        with scheduler.using("tcp://127.0.0.1:1"):
            pass
