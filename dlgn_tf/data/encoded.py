"""Images that stay files, and are decoded when they are drawn."""

import concurrent.futures
import functools
import io
import math
import os
import re
import warnings
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.data import augmentation, decoding
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere

# Images that one thread decodes before it takes others, and that are decoded
# and measured at once.
_AT_ONCE = 16
_CHUNK = 256
# Bytes of images and their copies that are arrays in any case.
_FEW = 2**26


class Files:
    """Encoded images, by path or as records of a set.

    Args:
        items: Sequence of what `read` takes: by default paths.
        read: Function of an item; returns the bytes of an image.
        name: Function of an item; returns its name for messages.
        shuffled: Boolean, whether they are in an order already that follows
            from the seed of the split and tells no class.
    """

    def __init__(
        self,
        items: Sequence,
        read: Callable[[Any], bytes] = elsewhere.read_bytes,
        name: Callable[[Any], str] = str,
        shuffled: bool = False,
    ):
        self.items, self.read, self.name = items, read, name
        self.shuffled = shuffled

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, indices: Array) -> "Files":
        items = [self.items[index] for index in indices]
        return Files(items, self.read, self.name, self.shuffled)

    def header(self, index: int) -> tuple[int, int, int]:
        """`(height, width, channels)` of an image, which is not decoded."""
        item = self.items[index]
        if self.read is elsewhere.read_bytes:
            with open(elsewhere.regular(item), "rb") as file:
                return decoding.header(file)
        return decoding.header(io.BytesIO(self.read(item)))


def of_bytes(files: Sequence[bytes], place: str) -> Files:
    """`Files` of encoded images in memory, from a place that is named."""
    return Files(
        range(len(files)), files.__getitem__, lambda k: f"{place}, number {k}"
    )


class EncodedImages:
    """Images that are like an array, but decoded when they are asked for.

    The first ones are kept, as many as fit under a bound: in the random order
    of an epoch no others are worth more. Threads may share it.

    Args:
        files: `Files`.
        shape: `(height, width, channels)`.
        resize: See `decoding.decode`.
        kept_bytes: Number, how much of them is kept once decoded.

    Attributes:
        shape: `(n, height, width, channels)`.
        dtype: uint8.
        sums: What `preparing.moments` makes a mean of.
        checksum: Integer, CRC-32 of all of them.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files, shape, resize=None, kept_bytes=0.0):
        self._files, self._resize = files, resize
        self._few = max(kept_bytes, _FEW)
        self.shape = (len(files), *shape)
        each = max(np.prod(shape, dtype=np.int64), 1)
        count = int(min(kept_bytes / each, len(files)))
        self._kept = np.empty((count, *shape), np.uint8)
        self._is_kept = np.zeros(len(self._kept), bool)
        self.sums = self.checksum = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: Any) -> Array:
        """Images by an integer, a slice, integers or Booleans."""
        if isinstance(indices, slice):
            indices = np.arange(len(self))[indices]
        chosen = np.arange(len(self))[np.asarray(indices)]
        flat = chosen.ravel()
        images = np.empty((len(flat), *self.shape[1:]), np.uint8)
        held = flat < len(self._kept)
        held[held] = self._is_kept[flat[held]]
        images[held] = self._kept[flat[held]]
        others = np.flatnonzero(~held)

        def fill(begin):
            for place in others[begin : begin + _AT_ONCE]:
                images[place] = self._named(int(flat[place]))

        list(_pool().map(fill, range(0, len(others), _AT_ONCE)))
        return images.reshape(*chosen.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        """All of them, as `model.predict` takes them."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def _named(self, index):
        """An image that is decoded now; a damaged file is named."""
        try:
            return self.decode(index)
        except Exception as error:
            raise damaged(
                self._files.name(self._files.items[index]), error
            ) from error

    def decode(self, index: int) -> Array:
        """An image, decoded now, and kept if it is one of the first."""
        file = self._files.read(self._files.items[index])
        image = decoding.decode(file, self.shape[1:], self._resize)
        if index < len(self._kept):
            self._kept[index] = image
            self._is_kept[index] = True
        return image

    @property
    def kept_bytes(self) -> int:
        """How much of them is kept once each was decoded."""
        return self._kept.nbytes

    def all_kept(self) -> Array:
        """The array of all images, once each of them was decoded."""
        return self._kept

    def first(self, count: int) -> Any:
        """The first so many of them, as an array where they are few."""
        if _held_bytes([count], self.shape[1:]) <= self._few:
            return self[:count]
        files = self._files[np.arange(count)]
        return EncodedImages(
            files, self.shape[1:], self._resize, self.kept_bytes
        )


def decoded(splits: Sequence, own: Any) -> list:
    """Splits of files as splits of images.

    Every file is decoded once: so damaged ones are found, and mean and standard
    deviation are those of all. What fits under the bound stays decoded.

    Args:
        splits: `dlgn_tf.data.own.Split`s of `Files`, of which the first is
            trained on; or one that is both.
        own: `OwnData` that they are of.

    Returns:
        The splits, their images an array or `EncodedImages`, without the files
        that are left out.

    Raises:
        UserError: if a file is damaged, which is named, and none may be left
            out; or they are of different sizes.
    """
    how = own.how
    splits, shape = _common_shape(splits, how, own.info)
    resize = (how.resize or "crop") if how.size else None
    bound = how.cache_bytes
    fits = _held_bytes([len(x.images) for x in splits], shape) <= bound
    done = []
    for number, split in enumerate(splits):
        # The test images get what those of training leave.
        kept = math.inf if fits else bound
        images = EncodedImages(split.images, shape, resize, kept)
        images.sums, images.checksum, bad = _pass(images, not (fits or number))
        good = _left(split, bad, how)
        if bad and not fits:
            left = EncodedImages(split.images[good], shape, resize, kept)
            left.sums, left.checksum = images.sums, images.checksum
            images = left
        bound -= images.kept_bytes
        read: EncodedImages | Array = images
        if fits:
            read = images.all_kept()[good] if bad else images.all_kept()
        done.append(split._replace(images=read, labels=split.labels[good]))
    return done


