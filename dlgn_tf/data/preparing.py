"""From stored examples to numbered labels and measured images."""

import dataclasses
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.data import encoded, tables
from dlgn_tf.data import labels as labelled
from dlgn_tf.data.images import ImageSet, first_of
from dlgn_tf.data.info import DatasetInfo
from dlgn_tf.data.stored import Split, Stored
from dlgn_tf.errors import UserError

# Numbers that are summed at once.
_CHUNK = 2**22
_LARGEST_SIDE = 2**20
# Standard deviations between means of data of one kind.
_FAR = 10


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Data that are ready for training.

    Attributes:
        info: `DatasetInfo`.
        train: `ImageSet`; its images are an array, or `EncodedImages` that
            are decoded when drawn.
        test: The same.
    """

    info: DatasetInfo
    train: ImageSet
    test: ImageSet

    def sets(self, wanted: dict) -> tuple[ImageSet, ImageSet]:
        """The first images of each split, see `OwnData.load`."""
        return first_of(self.info, wanted, self.train, self.test)


def prepare(stored: Stored, own: Any) -> Prepared:
    """Checks and measures stored examples.

    Args:
        stored: What was read.
        own: `OwnData` that it was read of.

    Returns:
        `Prepared`.

    Raises:
        UserError: if they are no images or vectors with labels, or do not fit
            `own.info`.
    """
    regression = bool(own.how.regression)
    train, columns = _plain(stored.train, regression)
    names = None if regression else _names(stored, own, columns, train)
    # Of one alone all are test images.
    splits, of_splits = [train], [columns, columns]
    if stored.test:
        test, of_splits[1] = _plain(stored.test, regression)
        splits.append(test)
    elif not own.whole:
        splits = _divided(train, own.how)
    splits, of_table = _of_table(splits, own.info)
    sets = []
    for split, of_split in zip(_images(splits, own), of_splits, strict=False):
        numbers = split.labels
        if names:
            called = _called(stored, own, names, of_split, split.place)
            numbers = labelled.numbered(numbers, names, split.place, called)
        sets.append(ImageSet(split.images, numbers))
    info = own.info or _measured(own, train.place, sets, names)
    info = dataclasses.replace(info, columns=of_table)
    if own.info:
        _check_fits(sets, info, train.place)
        _note_scale(sets[-1], info, train.place)
    now = {
        "train_examples": len(sets[0]),
        "test_examples": len(sets[-1]),
        "checksums": (sets[0].checksum, sets[-1].checksum),
    }
    if info.checksums not in ((), now["checksums"]):
        print(f"{train.place} holds other examples than when it was measured")
    return Prepared(dataclasses.replace(info, **now), sets[0], sets[-1])


def _names(stored, own, names, train):
    """Names of all classes, checked."""
    if own.info:
        return own.info.names
    present = labelled.names_of(train.labels)
    names = stored.names or names or present
    for each in (names, present):
        labelled.check_count(each, train.place)
    if len(set(names)) < len(names) or not "".join(names).isprintable():
        raise UserError(
            f"Expected printable names of classes that differ in {train.place}."
            f" Received: {', '.join(map(ascii, names))[:160]}"
        )
    return names


def _called(stored, own, names, columns, place):
    """What the integers 0, 1, ... of a split's labels are called, or None.

    None if they are names themselves.
    """
    called, info = stored.names, own.info
    if info and not info.class_names:
        # Numbers are all that is known of these classes.
        called = names
    elif not called and (
        # Other data may number classes that were words.
        columns or (info and not any(map(labelled.is_integer, names)))
    ):
        called = names
    if columns and len(columns) != len(called):
        raise UserError(
            f"Expected one-hot labels of {len(called)} classes in {place}. "
            f"Received: {len(columns)} columns"
        )
    return called


def _plain(split, regression):
    """A split with plain labels, as many as images; and known names."""
    if regression:
        labels, names = labelled.numbers(split.labels, split.place), None
    else:
        labels, names = labelled.plain(split.labels, split.place)
    images = split.images
    if not isinstance(images, (encoded.Files, tables.Rows)):
        images = as_images(images, split.place)
    if len(images) != len(labels) or not len(labels):
        raise UserError(
            f"Expected as many labels as examples in {split.place}, at least "
            f"one. Received: {len(images)} examples and {len(labels)} labels"
        )
    return Split(images, labels, split.place), names


def as_images(values: Any, place: str) -> Array:
    """Arrays of images or vectors, as images.

    Args:
        values: Array-like `(n, height, width, channels)`, `(n, height, width)`
            of grey images, or `(n, entries)` of vectors.
        place: Where they are from, for messages.

    Returns:
        Array `(n, height, width, channels)`: uint8 where all are whole numbers
        from 0 to 255 of an integer type, else float32.

    Raises:
        UserError: if they are no such array, or not finite.
    """
    try:
        values = labelled.refuse_gaps(values, place)
    except ValueError:
        values = np.empty(0, object)
    if values.dtype.kind not in "iubf" or values.ndim not in (2, 3, 4):
        raise UserError(
            "Expected numbers of shape (n, height, width, channels), (n, "
            f"height, width) or (n, entries) in {place}. Received: "
            f"{values.dtype} of shape {values.shape}"
        )
    if values.ndim == 2:
        values = values[:, None, None, :]
    elif values.ndim == 3:
        values = values[..., None]
    if 0 in values.shape[1:] or max(values.shape[1:]) > _LARGEST_SIDE:
        raise UserError(
            f"Expected images of at least one pixel in {place}. Received: "
            f"shape {values.shape}"
        )
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind in "iub" and len(values):
        if 0 <= int(values.min()) and int(values.max()) <= 255:
            return values.astype(np.uint8)
    with np.errstate(over="ignore"):
        single = np.asarray(values, np.float32)
    for row in range(0, len(single), 1024):
        finite = np.isfinite(single[row : row + 1024]).all(axis=(1, 2, 3))
        if not finite.all():
            bad = row + int(np.argmin(finite))
            raise UserError(
                f"Expected finite numbers in {place}. Received: others in row "
                f"{bad + 1}"
            )
    return single


def _divided(split, how):
    """Training and test examples, each class in proportion, shuffled."""
    if how.share == 1:
        raise UserError(
            "Expected --test_share below 1, or nothing is left to train on. "
            "Received: 1"
        )
    generator = np.random.default_rng(how.split_seed or 0)
    parts = [], []
    # Numbers are of one class.
    classes = np.zeros(len(split.labels), int)
    if split.labels.ndim == 1:
        _, classes = np.unique(split.labels, return_inverse=True)
    is_shuffled = getattr(split.images, "shuffled", False)
    order = np.arange(len(classes))
    if not is_shuffled:
        order = generator.permutation(order)
    order = order[np.argsort(classes[order], kind="stable")]
    ends = np.cumsum(np.bincount(classes))
    for members in np.split(order, ends[:-1]):
        # An image that is alone in its class is trained on.
        count = min(max(round(how.share * len(members)), 1), len(members) - 1)
        parts[0].append(members[count:])
        parts[1].append(members[:count])
    shuffled = np.sort if is_shuffled else generator.permutation
    train, test = (shuffled(np.concatenate(x)) for x in parts)
    if not len(test):
        raise UserError(
            "Expected two examples of a class at least, one to train on and "
            f"one to test, in {split.place}. Received: one of each"
        )
    return [
        Split(split.images[x], split.labels[x], split.place)
        for x in (train, test)
    ]


def _of_table(splits, info):
    """The splits with rows as vectors, and what was learned of the columns."""
    rows = splits[0].images
    if not isinstance(rows, tables.Rows):
        return splits, ()
    # Of the training rows alone; the others are not to be known.
    columns = (
        [tables.Column(*x) for x in info.columns] if info else rows.learned()
    )
    splits = [
        x._replace(images=as_images(tables.vectors(x.images, columns), x.place))
        for x in splits
    ]
    return splits, tuple(map(tuple, columns))


def _images(splits, own):
    """The splits with images of one shape and type."""
    if any(isinstance(x.images, encoded.Files) for x in splits):
        return encoded.decoded(splits, own)
    train, test = splits[0].images, splits[-1].images
    if train.shape[1:] != test.shape[1:]:
        raise UserError(
            "Expected test images of the shape of the training images, "
            f"{train.shape[1:]}. Received: {test.shape[1:]}"
        )
    of_float = (
        own.info.dtype == "float32"
        if own.info
        else ("float32" in (train.dtype, test.dtype))
    )
    if of_float:
        splits = [
            x._replace(images=x.images.astype(np.float32, copy=False))
            for x in splits
        ]
    return splits


def _check_fits(sets, info, place):
    for each in sets:
        targets = each.labels.shape[1:]
        if targets not in ((), (info.classes,)):
            raise UserError(
                f"Expected {info.classes} targets, as the network was trained "
                f"on, in {place}. Received: {targets[0]}"
            )
        found = each.images.shape[1:], str(each.images.dtype)
        if found != (info.image_shape, info.dtype):
            raise UserError(
                f"Expected {info.dtype} examples of shape {info.image_shape}, "
                f"as the network was trained on, in {place}. Received: "
                f"{found[1]} of shape {found[0]}"
            )


def _note_scale(image_set, info, place):
    """Says it where examples lie far from all that were trained on.

    As pixels in [0, 255] do where those of training were in [0, 1].
    """
    if info.dtype == "uint8":
        return
    mean, std = np.array(info.mean), np.array(info.std)
    found, _ = moments(image_set.images)
    far = np.abs(found - mean) > _FAR * std
    if far.any():
        channel = np.argmax(far)
        print(
            f"{place} holds numbers about {255 * found[channel]:.3g}. The "
            f"network was trained on some about {255 * mean[channel]:.3g}, "
            f"with a standard deviation of {255 * std[channel]:.3g}"
        )


def _measured(own, place, sets, names):
    images = sets[0].images
    shape = tuple(int(x) for x in images.shape[1:])
    mean, std = moments(images)
    targets = {}
    what = f"{len(names or ())} classes"
    if names is None:
        numbers = sets[0].labels.astype(np.float64)
        what = f"{numbers.shape[1]} target{'s' * (numbers.shape[1] > 1)}"
        targets["target_mean"] = tuple(numbers.mean(axis=0).tolist())
        # What is constant keeps its unit.
        spread = np.where(np.ptp(numbers, axis=0) > 0, numbers.std(axis=0), 1.0)
        targets["target_std"] = tuple(spread.tolist())
    height, width, channels = shape
    kind = {1: "grey images", 3: "colour images"}.get(channels, "images")
    seen = f"{height}x{width} {kind}"
    if height == width == 1:
        seen = f"vectors of {channels}"
    return DatasetInfo(
        name=own.name,
        description=f"{place}: {seen}, {what}",
        classes=sets[0].labels.shape[1] if names is None else len(names),
        image_shape=shape,
        mean=tuple(mean),
        std=tuple(std),
        source="own",
        class_names=names and tuple(names),
        dtype=str(images.dtype),
        **targets,
    )


def moments(images: Any) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, divided by 255.

    Args:
        images: Array `(n, height, width, channels)`, or `EncodedImages` that
            have measured themselves.

    Returns:
        Two lists of floats; 1 for the standard deviation of what is constant.
    """
    if isinstance(images, encoded.EncodedImages):
        count, sums, squares, shift = images.sums
    else:
        shift = images[0].reshape(-1, images.shape[-1])[0].astype(np.float64)
        step = max(_CHUNK // max(images[0].size, 1), 1)
        chunks = [
            encoded.sums_of(images[first : first + step], shift)
            for first in range(0, len(images), step)
        ]
        count, sums, squares = (sum(x) for x in zip(*chunks, strict=True))
    mean = sums / count
    variance = np.maximum(squares / count - mean**2, 0)
    # What is left of a constant is rounding of float32.
    constant = variance <= (1e-7 * (shift + mean)) ** 2
    std = np.where(constant, 1.0, np.sqrt(variance))
    return ((shift + mean) / 255).tolist(), (std / 255).tolist()
