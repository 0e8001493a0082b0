"""Independent pieces of work: in threads here, or on a cluster of Dask.

Results are the same wherever a piece is worked on. Imports Dask only where a
scheduler is named.
"""

import concurrent.futures
import contextlib
import contextvars
import functools
import importlib.util
import itertools
import logging
import os
import pickle
import sys
import time
import traceback

from dlgn_tf.command import versions
from dlgn_tf.errors import UserError

# In seconds: how long a scheduler may take to answer, and to find a worker,
# and how often is looked whether both are there.
_LONGEST_ANSWER = 10
_LONGEST_WITHOUT_WORKERS = 60
_INTERVAL = 0.5
# Pieces for each thread of the workers, so that none waits for the next one.
_AHEAD = 2
# What computes beside this package.
_PACKAGES = ("keras", "numpy", "tensorflow")

_current = contextvars.ContextVar("cluster", default=None)
# On a worker: the function whose pieces it works on, by its name.
_loaded: dict = {}


class WorkerDied(UserError):
    """A piece on which one worker after another has died."""


@contextlib.contextmanager
def using(address):
    """Within, pieces are worked on by the workers of a scheduler.

    Args:
        address: String such as `"tcp://10.0.0.1:8786"`, or None: all stays as
            it is.

    Raises:
        UserError: if Dask is not installed or nobody answers.
    """
    if not address:
        yield
        return
    with Cluster(address) as cluster:
        before = _current.set(cluster)
        try:
            yield
        finally:
            _current.reset(before)


def current():
    """The `Cluster` whose workers are used, or None."""
    return _current.get()


def unordered(function, pieces, threads):
    """Yields `(piece, function(piece))` as they are done.

    Of many pieces, few more than can be worked on wait in line.

    Args:
        function: Function of a piece; what it raises comes through.
        pieces: Iterable.
        threads: Integer, how many there are unless a cluster is used.

    Raises:
        UserError: of a cluster, see `Cluster`.
    """
    cluster, pieces, jobs = current(), iter(pieces), {}
    begin = cluster.hold if cluster else _threads
    with begin(function, threads) as (submit, room):
        try:
            while True:
                free = max(0, room() - len(jobs))
                for piece in itertools.islice(pieces, free):
                    jobs[submit(piece)] = piece
                if not jobs:
                    return
                finished, _ = concurrent.futures.wait(
                    jobs, _INTERVAL, concurrent.futures.FIRST_COMPLETED
                )
                for job in finished:
                    found = cluster.result(job) if cluster else job.result()
                    yield jobs.pop(job), found
        finally:
            for job in jobs:
                job.cancel()


