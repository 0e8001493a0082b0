"""The machines of a training on several: TF_CONFIG. Imports nothing heavy."""

import dataclasses
import errno
import os
import re
import socket
import sys
from typing import Any

from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere

_ADDRESS = re.compile(r"(.+):([0-9]{1,5})")
_JOBS = {"chief", "worker"}
_KIND = {
    "cluster": {str: [object]},
    "task": {"type": str, "index": int | str},
}

Task = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What TF_CONFIG says.

    Attributes:
        addresses: Dict from each task, such as `("worker", 0)`, to its
            address, `"HOST:PORT"`.
        task: That of this process.
    """

    addresses: dict[Task, str]
    task: Task

    @property
    def first(self) -> Task:
        """The task of the process that writes."""
        return min(self.addresses)

    def name(self, task: Task) -> str:
        """A task and its address, for messages."""
        return f"{task[0]} {task[1]} ({self.addresses[task]})"


def check_cluster() -> None:
    """Raises a `UserError` unless TF_CONFIG names machines and this one's task.

    All addresses are looked at, so every worker refuses what is wrong in one;
    the port of this one must be free.
    """
    cluster = read_cluster()
    # Where TensorFlow runs already, its own server may have it.
    if "tensorflow" not in sys.modules:
        listening(cluster).close()


def read_cluster() -> Cluster:
    """What TF_CONFIG says, checked.

    Raises:
        UserError: if it is missing, or names no machines, or this one not.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        cluster = _parsed(elsewhere.parse_json(text, _KIND))
    except ValueError:
        raise _refused(text[:1000] or "none") from None
    addresses = list(cluster.addresses.values())
    for address in addresses:
        host_and_port(address)
    if len(set(addresses)) < len(addresses):
        raise _refused(f"an address twice in {', '.join(addresses)}")
    if cluster.first[0] == "chief" and ("chief", 1) in cluster.addresses:
        raise _refused("more than one chief")
    return cluster


def _parsed(content: Any) -> Cluster:
    jobs, task = content["cluster"], content["task"]
    addresses = {
        (job, index): address
        for job, of_job in jobs.items()
        for index, address in enumerate(of_job)
    }
    own = task["type"], int(task["index"])
    if own not in addresses or not jobs.keys() <= _JOBS:
        raise ValueError
    return Cluster(addresses, own)


def host_and_port(address: Any) -> tuple[str, int]:
    """The parts of `"HOST:PORT"`; a `UserError` if it is something else."""
    match = _ADDRESS.fullmatch(str(address))
    if not match or not 1 <= int(match[2]) < 2**16:
        raise _refused(f"{address!r}, which is no HOST:PORT")
    return match[1].strip("[]"), int(match[2])


def listening(cluster: Cluster) -> socket.socket:
    """A socket that listens at the port of this process.

    Raises:
        UserError: if another process has it, or it may not be used.
    """
    address = cluster.addresses[cluster.task]
    family, dual = socket.AF_INET, socket.has_dualstack_ipv6()
    if dual:
        family = socket.AF_INET6
    try:
        return socket.create_server(
            ("", host_and_port(address)[1]), family=family, dualstack_ipv6=dual
        )
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "whose port another process has" if taken else error.strerror
        raise _refused(f"{address}, {why}") from error


def _refused(received: str) -> UserError:
    return UserError(
        "--strategy=multi_worker needs the environment variable TF_CONFIG. "
        "Expected the JSON that names the machines and this one's task (see "
        f"docs/how_to/several_machines.md). Received: {received}"
    )
