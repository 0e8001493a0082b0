"""Data that come with scikit-learn: its digits, and its small tables."""

from typing import Any

import numpy as np

from dlgn_tf.data.images import ImageSet, first_of, labels_of
from dlgn_tf.data.stored import Split, Stored
from dlgn_tf.errors import UserError


def read(info, wanted):
    """Reads the digits, split once and for all.

    Args:
        info: `DatasetInfo` whose source is `"sklearn:digits"`.
        wanted: Dict from `"train"` and `"test"` to how many of the first images
            are read, None for all.

    Returns:
        `(ImageSet, ImageSet)`: training and test images.

    Raises:
        UserError: if the entry is one of other images, or there are fewer.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    if info.source != "sklearn:digits" or info.image_shape != (8, 8, 1):
        raise UserError(
            "Expected an entry of the catalogue with source sklearn:digits and "
            f"images (8, 8, 1). Received: {info.name}, {info.source} and "
            f"{info.image_shape}"
        )
    digits = load_digits()
    # Stored as 0 to 16.
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = labels_of(info, "scikit-learn", digits.target)
    train, test, train_labels, test_labels = train_test_split(
        images,
        labels,
        test_size=info.test_examples,
        stratify=labels,
        random_state=0,
    )
    return first_of(
        info,
        wanted,
        ImageSet(train, train_labels),
        ImageSet(test, test_labels),
    )


_VECTORS = ("breast_cancer", "digits", "iris", "wine")
_NUMBERS = ("diabetes",)


def read_any(own: Any) -> Stored:
    """Reads the vectors of `sklearn:NAME`, such as `sklearn:iris`.

    Raises:
        UserError: if scikit-learn has no classes to learn by that name.
    """
    from sklearn import datasets

    known = _NUMBERS if own.how.regression else _VECTORS
    if own.own_name not in known:
        raise UserError(
            f"Expected sklearn: with one of {', '.join(_VECTORS)}, or "
            f"{', '.join(_NUMBERS)} with --regression. Received: "
            f"--dataset={own.name}{' --regression' * (known is _NUMBERS)}"
        )
    data = getattr(datasets, f"load_{own.own_name}")()
    names = None
    if known is _VECTORS:
        names = tuple(map(str, data.target_names))
    return Stored(Split(data.data, data.target, own.name), names=names)
