"""Processes that meet before they train, here threads without TensorFlow."""

import json
import socket
import threading
import time

import numpy as np
import pytest

from dlgn_tf import config as config_lib
from dlgn_tf.config import cluster as cluster_lib
from dlgn_tf.data import npz
from dlgn_tf.errors import UserError
from dlgn_tf.training import agreement, rendezvous

SAYS = {"--seed": "0", "--width": "16", "data": None}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(rendezvous, "_RETRY", 0.05)
    monkeypatch.setattr(rendezvous, "_TICK", 0.01)
    monkeypatch.setattr(rendezvous, "_PATIENCE", 2.0)


@pytest.fixture
def addresses():
    """Two workers and one more."""
    return [f"127.0.0.1:{port}" for port in _free_ports(3)]


def _free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _cluster(addresses, index):
    by_task = {("worker", k): x for k, x in enumerate(addresses)}
    return cluster_lib.Cluster(by_task, ("worker", index))


class _Worker(threading.Thread):
    def __init__(self, addresses, index, seconds=20, says=()):
        super().__init__(daemon=True)
        self.given = (
            _cluster(addresses, index),
            SAYS | dict(says),
            agreement.difference,
            seconds,
        )
        self.line = self.error = None
        self.start()

    def run(self):
        try:
            rendezvous.meet(*self.given)
            self.line = ""
        except UserError as error:
            self.line = str(error)

    def end(self):
        self.join(60)
        return self.line


def _said_to(address, data):
    """Sends bytes to the first process, once it listens; what it answers."""
    host, port = cluster_lib.host_and_port(address)
    while True:
        try:
            connection = socket.create_connection((host, port), 5)
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    connection.sendall(data)
    return connection


@pytest.mark.parametrize("count", [1, 2, 3])
def test_those_who_agree_go_on(addresses, count):
    workers = [_Worker(addresses[:count], k) for k in reversed(range(count))]
    assert [worker.end() for worker in workers] == [""] * count
    # The port is free for TensorFlow.
    cluster_lib.listening(_cluster(addresses[:count], 0)).close()


def test_a_field_that_differs_ends_all(addresses):
    others = [{"--seed": "1"}, {}, {}]
    workers = [_Worker(addresses, k, says=others[k]) for k in range(3)]
    (line,) = {worker.end() for worker in workers}
    assert line == (
        "Expected the same on all workers, as --seed=1 of worker 0. Received: "
        "--seed=0 of worker 1"
    )


CONFIGS = {
    "": {},
    "--seed=1": {"--seed": "1"},
    "--width=8 --learning_rates=0.1,0.2 --boundaries=5": {
        "--width": "8",
        "--learning_rates": "0.1,0.2",
        "--boundaries": "5",
    },
    "--run_dir=elsewhere --worker_timeout=3 --data_dir=there": {},
}


@pytest.fixture
def words_of(addresses, monkeypatch):
    """A function: what a worker says that was given flags."""

    def words_of(index, *flags):
        cluster = {"worker": addresses[:2]}
        task = {"type": "worker", "index": index}
        text = json.dumps({"cluster": cluster, "task": task})
        monkeypatch.setenv("TF_CONFIG", text)
        config = config_lib.from_flags("--model=fc_dlgn", *flags)
        return agreement.words(config)

    return words_of


@pytest.mark.parametrize("flags", CONFIGS)
def test_configurations_are_compared(addresses, words_of, flags):
    """All of a configuration but what belongs to a machine."""
    common = ("--dataset=digits", "--train_steps=9")
    said = [words_of(k, *common, *x) for k, x in enumerate([(), flags.split()])]
    unlike = {k: v for k, v in said[1].items() if said[0][k] != v}
    assert unlike == CONFIGS[flags]
    workers = [_Worker(addresses[:2], k, says=said[k]) for k in (0, 1)]
    (line,) = {worker.end() for worker in workers}
    assert bool(line) == bool(unlike)
    assert all(f"{name}=" in line for name in unlike)


@pytest.mark.parametrize("dataset", ["npz", "digits"])
def test_data_are_compared_wherever_they_lie(words_of, tmp_path, dataset):
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    labels, said = np.arange(20) % 10, []
    for index, changed in enumerate((0, 0, 1)):
        place = tmp_path / f"{index}.npz"
        images[3, 0, 0, 0] ^= changed
        if dataset == "npz":
            arrays = {"x_train": images, "y_train": labels}
            np.savez(place, **arrays, x_test=images, y_test=labels)
        else:
            splits = dict.fromkeys(("train", "test"), (labels, images))
            npz.write(place, splits)
        flags = (f"--dataset={dataset}", f"--npz={place}", "--batch_size=4")
        said.append(words_of(0, *flags))
    assert said[0] == said[1]
    by_task = {("worker", k): x for k, x in enumerate(said)}
    line = agreement.difference(by_task)
    assert line.startswith("Expected the same on all workers, as data=")
    assert line.endswith(" of worker 2")


def test_one_who_is_missing_is_named_and_not_waited_for(
    addresses, monkeypatch, capsys
):
    monkeypatch.setattr(rendezvous, "_SILENT", 0.2)
    workers = [_Worker(addresses, k, seconds=0.8) for k in (0, 1)]
    (line,) = {worker.end() for worker in workers}
    missing = f"worker 2 ({addresses[2]})"
    assert line.startswith(f"Expected {missing} within 0.0133333 minutes")
    assert "--worker_timeout" in line and "Received: nothing" in line
    waiting = f"waiting for {missing}, "
    told = capsys.readouterr().out
    assert told.count(waiting) == 2, told


def test_a_first_one_that_is_missing_is_named(addresses):
    line = _Worker(addresses, 1, seconds=0.3).end()
    assert line.startswith(f"Expected worker 0 ({addresses[0]}) within")
    assert "refused" in line


def test_another_program_at_the_address_of_the_first(addresses):
    """Such as one that answers each line with itself."""
    place = cluster_lib.host_and_port(addresses[0])
    with socket.create_server(place) as server:

        def echo():
            while True:
                connection, _ = server.accept()
                connection.sendall(connection.recv(10**6))

        threading.Thread(target=echo, daemon=True).start()
        line = _Worker(addresses, 1, seconds=0.3).end()
    assert "Received: nothing for 'waits_for'" in line


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x80\x04\x95" + bytes(100) + b"\n",
        b'{"task": ["worker", 7], "says": {}}\n',
        b'{"task": ["worker", 0], "says": {}}\n',
        b'{"task": ["worker", [1]], "says": {}}\n',
        b'{"task": ["worker", 1], "says": {"--seed": 5}}\n',
        b"[" * 100_000 + b"\n",
        b"x" * 2**21,
        b"",
    ],
)
def test_strangers_are_passed_over(addresses, data):
    first = _Worker(addresses[:2], 0)
    with _said_to(addresses[0], data):
        other = _Worker(addresses[:2], 1)
        assert first.end() == other.end() == ""


def test_one_that_left_and_came_again_is_waited_for(addresses):
    first = _Worker(addresses[:2], 0)
    word = {"task": ["worker", 1], "says": {"--seed": "9"}}
    line = json.dumps(word).encode() + b"\n"
    with _said_to(addresses[0], line[:-1]):
        pass
    other = _Worker(addresses[:2], 1)
    assert first.end() == other.end() == ""


def test_what_cannot_be_known_is_not_compared():
    said = [{"data": "a"}, {"data": None}, {"data": "b"}]
    by_task = {("worker", k): x for k, x in enumerate(said)}
    assert "data=b of worker 2" in agreement.difference(by_task)
    assert not agreement.difference(dict(list(by_task.items())[:2]))
