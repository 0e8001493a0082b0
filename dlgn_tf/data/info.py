"""What is known of a data set before its images are read. Nothing heavy."""

import dataclasses
from typing import Any

from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """An entry of the catalogue, or what was measured of data of one's own.

    Attributes:
        name: String.
        description: One line.
        classes: Integer; labels lie in `[0, classes)`. Of a regression the
            number of targets.
        image_shape: `(height, width, channels)`; a vector is an image of one
            pixel, a channel per entry.
        mean: Floats on the [0, 1] scale of pixels, one per channel.
        std: Floats > 0 on the same scale, one per channel.
        augmentation: Policy of `dlgn_tf.data.augmentation` that keeps the
            classes apart; what training uses unless told otherwise.
        source: Where its images are read from unless --npz is given:
            `"sklearn:digits"`, `"tfds:NAME"` of TensorFlow Datasets,
            `"drawn:NAME"` of `dlgn_tf.data.oblique_trees`, or `"npz"`, which
            means from --npz alone; `"own"` of measured data.
        train_examples: Images in the training split, as far as is known
            before they are at hand; see `catalog.examples`.
        test_examples: The same of the test split.
        class_names: Strings, one per class, or None where none are known.
        dtype: Of the stored images: `"uint8"`, or `"float32"` on whatever
            scale; `mean` and `std` then are of that scale divided by 255.
        columns: Of a table, `dlgn_tf.data.tables.Column`s as tuples.
        checksums: `ImageSet.checksum` of training and of test images, or empty.
        target_mean: Floats, of each target of a regression; empty of classes.
        target_std: Floats > 0, the same.
    """

    name: str
    description: str
    classes: int
    image_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: str = "none"
    source: str = "npz"
    train_examples: int | None = None
    test_examples: int | None = None
    class_names: tuple[str, ...] | None = None
    dtype: str = "uint8"
    columns: tuple = ()
    checksums: tuple[str, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_std: tuple[float, ...] = ()

    @property
    def reader(self) -> str:
        """What reads its images: the part of `source` before the colon."""
        return self.source.partition(":")[0]

    @property
    def tfds_name(self) -> str | None:
        """Name in TensorFlow Datasets, or None."""
        reader, _, name = self.source.partition(":")
        return name if reader == "tfds" else None

    @property
    def names(self) -> tuple[str, ...]:
        """Of each class its name, or else its number, as strings."""
        return self.class_names or tuple(map(str, range(self.classes)))

    @property
    def is_regression(self) -> bool:
        """Whether labels are numbers and not classes."""
        return bool(self.target_std)

    @property
    def is_own(self) -> bool:
        """Whether it was measured, and is not one of the catalogue."""
        return self.source == "own"

    def as_dict(self) -> dict:
        """What `of_dict` makes this of again, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def of_dict(cls, values: Any, place: Any) -> "DatasetInfo":
        """What `as_dict` gave, checked.

        Args:
            values: What was read there.
            place: Where, for the message.

        Raises:
            UserError: if it is anything else.
        """
        try:
            info = cls(**{k: _frozen(v) for k, v in values.items()})
            info._check()
            fits = True
        except (AttributeError, TypeError, IndexError, ValueError):
            fits = False
        if not fits:
            raise UserError(
                "Expected what dlgn_tf.train has measured of the data in "
                f"{place}. Received: something else; mend or delete it"
            )
        return info

    def _check(self):
        """Raises a `ValueError`, or another, unless each field can be."""
        whole = (self.classes, *self.image_shape)
        counts = (self.train_examples, self.test_examples)
        words = (self.name, self.description, self.augmentation, self.source)
        names = self.class_names
        columns = [(name, *(among or ())) for name, among, _ in self.columns]
        words += sum(columns, (*(names or ()), *self.checksums))
        if not (
            all(type(x) is int and 1 <= x < 2**31 for x in whole)
            and all(x is None or type(x) is int and x >= 0 for x in counts)
            and all(type(x) is str and x.isprintable() for x in words)
            and len(self.image_shape) == 3
            and len(self.mean) == len(self.std) == self.image_shape[2]
            and len(self.target_mean) == len(self.target_std)
            and len(self.target_std) in (0, self.classes)
            and all(
                abs(x) < float("inf") for x in (*self.mean, *self.target_mean)
            )
            and all(0 < x < float("inf") for x in (*self.std, *self.target_std))
            and all(abs(fill) < float("inf") for _, _, fill in self.columns)
            and self.dtype in ("uint8", "float32")
            and (names is None or len({*names}) == len(names) == self.classes)
        ):
            raise ValueError


def _frozen(value):
    """Lists of JSON as tuples, those inside too."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
