"""What a reader of data of one's own gives. Imports nothing heavy."""

import typing


class Split(typing.NamedTuple):
    """Examples as they are stored.

    Attributes:
        images: Array-like, `dlgn_tf.data.encoded.Files`, or
            `dlgn_tf.data.tables.Rows`.
        labels: Array-like of as many labels.
        place: String, where they are from, for messages.
    """

    images: typing.Any
    labels: typing.Any
    place: str


class Stored(typing.NamedTuple):
    """What a reader gives.

    Attributes:
        train: `Split`.
        test: `Split`, or None where the examples are not split.
        names: Of the classes 0, 1, ..., where integer labels have some.
    """

    train: Split
    test: Split | None = None
    names: tuple[str, ...] | None = None
