"""The flags that say how data of one's own are read. Imports nothing heavy."""

import dataclasses
import functools
import re
from typing import Any

from dlgn_tf import choices
from dlgn_tf.command import fields
from dlgn_tf.errors import UserError

_flag = functools.partial(fields.flag, group="images")
_LARGEST = 4096


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a folder, an .npz, a table or a set of TFDS is read.

    None stands for the default, which the help of the flag says.
    """

    label: str | None = _flag(
        None, "Column of a table that holds the classes, or numbers."
    )
    regression: bool | None = _flag(
        None,
        "Labels are numbers to be predicted, and not classes: of a table, an "
        ".npz or arrays.",
    )
    test_share: float | None = _flag(
        None,
        "Share of each class that becomes test images where data of your own "
        "are not split. Default: 0.2.",
        positive=True,
        most=1.0,
    )
    split_seed: int | None = _flag(
        None, "Which ones these are follows from it. Default: 0.", least=0
    )
    image_size: str | None = _flag(
        None,
        "HEIGHTxWIDTH, or one number for both, that images of a folder or of "
        "TFDS are brought to. Default: their own, which must be the same.",
    )
    resize: str | None = _flag(
        None,
        "How: crop, to the shorter side and then the centre, or stretch. "
        "Default: crop.",
        choices=choices.RESIZINGS,
    )
    channels: int | None = _flag(
        None,
        "Of images of a folder or of TFDS: 1 (grey), 3 (colour) or 4 (with "
        "transparency). Default: 1 where all are grey, else 3.",
        least=1,
        most=4,
    )
    missing: str | None = _flag(
        None,
        "Rows of a table that have gaps: refuse them, drop them, or fill in "
        "the mean of the column (of words, a category of its own). Default: "
        "refuse.",
        choices=choices.MISSING,
    )
    skip_damaged: bool | None = _flag(
        None,
        "Leave out files that are no images or are cut off, and say how many.",
    )
    cache_gib: float | None = _flag(
        None,
        "Images of your own that take more than this once decoded, with the "
        "copies that augmentation needs, stay files and are decoded when "
        "drawn; so much of them is kept. Default: 1.",
        least=0.0,
    )

    @classmethod
    def of(cls, *given: Any) -> "Reading":
        """What objects with such attributes say, the first that does.

        Args:
            *given: `Config`s, commands, or others.
        """
        said: dict = {}
        for each in reversed(given):
            values = {
                name: getattr(each, name, None) for name in fields.of(cls)
            }
            said |= {k: v for k, v in values.items() if v is not None}
        return cls(**said)

    def only(self, used: tuple[str, ...]) -> "Reading":
        """What of it those flags say."""
        values = dataclasses.asdict(self)
        return Reading(**{k: values[k] for k in used})

    def check(self, used: tuple[str, ...], what: str) -> None:
        """Raises a `UserError` if a flag has no effect or cannot be.

        Args:
            used: Names of the flags that have one.
            what: String, such as `"with --dataset=npz"`.
        """
        values = dataclasses.asdict(self)
        fields.refuse_given(
            {k: v for k, v in values.items() if k not in used}, what
        )
        self.size  # noqa: B018
        if self.channels == 2:
            fields.refuse("channels", "1, 3 or 4", 2)

    @property
    def size(self) -> tuple[int, int] | None:
        """`(height, width)` that images are brought to, or None.

        Raises:
            UserError: if `image_size` is something else.
        """
        if self.image_size is None:
            return None
        match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", str(self.image_size))
        sides = [int(x) for x in match.groups() if x] if match else [0]
        if not all(1 <= side <= _LARGEST for side in sides):
            raise UserError(
                "Invalid --image_size. Expected HEIGHTxWIDTH or one number, "
                f"each from 1 to {_LARGEST}. Received: {self.image_size}"
            )
        return sides[0], sides[-1]

    @property
    def share(self) -> float:
        return 0.2 if self.test_share is None else self.test_share

    @property
    def cache_bytes(self) -> float:
        return 2**30 * (1.0 if self.cache_gib is None else self.cache_gib)


NAMES = tuple(fields.of(Reading))
# They may change within a run.
PASSING = ("cache_gib", "skip_damaged")
OF_SPLIT = ("test_share", "split_seed")
OF_ARRAYS = (*OF_SPLIT, "regression")
OF_FILES = ("image_size", "resize", "channels", "skip_damaged", "cache_gib")
OF_TABLES = ("label", "missing")
