"""Trained networks that come with the package: `preset:NAME`.

Each folder here is a run directory without checkpoints: flags.txt says what the
network is, model.keras holds its weights in half precision, card.json is its
`Card`. `tools/make_preset.py` writes them. Wherever a path of a network or of a
run is asked for, `preset:NAME` stands for its folder. Imports nothing heavy.
"""

import dataclasses
import json
import os
import pathlib

from dlgn_tf.errors import UserError
from dlgn_tf.output import run_names

PREFIX = "preset:"
CARD = "card.json"
ROOT = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Card:
    """What there is to know of a preset before it is used.

    Attributes:
        model: String, ARCHITECTURE_FAMILY.
        data: String, of which examples it has learned, and how many.
        recipe: String, how it was trained.
        parameters: Integer.
        test_accuracy: Number from 0 to 1, of the weights as they lie here.
        test_examples: Integer, over how many test examples.
        trained_with: String, commit of the package that trained it.
        sha256: String, of model.keras.
        uses: String, what it may be used for, and what not.
    """

    model: str
    data: str
    recipe: str
    parameters: int
    test_accuracy: float
    test_examples: int
    trained_with: str
    sha256: str
    uses: str


def names() -> list[str]:
    """Names of all presets, in alphabetical order."""
    found = ROOT.glob(f"*/{run_names.FLAGS}")
    return sorted(path.parent.name for path in found)


def is_one(text: str | os.PathLike) -> bool:
    """Whether a path stands for a preset."""
    return os.fspath(text).startswith(PREFIX)


def resolved(path: str | os.PathLike) -> str | os.PathLike:
    """A path; of `preset:NAME` that of its folder.

    Raises:
        UserError: if there is no such preset.
    """
    if not is_one(path):
        return path
    name = os.fspath(path).removeprefix(PREFIX)
    if name not in names():
        raise UserError(
            f"Expected a preset, one of {', '.join(names())}. Received: {path}"
        )
    return str(ROOT / name)


def holds(path: str | os.PathLike) -> bool:
    """Whether a path lies in the folder of a preset."""
    folder = pathlib.Path(os.path.realpath(ROOT))
    return folder in pathlib.Path(os.path.realpath(path)).parents


def card(name: str) -> Card:
    """The `Card` of a preset."""
    return Card(**json.loads((ROOT / name / CARD).read_text("utf-8")))


def told() -> str:
    """All presets as a table of text."""
    lines = [f"{'preset':<36} {'parameters':>11} {'accuracy':>9}  trained on"]
    for name in names():
        known = card(name)
        lines.append(
            f"{PREFIX + name:<36} {known.parameters:>11,} "
            f"{known.test_accuracy:>9.2%}  {known.data}"
        )
    lines.append(
        f"\nAccuracies are over all test examples; {CARD} in {ROOT}/NAME says "
        "more."
    )
    return "\n".join(lines)
