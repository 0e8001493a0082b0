"""TensorBoard's event files, written and shortened without TensorFlow."""

import itertools
import os
import pathlib
import socket
import time

from tensorboard.backend.event_processing import event_file_loader
from tensorboard.compat.proto import event_pb2
from tensorboard.summary.writer.record_writer import RecordWriter, masked_crc32c

from dlgn_tf.output import elsewhere, files

_COUNTER = itertools.count()

# Bytes of a record besides its data.
_FRAME = 16


class EventFile:
    """Appends summaries to a new event file, at once and in order.

    The file is made with the first summary. TensorBoard's own writer hands
    records to a thread, where a full disk cannot be told to the caller.
    """

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)
        self._records = None

    def add(self, summary, step):
        """Appends a `tensorboard` Summary proto at an integer step."""
        if self._records is None:
            self._records = RecordWriter(self._open())
            self._write(event_pb2.Event(file_version="brain.Event:2"))
        self._write(event_pb2.Event(summary=summary, step=step))

    def flush(self):
        if self._records is not None:
            self._records.flush()

    def close(self):
        if self._records is not None:
            self._records.close()

    def _write(self, event):
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())

    def _open(self):
        self._directory.mkdir(parents=True, exist_ok=True)
        name = (
            f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}."
            f"{os.getpid()}.{next(_COUNTER)}"
        )
        return (self._directory / name).open("xb")


def drop_events_after(directory, step):
    """Forgets events beyond a step, and half a record at a file's end.

    Below step 0 all files go. A directory that is a link is a `UserError`.
    """
    files.check_no_link(directory)
    for path in sorted(pathlib.Path(directory).glob("*tfevents*")):
        # A hidden one was being rewritten when the run was killed.
        if step < 0 or path.name.startswith("."):
            path.unlink()
            continue
        elsewhere.regular(path)
        records = list(event_file_loader.RawEventFileLoader(str(path)).Load())
        kept = [
            r for r in records if event_pb2.Event.FromString(r).step <= step
        ]
        if _is_damaged(path, _size(records)):
            aside = path.with_name(path.name.replace("tfevents", "damaged"))
            files.write_atomically(aside, path.read_bytes())
            print(
                f"{path} is damaged after {len(records)} events: kept as "
                f"{aside.name}, later ones are not shown"
            )
        if _size(kept) != path.stat().st_size:
            _rewrite(path, kept)


def _size(records):
    """Bytes that records take, each with its length and two checksums."""
    return sum(len(record) + _FRAME for record in records)


def _is_damaged(path, whole):
    """Whether more follows the first `whole` bytes than half a record."""
    with path.open("rb") as file:
        file.seek(whole)
        rest = file.read()
    length, checksum = rest[:8], rest[8:12]
    if len(checksum) < 4:
        return False
    if int.from_bytes(checksum, "little") != masked_crc32c(length):
        return True
    return len(rest) >= int.from_bytes(length, "little") + _FRAME


def _rewrite(path, records):
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        writer = RecordWriter(file)
        for record in records:
            writer.write(record)


def read_events(directory):
    """All events of a run, `(step, tag, TensorProto)` in the order written."""
    events = []
    for path in sorted(pathlib.Path(directory).glob("*tfevents*")):
        for event in event_file_loader.EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                events.append((event.step, value.tag, value.tensor))
    return events