@contextlib.contextmanager
def _threads(function, threads):
    """What submits a piece, and what says how many may wait for an end."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        yield lambda piece: pool.submit(function, piece), lambda: threads + 1


class Cluster:
    """The workers of a scheduler of Dask.

    A piece on which a worker dies goes to another one. What else goes wrong is
    a `UserError`: the scheduler is gone, no worker is left, or one has another
    version of this package.
    """

    def __init__(self, address):
        self._address, self._alone_since = address, None
        self._distributed = _dask()
        try:
            _greet(address)
            self._client = self._distributed.Client(
                address, timeout=_LONGEST_ANSWER, set_as_default=False
            )
        except (OSError, ValueError, TypeError) as error:
            why = str(error) or f"no answer within {_LONGEST_ANSWER} s"
            raise self._refused(f"none, {why}") from error
        self._executor = self._client.get_executor(pure=False)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._executor.shutdown(wait=False)
        self._client.close()

    def _refused(self, received):
        return UserError(
            f"Expected a scheduler of Dask with workers at --scheduler="
            f"{self._address} (see docs/how_to/several_machines.md). "
            f"Received: {received}"
        )

    def threads(self):
        """How many pieces are worked on at once; 0 while workers start."""
        try:
            found = sum(self._client.nthreads().values())
        except (OSError, RuntimeError) as error:
            raise self._refused(f"none any more, {error}") from error
        now = time.monotonic()
        # As far as is known: in between nobody may have asked.
        self._alone_since = None if found else self._alone_since or now
        if not found and now - self._alone_since > _LONGEST_WITHOUT_WORKERS:
            raise self._refused(
                f"no worker for {_LONGEST_WITHOUT_WORKERS} s (one that lacks "
                "this dlgn_tf ends by itself, see its log)"
            )
        return found

    def submit(self, function, *arguments):
        """Hands a piece out; a `concurrent.futures.Future` for `result`.

        Function and arguments are pickled. A piece that is cancelled goes on
        where it has begun, but see `wanted`.
        """
        return self._executor.submit(_checked, _own(), function, *arguments)

    @contextlib.contextmanager
    def hold(self, function, threads=None):
        """For many pieces of one function, as `unordered` needs it.

        The function goes to each worker once, as bytes that its arrays lie in;
        the scheduler keeps them for those that come later.
        """
        name = os.urandom(16).hex()
        held = self._client.submit(tuple, packed(function), pure=False)
        yield (
            lambda piece: self.submit(_apply, name, held, piece),
            lambda: max(1, _AHEAD * self.threads()),
        )

    def result(self, job):
        """What came of a piece; raises what it raised, or a `UserError`."""
        try:
            return job.result()
        except concurrent.futures.CancelledError as error:
            raise self._refused("none any more, it was lost") from error
        except self._distributed.KilledWorker as error:
            raise WorkerDied(
                "Expected a worker that lives (see its log; memory may not "
                f"suffice). Received: {error.allowed_failures + 1} that died "
                f"one after another, the last at {error.last_worker.address}"
            ) from error
        except (ImportError, AttributeError, RuntimeError) as error:
            if not _cannot_unpickle(error):
                raise
            if isinstance(error, RuntimeError):
                error = error.__cause__ or error
            raise self._refused(
                f"one without this dlgn_tf, {type(error).__name__}: {error}"
            ) from error


def _cannot_unpickle(error):
    """Whether a scheduler or worker raised it before a piece had begun."""
    frames = traceback.walk_tb(error.__traceback__)
    names = {frame.f_code.co_name for frame, _ in frames}
    if _checked.__name__ in names:
        return unpacked.__name__ in names
    # Dask's words.
    return not isinstance(error, RuntimeError) or "deserializ" in str(error)


def packed(function):
    """A function, which may be made within another, as a list of bytes."""
    import cloudpickle

    buffers = []
    head = cloudpickle.dumps(function, 5, buffers.append)
    return [head, *(bytes(buffer.raw()) for buffer in buffers)]


def unpacked(parts):
    """The function of `packed`; its arrays lie in the bytes, read-only."""
    return pickle.loads(parts[0], buffers=parts[1:])


def here():
    """On a worker: its address."""
    from distributed import get_worker

    return get_worker().address


def wanted():
    """On a worker: whether anybody still waits for what is worked on."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state == "executing"


def hand_back():
    """On a worker: gives what is worked on to any worker, this one too."""
    from distributed import Reschedule

    raise Reschedule


def _dask():
    """The module of Dask that connects, with its log silenced.

    What goes wrong is told in a line of ours.
    """
    if importlib.util.find_spec("distributed") is None:
        raise UserError(
            "Expected dask.distributed for --scheduler: pip install "
            "dlgn_tf[cluster]. Received: no such package"
        )
    import dask
    import distributed

    # Functions are as large as the arrays that they work on.
    limit = "distributed.admin.large-graph-warning-threshold"
    dask.config.set({limit: "1TB"})
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


def _greet(address):
    """Connects once: for what is no scheduler Dask itself waits for ever."""
    import asyncio

    from distributed import Security
    from distributed.comm import connect

    async def greet():
        options = Security().get_connection_args("client")
        async with asyncio.timeout(_LONGEST_ANSWER):
            comm = await connect(address, timeout=_LONGEST_ANSWER, **options)
            await comm.close()

    # In a thread of its own, as a notebook's may have a loop already.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, greet()).result()


@functools.cache
def _own():
    return versions.of(_PACKAGES) | {"python": sys.version.split()[0]}


def _checked(expected, function, *arguments):
    """On a worker: a piece, if it has the versions of who waits for it."""
    own = _own()
    if own != expected:
        unlike = sorted(
            name
            for name in own.keys() | expected.keys()
            if own.get(name) != expected.get(name)
        )
        needed, found = (
            ", ".join(f"{name} {side.get(name, 'missing')}" for name in unlike)
            for side in (expected, own)
        )
        raise UserError(
            f"Expected workers with {needed}. Received: {found} at {here()}"
        )
    return function(*arguments)


def _apply(name, held, piece):
    function = _loaded.get(name)
    if function is None:
        from threadpoolctl import threadpool_limits

        function = unpacked(held)
        # For good, as Dask does it in workers that it starts: threads that set
        # a limit each would take it from one another.
        threadpool_limits(1, user_api="blas")
        _loaded.clear()
        _loaded[name] = function
    return function(piece)
