"""Processes of their own, which do their turns when they are asked to."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks import machine

_TOOLS = pathlib.Path(__file__).parents[1]


class Absent(Exception):
    """A worker ended before its first turn: what it said last."""


class Worker:
    """A module of `benchmarks.workers` in a process of its own.

    A context that ends it; called, it does a turn.

    Args:
        python: Path of the Python that runs it; None for this one.
        module: String.
        *words: What it is called with.
        **environment: Variables, beside those of this process.

    Attributes:
        first: What came of its first turn.

    Raises:
        Absent: if it ends before it has done its first turn.
    """

    def __init__(self, python, module, *words, **environment):
        self._said = tempfile.TemporaryFile("w+")
        path = [str(_TOOLS), os.environ.get("PYTHONPATH")]
        self._process = subprocess.Popen(
            [
                *(python or sys.executable, "-m", "benchmarks.workers"),
                *(module, *map(str, words)),
            ],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, path)),
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        try:
            self.first = json.loads(self._answer())
        except BaseException:
            self.__exit__()
            raise

    def __call__(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._answer()

    def peak_gib(self):
        return machine.peak_gib(self._process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            lines = self._said.read().strip().splitlines()
            raise Absent(lines[-1] if lines else "ended without a word")
        return line


class Together:
    """Workers that take each turn at the same time, as one worker.

    Args:
        starts: List of functions that start one each, at the same time too.
    """

    def __init__(self, starts):
        self._threads = concurrent.futures.ThreadPoolExecutor(len(starts))
        self._workers = list(self._threads.map(lambda start: start(), starts))
        self.first = self._workers[0].first

    def __call__(self):
        list(self._threads.map(lambda worker: worker(), self._workers))

    def peak_gib(self):
        return sum(worker.peak_gib() for worker in self._workers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self._workers:
            worker.__exit__()
        self._threads.shutdown()


def imports(python, module):
    """Whether a path is a Python that imports a module."""
    try:
        done = subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True
        )
    except OSError:
        return False
    return done.returncode == 0
