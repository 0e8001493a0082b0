"""Data of one's own from Python: arrays, folders, tables, TFDS, data sets."""

import dataclasses
import os
from typing import Any

import numpy as np

from dlgn_tf.command import fields
from dlgn_tf.data import own, preparing
from dlgn_tf.data.images import ImageSet
from dlgn_tf.data.info import DatasetInfo
from dlgn_tf.data.reading import Reading
from dlgn_tf.data.stored import Split, Stored
from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """What a network is trained and tested on; `dlgn_tf.fit` takes it.

    Attributes:
        info: `DatasetInfo`: shape, classes and their names, mean and standard
            deviation.
        train: `ImageSet`.
        test: `ImageSet`.
        source: `dlgn_tf.data.own.OwnData`, where they come from.
    """

    info: DatasetInfo
    train: ImageSet
    test: ImageSet
    source: own.OwnData

    def first(self, train_examples: int) -> tuple[ImageSet, ImageSet]:
        """The first so many training examples, and all test examples."""
        prepared = preparing.Prepared(self.info, self.train, self.test)
        return prepared.sets({"train": train_examples, "test": None})

    def __repr__(self) -> str:
        return (
            f"Data({self.info.description}; {len(self.train):,} training and "
            f"{len(self.test):,} test examples)"
        )


def from_arrays(
    x: Any,
    y: Any,
    x_test: Any = None,
    y_test: Any = None,
    *,
    class_names: Any = None,
    regression: bool = False,
    test_share: float | None = None,
    split_seed: int | None = None,
) -> Data:
    """Data of arrays.

    Example:

    >>> data = dlgn_tf.data.from_arrays(x, y)  # 80 % to train on
    >>> model, history = dlgn_tf.fit("c4gap_dlgn", data, epochs=5)

    Args:
        x: Array `(n, height, width, channels)` of images, `(n, height, width)`
            of grey ones or `(n, entries)` of vectors; uint8, or floats on any
            scale.
        y: n labels: integers from any start, strings, `(n, 1)` or one-hot.
        x_test: As `x`, or None: some of `x` become test examples.
        y_test: As `y`, with `x_test`.
        class_names: Strings, of the labels 0, 1, ...
        regression: Boolean. Whether labels are numbers to be predicted, `(n,)`
            or `(n, targets)`.
        test_share: Float in (0, 1), share of each class that becomes test
            examples. Defaults to `0.2`.
        split_seed: Integer, which ones these are. Defaults to `0`.

    Raises:
        UserError: if they are no such arrays or do not fit each other.
    """
    if (x_test is None) != (y_test is None):
        raise UserError("Expected x_test with y_test. Received: one of them")
    if regression and class_names is not None:
        raise UserError(
            "Expected class_names of classes, without regression=True. "
            "Received: both"
        )
    given = {"test_share": test_share, "split_seed": split_seed}
    if x_test is not None and any(x is not None for x in given.values()):
        raise UserError(
            "Expected test_share and split_seed without x_test. Received: both"
        )
    given["regression"] = regression or None
    how = fields.of_values(Reading, given)
    test = None if x_test is None else Split(x_test, y_test, "x_test, y_test")
    names = None
    if class_names is not None:
        names = tuple(map(str, _listed(class_names, "class_names")))
    stored = Stored(Split(x, y, "x, y"), test, names)
    return _of(own.OwnData(own.ARRAYS, how=how), stored)


