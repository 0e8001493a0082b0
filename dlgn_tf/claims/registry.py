"""What the papers claim and how each claim is measured.

Imports nothing heavier than NumPy. A file of claims registers its own by being
imported; it imports Keras only inside the functions that measure.
"""

import dataclasses
import difflib
import enum
import re
from collections.abc import Callable

import numpy as np

from dlgn_tf.errors import UserError

# From quick to slow.
SCALES = ("seconds", "minutes", "accelerator")

_ID = re.compile(r"[a-z]+\.[1-9][0-9]*")


class Verdict(enum.StrEnum):
    """What became of a claim, in words for people and for files."""

    HOLDS = "holds"
    FAILS = "does not hold"
    # It was measured, and what was found tells for neither of the two.
    UNDECIDED = "not decided"
    # What it is measured on is not there.
    NOT_MEASURED = "not measured"


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a claim's function found.

    Attributes:
        holds: Boolean. Whether the measured agrees with the expected. None
            where it decides neither that it does nor that it does not, and
            where nothing was measured.
        measured: One line for people: the figures that decide, and on what
            they were measured.
        values: Dict of everything measured, for scripts: numbers, strings,
            arrays, lists and dicts of them.
        was_measured: Boolean. False where what it is measured on is not
            there; claims raise `NotMeasured` for that.
    """

    holds: bool | None
    measured: str
    values: dict = dataclasses.field(default_factory=dict)
    was_measured: bool = True

    @property
    def verdict(self):
        """A `Verdict`."""
        if not self.was_measured:
            return Verdict.NOT_MEASURED
        if self.holds is None:
            return Verdict.UNDECIDED
        return Verdict.HOLDS if self.holds else Verdict.FAILS


class NotMeasured(Exception):
    """What a claim is measured on is not there; its text says what."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a paper with the function that measures it.

    Attributes:
        id: String, `PAPER.NUMBER`; the number is that of the paper's list of
            claims.
        scale: One of `SCALES`: what a run takes.
        statement: One sentence.
        expected: One line: what must be measured for the statement to hold,
            tolerance included.
        measure: Function from a `numpy.random.Generator` to a `Measurement`,
            or one that raises `NotMeasured`.
        reads_results: Whether that function takes, as its second argument, the
            folder of results that other commands have left.
        reads_data: Whether it takes, as its last argument, the folder of
            prepared TFDS data sets, or None without one.
    """

    id: str
    scale: str
    statement: str
    expected: str
    measure: Callable
    reads_results: bool = False
    reads_data: bool = False

    @property
    def paper(self):
        return self.id.partition(".")[0]

    @property
    def number(self):
        return int(self.id.partition(".")[2])

    def generator(self, seed):
        """The claim's own random numbers, whatever ran before it."""
        return np.random.default_rng([seed, *self.id.encode()])


_CLAIMS = {}


def claim(
    claim_id,
    *,
    scale,
    statement,
    expected,
    reads_results=False,
    reads_data=False,
):
    """Registers the function it decorates as the measurement of a claim.

    Example:

    >>> @claim("dlgn.3", scale="seconds", statement="A DGN with tied weights "
    ...        "and hard gates computes the ReLU network.",
    ...        expected="max |difference| <= 1e-5")
    ... def tied_gates_equal_relu(rng):
    ...     return Measurement(holds=True, measured="2e-7, fc of width 16")

    Args:
        claim_id: String, see `Claim`, as for the others.
        scale: String.
        statement: String.
        expected: String.
        reads_results: Boolean.
        reads_data: Boolean.

    Returns:
        A decorator that returns the function unchanged.

    Raises:
        ValueError: if the id is taken or malformed, or there is no such scale.
    """
    if not _ID.fullmatch(claim_id):
        raise ValueError(
            "Invalid id of a claim. Expected PAPER.NUMBER, such as dlgn.3. "
            f"Received: {claim_id!r}"
        )
    if scale not in SCALES:
        raise ValueError(
            f"Invalid scale of claim {claim_id}. Expected one of {SCALES}. "
            f"Received: scale={scale!r}"
        )

    def register(measure):
        if claim_id in _CLAIMS:
            raise ValueError(
                f"Expected a new id for each claim. Received: {claim_id!r}, "
                f"taken by {_CLAIMS[claim_id].measure.__qualname__}"
            )
        _CLAIMS[claim_id] = Claim(
            claim_id,
            scale,
            statement,
            expected,
            measure,
            reads_results,
            reads_data,
        )
        return measure

    return register


def claims(paper=None):
    """All registered claims, or those of a paper, by paper and number.

    Raises:
        UserError: if the paper has no claims; its text names the nearest.
    """
    ordered = sorted(_CLAIMS.values(), key=lambda c: (c.paper, c.number))
    if paper is None:
        return ordered
    papers = list(dict.fromkeys(c.paper for c in ordered))
    if paper not in papers:
        raise UserError(
            f"Unknown paper. Expected one of {', '.join(papers)}. "
            f"{_nearest(paper, papers)}Received: paper={paper}"
        )
    return [c for c in ordered if c.paper == paper]


def select(paper=None, only=(), scale="seconds"):
    """The claims that a run measures, by paper and number.

    Args:
        paper: String, or None for every paper.
        only: Ids. If there are any, all other claims are left out.
        scale: One of `SCALES`; claims of quicker scales are taken too.

    Returns:
        List of `Claim`, not empty.

    Raises:
        UserError: if there is no such paper or id, or one that was asked for
            is of a slower scale, or all are.
    """
    known = claims(paper)
    wanted = [_find(claim_id, known, paper) for claim_id in only] or known
    allowed = SCALES[: SCALES.index(scale) + 1]
    slower = [c for c in wanted if c.scale not in allowed]
    if slower and (only or slower == wanted):
        quickest = min(slower, key=lambda c: SCALES.index(c.scale))
        raise UserError(
            f"Claim {quickest.id} takes longer. Expected "
            f"--scale={quickest.scale}. Received: --scale={scale}"
        )
    return [c for c in known if c in wanted and c not in slower]


def _find(claim_id, known, paper):
    for candidate in known:
        if candidate.id == claim_id:
            return candidate
    ids = [c.id for c in known]
    of_paper = f" of paper {paper}" if paper else ""
    raise UserError(
        f"Unknown claim{of_paper}. Expected PAPER.NUMBER as --list prints "
        "them. "
        f"{_nearest(claim_id, ids)}Received: {claim_id}"
    )


def _nearest(name, names):
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"The nearest are {', '.join(near)}. " if near else ""