def _held_bytes(counts, shape):
    """Of so many images in arrays, the first of which are augmented."""
    copies = augmentation.held_bytes((counts[0], *shape))
    return copies + sum(counts) * np.prod(shape, dtype=np.int64)


def _common_shape(splits, how, info):
    """The splits without what has no header, and the shape of their images.

    That is the shape that `info` says, if it is not None.
    """
    # Of each size and number of channels the first image.
    found, left = {}, []
    for split in splits:
        header, files = _tried(split.images.header), split.images
        bad = {}
        headers = _on_all_cores(header, range(len(files)), 64)
        for index, each in enumerate(headers):
            if isinstance(each, Exception):
                bad[index] = each
            else:
                found.setdefault(each, files.name(files.items[index]))
        good = _left(split, bad, how)
        left.append(
            split._replace(images=files[good], labels=split.labels[good])
        )
    channels = how.channels or (1 if all(x[2] == 1 for x in found) else 3)
    if info:
        channels = info.image_shape[-1]
    if how.size:
        _check_size(how.size, info, "--image_size")
        return left, (*how.size, channels)
    sizes = {x[:2]: name for x, name in reversed(found.items())}
    if len(sizes) > 1:
        one, other, *_ = (f"{h}x{w} of {x}" for (h, w), x in sizes.items())
        raise UserError(
            "Expected images of one size, or --image_size=HEIGHTxWIDTH. "
            f"Received: {one} and {other}"
        )
    size, name = next(iter(sizes.items()))
    _check_size(size, info, name)
    return left, (*size, channels)


def _check_size(size, info, name):
    if info and size != info.image_shape[:2]:
        expected, received = (
            f"{h}x{w}" for h, w in (info.image_shape[:2], size)
        )
        raise UserError(
            f"Expected images of {expected}, as the network was trained on, or "
            f"--image_size={expected}. Received: {received} of {name}"
        )


def _tried(function):
    """A function whose errors are what it returns."""

    def call(index):
        try:
            return function(index)
        except Exception as error:
            return error

    return call


def _on_all_cores(function, items, at_once):
    """What a function gives; an image that is far too large is an error."""
    # What becomes of warnings is decided for all threads, and so not in one.
    with warnings.catch_warnings():
        warnings.simplefilter("error", decoding.BOMB)
        return list(_pool().map(function, items, chunksize=at_once))


def _pass(images, measure):
    """Decodes all: sums or None, checksum, what is bad."""
    shift = np.zeros(images.shape[-1])
    sums, checksum, bad = (0, 0.0, 0.0), 0, {}
    for begin in range(0, len(images), _CHUNK):
        indices = range(begin, min(begin + _CHUNK, len(images)))
        chunk, good = _on_all_cores(_tried(images.decode), indices, 8), []
        for k, image in zip(indices, chunk, strict=True):
            if isinstance(image, Exception):
                bad[k] = image
                continue
            good.append(image)
            checksum = zlib.crc32(np.ascontiguousarray(image).data, checksum)
        if measure and good:
            of_chunk = sums_of(np.stack(good), shift)
            sums = tuple(x + y for x, y in zip(sums, of_chunk, strict=True))
    return (*sums, shift), checksum, bad


def sums_of(images: Array, shift: Any) -> tuple[int, Array, Array]:
    """Number of pixels, and per channel the sums of them and their squares."""
    pixels = images.reshape(-1, images.shape[-1]) - np.asarray(shift)
    return len(pixels), pixels.sum(axis=0), np.square(pixels).sum(axis=0)


def _left(split, bad, how):
    """Indices of the files that are not bad, some of which may be left out."""
    good = np.array([k for k in range(len(split.images)) if k not in bad], int)
    if not bad:
        return good
    index, error = next(iter(sorted(bad.items())))
    first_bad = damaged(split.images.name(split.images.items[index]), error)
    if not how.skip_damaged:
        raise first_bad
    if not len(good):
        raise UserError(
            f"Expected images in {split.place}. Received: {len(bad)} files, "
            f"none of which is one; {first_bad}"
        )
    if lost := {*map(str, split.labels)} - {*map(str, split.labels[good])}:
        raise UserError(
            f"Expected an image of each class in {split.place}. Received: none "
            f"of {min(lost)!r}; {first_bad}"
        )
    print(
        f"left out {len(bad):,} files that are damaged or no images; "
        f"{first_bad}"
    )
    return good


def damaged(name: str, error: Exception) -> UserError:
    """What is said of a file that cannot be decoded."""
    # Pillow names its own object.
    words = re.sub(r" ?<_io.BytesIO[^>]*>", "", " ".join(str(error).split()))
    return UserError(
        f"Expected a whole {', '.join(decoding.FORMATS)} image, or "
        f"--skip_damaged. Received: {name}, {type(error).__name__}: "
        f"{words[:160]}"
    )


@functools.cache
def _pool():
    """Threads that decode, one for each core."""
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1)