def _listed(values, name):
    """What can be gone through, as it is."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise UserError(
            f"Expected {name} one after the other. Received: "
            f"{type(values).__name__} {values!r:.40}"
        )
    return values


def from_folder(path: str | os.PathLike, **how: Any) -> Data:
    """Data of a folder of images, as `--dataset=folder --data_dir=PATH`.

    Args:
        path: Path-like.
        **how: Fields of `dlgn_tf.data.reading.Reading`, such as
            `image_size="64x48"`.

    Raises:
        UserError: as the command.
    """
    return _read("folder", path, how)


def from_table(path: str | os.PathLike, label: str, **how: Any) -> Data:
    """Data of a CSV or Parquet table, as `--dataset=table --data_dir=PATH`.

    Args:
        path: Path-like.
        label: String, the column of the classes.
        **how: Options of `--dataset=table`, such as `missing="fill"`.

    Raises:
        UserError: as the command.
    """
    return _read("table", path, {"label": label, **how})


def from_tfds(
    name: str,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    **how: Any,
) -> Data:
    """Data of TensorFlow Datasets, as `--dataset=tfds:NAME`.

    Args:
        name: String, NAME or NAME/CONFIG.
        data_dir: Path-like, where it is prepared. Defaults to
            "~/tensorflow_datasets".
        download: Boolean, whether TFDS may download it.
        **how: See `from_folder`.

    Raises:
        UserError: as the command.
    """
    return _read(f"tfds:{name}", data_dir, how, download)


def from_dataset(train: Any, test: Any = None, **how: Any) -> Data:
    """Data of a `tf.data.Dataset` or a `keras.utils.PyDataset`, read once.

    Args:
        train: Of pairs of examples and labels, in batches or one by one.
        test: The same, or None: some of `train` become test examples.
        **how: Further arguments of `from_arrays`.

    Raises:
        UserError: if it has no end, or gives anything but pairs.
    """
    given = _arrays_of(train)
    return from_arrays(
        *given, *([] if test is None else _arrays_of(test)), **how
    )


def _arrays_of(dataset):
    """All examples and labels of a data set, as two arrays."""
    if hasattr(dataset, "as_numpy_iterator"):
        # TensorFlow's cardinality of what has no end.
        endless = int(dataset.cardinality()) == -1
        pairs = () if endless else dataset.as_numpy_iterator()
        batched = _is_batched(dataset.element_spec)
    elif hasattr(dataset, "num_batches"):
        endless = dataset.num_batches is None
        pairs = (dataset[k] for k in range(dataset.num_batches or 0))
        batched = True
    else:
        endless, pairs = False, _listed(dataset, "pairs of a data set")
        batched = False
    if endless:
        raise UserError(
            "Expected a data set that ends. Received: one without end"
        )
    examples, labels = [], []
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise UserError(
                "Expected pairs of examples and labels in the data set. "
                f"Received: {type(pair).__name__}"
            )
        for values, part in zip((examples, labels), pair, strict=True):
            values.append(np.asarray(part))
    if not examples:
        raise UserError("Expected a data set of examples. Received: none")
    batched = batched or _are_batches(examples, labels)
    join = np.concatenate if batched else np.stack
    try:
        return join(examples), join(labels)
    except ValueError as error:
        shapes = sorted({str(x.shape) for x in examples})[:3]
        raise UserError(
            "Expected examples of one shape in the data set. Received: "
            f"{' and '.join(shapes)}"
        ) from error


def _is_batched(spec):
    """Whether TensorFlow says that labels come in batches of any size."""
    try:
        return spec[1].shape[0] is None
    except (TypeError, KeyError, IndexError, AttributeError, ValueError):
        return False


def _are_batches(examples, labels):
    """Whether labels have an axis of their batch, as examples have."""
    for example, label in zip(examples, labels, strict=True):
        if not (example.ndim and label.ndim) or len(example) != len(label):
            return False
    if labels[0].ndim > 1 or len(labels) == 1:
        return True
    # Or each is one-hot, of as many classes as its example is long.
    return not all(
        np.sort(x).tolist() == [0] * (len(x) - 1) + [1] for x in labels
    )


def _read(name, path, how, download=False):
    unknown = sorted(set(how) - set(Reading.__dataclass_fields__))
    if unknown:
        raise UserError(
            f"Expected one of {', '.join(Reading.__dataclass_fields__)}. "
            f"Received: {', '.join(unknown)}"
        )
    path = path and os.path.abspath(os.path.expanduser(path))
    reading = fields.of_values(Reading, how)
    source = own.OwnData(name, path, reading, download=download)
    return _of(source, source.stored())


def _of(source, stored):
    prepared = preparing.prepare(stored, source)
    source = dataclasses.replace(source, info=prepared.info)
    return Data(prepared.info, prepared.train, prepared.test, source)
