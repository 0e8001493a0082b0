"""Labelled images in memory, as every source gives them."""

import dataclasses
import os
import zlib
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images as they are stored.

    Attributes:
        images: uint8 array `(examples, height, width, channels)`; of data of
            one's own also float32, or `dlgn_tf.data.encoded.EncodedImages`.
        labels: int32 array `(examples,)`; of a regression float32 `(examples,
            targets)`.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> "ImageSet":
        """The first so many of them."""
        if count == len(self):
            return self
        of_files = getattr(self.images, "first", None)
        images = of_files(count) if of_files else self.images[:count]
        return ImageSet(images, self.labels[:count])

    @property
    def checksum(self) -> str:
        """CRC-32 of all images and labels, in hexadecimal."""
        images = getattr(self.images, "checksum", None)
        if images is None:
            images = zlib.crc32(np.ascontiguousarray(self.images).data)
        return f"{zlib.crc32(self.labels.tobytes(), images):08x}"


def labels_of(info: Any, place: str | os.PathLike, values: Array) -> Array:
    """Labels as they are trained on, whatever type they are stored in.

    Args:
        info: `DatasetInfo`.
        place: Where they come from, for the message.
        values: Array `(examples,)`, at least one.

    Returns:
        int32 array of the same shape.

    Raises:
        UserError: if one is no whole number of `[0, info.classes)`.
    """
    values = np.asarray(values)
    expected = f"0 to {info.classes - 1}"
    if not _are_whole(values):
        raise UserError(
            f"Labels of {info.name} in {place} do not fit. Expected integers "
            f"{expected}. Received: {values.dtype} such as {values.flat[0]}"
        )
    low, high = values.min(), values.max()
    if low < 0 or high >= info.classes:
        raise UserError(
            f"Labels of {info.name} in {place} do not fit. Expected {expected}."
            f" Received: {low} to {high}"
        )
    return values.astype(np.int32)


def _are_whole(values):
    if values.dtype.kind == "f":
        return bool(np.all(values == np.floor(values)))
    return values.dtype.kind in "iub"


def count_of(info: Any, split: str, wanted: int | None, available: int) -> int:
    """Number of images to read: all of them where `wanted` is None.

    Raises:
        UserError: if more are wanted than there are, or none.
    """
    if wanted is None:
        return available
    if not 1 <= wanted <= available:
        raise UserError(
            f"Invalid {split}_examples. Expected 1 to {available}, the {split} "
            f"images of {info.name}. Received: {split}_examples={wanted}"
        )
    return wanted


def first_of(
    info: Any, wanted: dict, train: ImageSet, test: ImageSet
) -> tuple[ImageSet, ImageSet]:
    """The first images of each split.

    Args:
        info: `DatasetInfo`.
        wanted: Dict from `"train"` and `"test"` to how many, None for all.
        train: All of the split.
        test: The same.

    Raises:
        UserError: see `count_of`.
    """
    first, second = (
        each.first(count_of(info, split, wanted[split], len(each)))
        for split, each in (("train", train), ("test", test))
    )
    return first, second
