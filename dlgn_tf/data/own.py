"""Data of one's own: where they are read from, and by what. Nothing heavy.

A source is a name of `KINDS`, or one of these and a colon before a name of its
own (`tfds:NAME`). Whoever reads it gives `Stored` arrays or files as they are;
what classes, shape, mean and standard deviation they have is measured, and kept
by a run as its data.json.
"""

import dataclasses
import importlib
import importlib.util
import os
from collections.abc import Callable

from dlgn_tf.data.info import DatasetInfo
from dlgn_tf.data.reading import (
    OF_ARRAYS,
    OF_FILES,
    OF_SPLIT,
    OF_TABLES,
    Reading,
)
from dlgn_tf.data.stored import Stored
from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of source.

    Attributes:
        read: Function of an `OwnData` that returns what is `Stored`, or
            `"MODULE:FUNCTION"`, which is imported when it is needed.
        description: One line.
        flags: Names of the flags of `Reading` that it heeds.
        path: Name of the flag that says where it is, or None.
        folder: Boolean, whether that may be, or must be, a folder: None stands
            for either.
        needs: Name of a package that must be installed, or None.
    """

    read: str | Callable
    description: str
    flags: tuple[str, ...] = OF_ARRAYS
    path: str | None = None
    folder: bool | None = None
    needs: str | None = None


KINDS = {
    "folder": Kind(
        "dlgn_tf.data.folder:read",
        "a folder of images for each class",
        OF_SPLIT + OF_FILES,
        path="data_dir",
        folder=True,
    ),
    "npz": Kind(
        "dlgn_tf.data.npz:read_any",
        "arrays of an .npz",
        path="npz",
        folder=False,
    ),
    "table": Kind(
        "dlgn_tf.data.tables:read",
        "rows of a CSV or Parquet table",
        OF_ARRAYS + OF_TABLES,
        path="data_dir",
        needs="pyarrow",
    ),
    "tfds": Kind(
        "dlgn_tf.data.tfds:read_any",
        "images of TensorFlow Datasets",
        OF_SPLIT + OF_FILES,
        needs="tensorflow_datasets",
    ),
    "sklearn": Kind(
        "dlgn_tf.data.scikit_learn:read_any", "data that scikit-learn has"
    ),
}
# Prefixes of names that are not complete in themselves.
_NAMED = ("tfds", "sklearn")
# What a run is called that was trained on arrays in Python.
ARRAYS = "arrays"


def is_own(name: str) -> bool:
    """Whether data are none of the catalogue, by the value of `--dataset`."""
    kind, colon, rest = str(name).partition(":")
    if kind in _NAMED:
        return bool(colon and rest)
    return name in KINDS or name == ARRAYS


def kind_of(name: str) -> Kind:
    """The kind of data of one's own, by the value of `--dataset`."""
    if name == ARRAYS:
        return Kind("", "arrays in Python")
    return KINDS[name.partition(":")[0]]


def names_shown() -> str:
    """What `--dataset` may be besides the entries of the catalogue."""
    return ", ".join(f"{x}:NAME" if x in _NAMED else x for x in KINDS)


@dataclasses.dataclass(frozen=True)
class OwnData:
    """Data of one's own.

    Attributes:
        name: String, the value of `--dataset`.
        path: String, the value of `--data_dir` or `--npz`, or None.
        how: `Reading`.
        info: `DatasetInfo` that they must fit, or None: it is measured.
        download: Boolean, whether TFDS may download them.
        whole: Boolean. Whether all are test images where they are not split,
            as of other data that a network is evaluated on.
    """

    name: str
    path: str | None = None
    how: Reading = Reading()
    info: DatasetInfo | None = None
    download: bool = False
    whole: bool = False

    @property
    def kind(self) -> Kind:
        return kind_of(self.name)

    @property
    def own_name(self) -> str:
        """What stands behind the colon."""
        return self.name.partition(":")[2]

    def check(self) -> None:
        """Raises a `UserError` unless there is something to read."""
        if self.name == ARRAYS:
            raise UserError(
                "The run was trained on arrays in Python, which no file keeps. "
                "Expected --npz of an archive of such arrays. Received: none"
            )
        kind = self.kind
        self.how.check(kind.flags, f"with --dataset={self.name}")
        if kind.needs and importlib.util.find_spec(kind.needs) is None:
            raise UserError(
                f"Expected {kind.needs} to be installed, which --dataset="
                f"{self.name} needs (see docs/how_to/data.md). Received: "
                "no such package"
            )
        if kind.path:
            self._check_path(kind)

    def _check_path(self, kind):
        what = {True: "a folder", False: "a file", None: "a file or folder"}
        expected = (
            f"Expected --{kind.path} to name {what[kind.folder]} with "
            f"--dataset={self.name}. Received: "
        )
        if not self.path:
            raise UserError(f"{expected}none")
        if not os.path.exists(self.path):
            raise UserError(f"{expected}{self.path}, which does not exist")
        is_folder = os.path.isdir(self.path)
        if not (is_folder or os.path.isfile(self.path)):
            raise UserError(f"{expected}{self.path}, a device or a pipe")
        if kind.folder is not None and kind.folder != is_folder:
            raise UserError(
                f"{expected}{self.path}, a {'folder' if is_folder else 'file'}"
            )
        if not os.access(self.path, os.R_OK):
            raise UserError(f"{expected}{self.path}, which may not be read")

    def stored(self) -> Stored:
        """The examples as they are stored, which are read now.

        Raises:
            UserError: if they cannot be read.
        """
        self.check()
        read = self.kind.read
        if isinstance(read, str):
            module, _, function = read.partition(":")
            read = getattr(importlib.import_module(module), function)
        try:
            return read(self)
        except OSError as error:
            raise UserError(
                f"Expected files that may be read with --dataset={self.name}. "
                f"Received: {error.filename or self.path}, "
                f"{error.strerror or error}"
            ) from error

    def measured(self) -> DatasetInfo:
        """What was measured of them; once, for `load` too."""
        return self.info or self._read_now()[0]

    def read_now(self) -> "OwnData":
        """These data with what is known of them now: how many there are too."""
        return self._read_now()[1]

    def _read_now(self):
        self.check()
        prepared = self._prepared()
        known = dataclasses.replace(self, info=prepared.info)
        _KEPT[self._key()] = _KEPT[known._key()] = prepared
        return prepared.info, known

    def load(self, wanted: dict) -> tuple:
        """Training and test images.

        Args:
            wanted: Dict from `"train"` and `"test"` to how many of the first
                images are read, None for all.

        Returns:
            `(ImageSet, ImageSet)`, see `dlgn_tf.data.preparing.Prepared`.
        """
        return self._prepared().sets(wanted)

    def counts(self) -> dict:
        """How many images there are: a dict from split to integer."""
        info = self.measured()
        return {"train": info.train_examples, "test": info.test_examples}

    def _prepared(self):
        from dlgn_tf.data import preparing

        prepared = _KEPT.get(self._key())
        # What is read once is not held for ever.
        _KEPT.clear()
        return prepared or preparing.prepare(self.stored(), self)

    def _key(self):
        """These data as they are on the disk."""
        changed = os.stat(self.path).st_mtime_ns if self.path else None
        return self, changed


def forget() -> None:
    """What is read next is read anew."""
    _KEPT.clear()


# What was read to be measured, until it is loaded.
_KEPT: dict = {}
