"""Processes on several machines that tell each other what they are to do.

The first one listens at its own address until all others have said what they
have to say, answers all of them, and frees the port. What is sent are lines of
JSON, of bounded length; whatever else comes is passed over. Imports nothing
heavy.
"""

import json
import socket
import time

from dlgn_tf.config import cluster as cluster_lib
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere

# Bytes of a line; connections; seconds.
_LONGEST, _MOST = 2**20, 1000
_TICK, _RETRY, _PATIENCE, _SILENT = 0.05, 0.5, 10.0, 5.0

_WORD = {"task": list, "says": {str: str | None}}
_ANSWER = {"waits_for": [str], "verdict": str | None}


def meet(cluster, says, differ, seconds):
    """Waits until all processes of a cluster agree.

    Args:
        cluster: `dlgn_tf.config.cluster.Cluster`.
        says: Dict of strings, or None, what this process has to say.
        differ: Function of a dict from each task to what it says, which
            returns a line if these cannot work together, else `""`. The first
            process asks it.
        seconds: How long to wait for the others.

    Raises:
        UserError: if they do not agree, or one is missing until then. Every
            process that is there raises the same.
    """
    clock = _Clock(seconds)
    if cluster.task == cluster.first:
        verdict = _lead(cluster, says, differ, clock)
    else:
        verdict = _follow(cluster, says, clock)
    if verdict:
        raise UserError(verdict)


class _Clock:
    """How long there is to wait, and what has been said of whom."""

    def __init__(self, seconds):
        self._began, self._told = time.monotonic(), []
        self._seconds, self.longest = seconds, f"{seconds / 60:g} minutes"

    def left(self, more=0.0):
        """Seconds, 0 at the end."""
        return max(0, self._began + self._seconds + more - time.monotonic())

    def wait(self, names):
        """Waits a moment; says once for whom, if it has taken long."""
        waited = time.monotonic() - self._began
        if names != self._told and waited > _SILENT:
            self._told = names
            whom = ", ".join(names)
            print(f"waiting for {whom}, {self.longest} at most", flush=True)
        time.sleep(_TICK)

    def missed(self, names, received):
        """The line of a process that waited for others in vain."""
        return (
            f"Expected {', '.join(names)} within {self.longest} "
            f"(--worker_timeout). Received: {received}; start all workers again"
        )


class _Lines:
    """A connection on which lines of JSON come; never waits for one."""

    def __init__(self, connection):
        connection.setblocking(False)
        self._connection, self._held = connection, b""
        self.began = time.monotonic()

    def received(self, kind):
        """What a line says that has come, or None.

        Raises:
            OSError: if none will come any more.
            ValueError: if something else has come.
        """
        if b"\n" not in self._held:
            try:
                data = self._connection.recv(2**16)
            except BlockingIOError:
                return None
            if not data:
                raise ConnectionError("it has closed the connection")
            self._held += data
        line, end, rest = self._held.partition(b"\n")
        if len(line) > _LONGEST:
            raise ValueError("a line that is too long")
        if not end:
            return None
        self._held = rest
        return elsewhere.parse_json(line, kind)

    def send(self, content):
        self._connection.settimeout(_PATIENCE)
        self._connection.sendall(json.dumps(content).encode() + b"\n")
        self._connection.setblocking(False)

    def close(self):
        self._connection.close()


class _Guests:
    """Who has come to the first process, and what they say."""

    def __init__(self, cluster, says):
        self._cluster, self._strangers = cluster, []
        self._known, self.said = {}, {cluster.task: says}

    def admit(self, server):
        """Takes in all who are at the door."""
        while len(self._strangers) < _MOST:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self._strangers.append(_Lines(connection))

    def listen(self):
        """Hears strangers out; those who are no workers, or left, go."""
        now = time.monotonic()
        for guest in list(self._strangers):
            try:
                word = guest.received(_WORD)
                late = word is None and now - guest.began > _PATIENCE
                task = word and self._task(word)
            except (OSError, ValueError):
                late, word = True, None
            if late or word:
                self._strangers.remove(guest)
            if late:
                guest.close()
            elif word:
                # One that is started anew takes the place of the earlier.
                self._leave(task)
                self._known[task], self.said[task] = guest, word["says"]
        for task, guest in list(self._known.items()):
            try:
                guest.received(_WORD)
            except (OSError, ValueError):
                self._leave(task)

    def _task(self, word):
        others = self._cluster.addresses.keys() - {self._cluster.task}
        for task in others:
            if list(task) == word["task"]:
                return task
        raise ValueError("no other task of the cluster")

    def _leave(self, task):
        self.said.pop(task, None)
        if guest := self._known.pop(task, None):
            guest.close()

    def missing(self):
        """Names of those who are not there."""
        absent = self._cluster.addresses.keys() - self.said.keys()
        return [self._cluster.name(task) for task in sorted(absent)]

    def tell(self, waits_for, verdict=None):
        """Says something to all; returns names of those it did not reach."""
        lost = []
        for task, guest in self._known.items():
            try:
                guest.send({"waits_for": waits_for, "verdict": verdict})
            except OSError:
                lost.append(self._cluster.name(task))
        return lost

    def dismiss(self):
        for guest in (*self._strangers, *self._known.values()):
            guest.close()


def _lead(cluster, says, differ, clock):
    """The first process: waits for the others and answers them."""
    guests, told = _Guests(cluster, says), None
    try:
        with cluster_lib.listening(cluster) as server:
            server.setblocking(False)
            while (missing := guests.missing()) and clock.left():
                if missing != told:
                    told = missing
                    guests.tell(missing)
                clock.wait(missing)
                guests.admit(server)
                guests.listen()
        verdict = differ(guests.said)
        if missing:
            verdict = clock.missed(missing, "nothing from there")
        lost = guests.tell([], verdict)
    finally:
        guests.dismiss()
    if lost and not verdict:
        return clock.missed(lost, "a connection that was lost")
    return verdict


def _follow(cluster, says, clock):
    """Another process: says what it has to say, and waits for the answer."""
    host, port = cluster_lib.host_and_port(cluster.addresses[cluster.first])
    first = [cluster.name(cluster.first)]
    while left := clock.left():
        try:
            longest = min(left, _PATIENCE)
            with socket.create_connection((host, port), longest) as to_first:
                lines = _Lines(to_first)
                lines.send({"task": cluster.task, "says": says})
                return _answer(lines, first, clock)
        except (OSError, ValueError) as error:
            reason = str(error)
        for _ in range(round(_RETRY / _TICK)):
            clock.wait(first)
    return clock.missed(first, reason)


def _answer(lines, names, clock):
    """What the first process says in the end; it waits for others as well."""
    # It says it when its own time is over.
    while clock.left(_PATIENCE):
        answer = lines.received(_ANSWER)
        if answer and answer["verdict"] is not None:
            return answer["verdict"]
        names = answer["waits_for"] if answer else names
        clock.wait(names)
    return clock.missed(names, "no answer")
