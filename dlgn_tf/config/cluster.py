"""The machines of a training on several: TF_CONFIG. Imports nothing heavy."""

import errno
import json
import os
import re
import socket
import sys
from typing import Any

from dlgn_tf.errors import UserError

_ADDRESS = re.compile(r"(.+):([0-9]{1,5})")


def check_cluster() -> None:
    """Raises a `UserError` unless TF_CONFIG names machines and this one's task.

    All addresses are looked at, so every worker refuses what is wrong in one;
    the port of this one must be free.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        addresses, own = _addresses(json.loads(text))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise _refused(text or "none") from None
    for address in addresses:
        _port(address)
    if len(set(addresses)) < len(addresses):
        raise _refused(f"an address twice in {', '.join(addresses)}")
    # Where TensorFlow runs already, its own server may have it.
    if "tensorflow" not in sys.modules:
        _check_free(own)


def _check_free(address: str) -> None:
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind(("", _port(address)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            received = f"{address}, whose port another process has"
            raise _refused(received) from error


def _addresses(parsed: Any) -> tuple[list[str], str]:
    """All addresses, and this process' own."""
    task, cluster = parsed["task"], parsed["cluster"]
    index = task["index"]
    if int(index) != float(index) or not 0 <= int(index):
        raise IndexError
    own = cluster[task["type"]][int(index)]
    return [each for job in cluster.values() for each in job], own


def _port(address: Any) -> int:
    match = _ADDRESS.fullmatch(str(address))
    if not match or not 1 <= int(match[2]) < 2**16:
        raise _refused(f"{address!r}, which is no HOST:PORT")
    return int(match[2])


def _refused(received: str) -> UserError:
    return UserError(
        "--strategy=multi_worker needs the environment variable TF_CONFIG. "
        "Expected the JSON that names the machines and this one's task (see "
        f"docs/how_to/several_machines.md). Received: {received}"
    )
