"""Labelled images in memory, as every source gives them."""

import dataclasses

import numpy as np

from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images as they are stored.

    Attributes:
        images: uint8 array `(examples, height, width, channels)`.
        labels: int32 array `(examples,)`.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)


def check_labels(info, place, labels):
    """Raises a `UserError` if labels lie outside of a data set's classes.

    Args:
        info: `DatasetInfo`.
        place: Where they come from, for the message.
        labels: Integer array.
    """
    low, high = labels.min(), labels.max()
    if low < 0 or high >= info.classes:
        raise UserError(
            f"Labels of {info.name} in {place} do not fit. Expected 0 to "
            f"{info.classes - 1}. Received: {low} to {high}"
        )
