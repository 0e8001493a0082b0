"""Data sets in a single .npz file, read and written without TensorFlow.

The file holds for each split, `train` and `test`, the labels and either the
images or their encoded files (those of `decoding.FORMATS`) one after the other:

| array | type | shape |
|---|---|---|
| `SPLIT_labels` | integer, or whole numbers as floats | (n,) |
| `SPLIT_images` | uint8 | (n, height, width, channels) |
| `SPLIT_encoded` | uint8 | (bytes of all files,) |
| `SPLIT_ends` | int64 | (n,), where each file ends |
"""

import contextlib
import math
import os
from typing import Any

import numpy as np

from dlgn_tf.data import decoding, encoded
from dlgn_tf.data import images as labelled
from dlgn_tf.data.stored import Split, Stored
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere


def write(path: str | os.PathLike, splits: dict) -> None:
    """Writes a data set.

    Args:
        path: Path-like, to end in .npz.
        splits: Dict from `"train"` and `"test"` to `(labels, images)`; images
            are a uint8 array or a list of encoded files as bytes.
    """
    arrays: dict[str, Any] = {}
    for split, (labels, images) in splits.items():
        arrays[f"{split}_labels"] = np.asarray(labels, np.int32)
        if isinstance(images, np.ndarray):
            arrays[f"{split}_images"] = images
        else:
            arrays[f"{split}_encoded"] = np.frombuffer(
                b"".join(images), np.uint8
            )
            arrays[f"{split}_ends"] = np.cumsum([len(x) for x in images])
    np.savez(path, **arrays)


def read(path: str | os.PathLike, info: Any, counts: dict) -> tuple:
    """Reads a data set.

    Args:
        path: Path-like.
        info: `DatasetInfo` that the images must fit.
        counts: Dict from split to how many of its first images are read, None
            for all.

    Returns:
        `(ImageSet, ImageSet)`: training and test images.

    Raises:
        UserError: if the file cannot be read or does not fit.
    """
    with _arrays_of(path, info.name) as arrays:
        return tuple(
            _read_split(arrays, split, path, info, counts[split])
            for split in ("train", "test")
        )


def count(path: str | os.PathLike, info: Any) -> dict:
    """How many images a data set has.

    Args:
        path: Path-like.
        info: `DatasetInfo`, for the message.

    Returns:
        Dict from `"train"` and `"test"` to an integer.

    Raises:
        UserError: if the file cannot be read.
    """
    with _arrays_of(path, info.name) as arrays:
        return {
            split: len(arrays[f"{split}_labels"]) for split in ("train", "test")
        }


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# Names of the arrays of a split: Keras', this module's, and shorter ones.
_NAMES = {
    "train": (
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
        ("x", "y"),
        ("images", "labels"),
    ),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}


def read_any(own: Any) -> Stored:
    """Reads the arrays of any .npz: x_train, y_train, x_test and y_test.

    Args:
        own: Its path is the file. The arrays may also have the names that
            `write` gives them or, where the examples are not split, be x and y
            or images and labels.

    Raises:
        UserError: if it cannot be read, or has no such arrays.
    """
    what = "an .npz of x_train, y_train, x_test and y_test"
    with _arrays_of(own.path, own.name, what) as arrays:
        splits = {part: _found(arrays, part, own.path) for part in _NAMES}
        test = ("x_test", "y_test", "test_images", "test_labels")
        lacking = splits["test"] is None and {*test} & {*arrays.files}
        if splits["train"] is None or lacking:
            raise ValueError(f"arrays {', '.join(arrays.files) or 'none'}")
        return Stored(splits["train"], splits["test"])


def _found(arrays, part, path):
    """The `Split` of an archive, or None."""
    for of_images, of_labels in _NAMES[part]:
        if of_images in arrays and of_labels in arrays:
            images, labels = arrays[of_images], arrays[of_labels]
            return Split(images, labels, f"{of_images}, {of_labels} of {path}")
    if f"{part}_encoded" in arrays:
        ends = arrays[f"{part}_ends"]
        files = _files(arrays[f"{part}_encoded"], ends)
        place = f"{part} of {path}"
        images = encoded.of_bytes(files, place)
        return Split(images, arrays[f"{part}_labels"], place)
    return None


@contextlib.contextmanager
def _arrays_of(path, name, what="an .npz that tools/prepare_data.py wrote"):
    """The arrays of a file; what goes wrong with them is a `UserError`."""
    try:
        # np.load takes other kinds of files too.
        with elsewhere.archive(path) as archive:
            entries = archive.infolist()
            for entry in (x for x in entries if x.filename.endswith(".npy")):
                with archive.open(entry) as file:
                    _check_size(file, entry)
        with np.load(path) as arrays:
            yield arrays
    except UserError:
        raise
    # Damaged archives, arrays and images raise nearly anything: zlib.error,
    # Pillow's SyntaxError and DecompressionBombError, MemoryError, ...
    except Exception as error:
        words = " ".join(str(error).split())[:160]
        raise UserError(
            f"Cannot read {name}. Expected {what}. Received: {path}, "
            f"{type(error).__name__}: {words}"
        ) from error


def _check_size(file, entry):
    """Raises a `ValueError` if an array says that it holds more than is there.

    NumPy would ask for the memory first.
    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"{entry.filename} of version {version}")
    shape, _, dtype = _HEADERS[version](file)
    needed = math.prod(shape) * dtype.itemsize
    if needed > entry.file_size:
        raise ValueError(
            f"{needed:,} bytes in {entry.filename} of {entry.file_size:,}"
        )


def _read_split(arrays, split, path, info, count):
    if count is not None and count < 1:
        raise UserError(
            f"Invalid {split}_examples. Expected 1 or more. Received: "
            f"{split}_examples={count}"
        )
    labels = arrays[f"{split}_labels"]
    raw = f"{split}_images" in arrays
    each = arrays[f"{split}_images" if raw else f"{split}_ends"]
    # Before any are left out, or the others would have the labels of others.
    if labels.shape != each.shape[:1]:
        raise ValueError(f"{len(each)} images and labels {labels.shape}")
    labels, each = labels[:count], each[:count]
    if raw:
        images = each
    else:
        files = _files(arrays[f"{split}_encoded"], each)
        images = decoding.decode_all(files, info.image_shape)
    if images.shape[1:] != info.image_shape or images.dtype != np.uint8:
        raise ValueError(f"images {images.dtype}{images.shape[1:]}")
    if not len(images):
        raise ValueError(f"{len(images)} images and labels {labels.shape}")
    if count is not None and len(labels) < count:
        raise ValueError(f"{len(labels)} {split} images instead of {count}")
    return labelled.ImageSet(images, labelled.labels_of(info, path, labels))


def _files(encoded, ends):
    """The encoded files, a list of bytes."""
    begins = np.concatenate([[0], ends[:-1]]).astype(ends.dtype)
    grows = np.all(begins <= ends) and not np.any(ends > len(encoded))
    if encoded.dtype != np.uint8 or ends.dtype.kind not in "iu" or not grows:
        raise ValueError(
            f"files of {encoded.dtype}{encoded.shape} that end at {ends}"
        )
    return [
        encoded[begin:end].tobytes()
        for begin, end in zip(begins, ends, strict=True)
    ]
