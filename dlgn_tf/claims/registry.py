"""What the papers claim and how each claim is measured.

A paper's claims are rows of the claims.toml in its package's folder of claims,
each with the name of a function that measures it:

    [12]
    measure = "spectra:measure_dynamics"
    scale = "seconds"
    statement = "Training amplifies few directions of the weights."
    expected."a_1 over median a" = ">= 2"

`register` adds a claim from anywhere else. What a function returns and what may
be expected of it says `dlgn_tf.claims.check`. Imports nothing heavier than
NumPy: a function's module is imported when it measures.
"""

import dataclasses
import importlib
import importlib.resources
import re
import tomllib
from collections.abc import Callable, Mapping

import numpy as np

from dlgn_tf.claims.check import Check
from dlgn_tf.errors import UserError, nearest
from dlgn_tf.papers import PAPERS

# From quick to slow.
SCALES = ("seconds", "minutes", "accelerator")

_ID = re.compile(r"[a-z]+\.[1-9][0-9]*")


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a paper with the function that measures it.

    Attributes:
        id: `PAPER.NUMBER`; the number is that of the paper's list of claims.
        scale: One of `SCALES`: what a run takes.
        statement: One sentence.
        measure: Function from a `numpy.random.Generator` to figures, or one
            that raises `NotMeasured`; or its name, `"MODULE:FUNCTION"`.
        check: `Check`, what the figures must be for the statement to hold.
        reads_results: Whether that function takes, as its second argument, the
            folder of results that other commands have left.
        reads_data: Whether it takes, as its last argument, the folder of
            prepared TFDS data sets, or None without one.
    """

    id: str
    scale: str
    statement: str
    measure: Callable | str
    check: Check
    reads_results: bool = False
    reads_data: bool = False

    @property
    def expected(self):
        """One line: what must be measured, tolerance included."""
        return str(self.check)

    @property
    def paper(self):
        return self.id.partition(".")[0]

    @property
    def number(self):
        return int(self.id.partition(".")[2])

    def generator(self, seed):
        """The claim's own random numbers, whatever ran before it."""
        return np.random.default_rng([seed, *self.id.encode()])

    def measurement(self, seed, results_dir=None, data_dir=None):
        """Measures it; returns a `Measurement`."""
        measure = self.measure
        if isinstance(measure, str):
            module, name = measure.split(":")
            measure = getattr(importlib.import_module(module), name)
        arguments = [results_dir] if self.reads_results else []
        if self.reads_data:
            arguments.append(data_dir)
        figures = measure(self.generator(seed), *arguments)
        return self.check.decide(figures)


_CLAIMS = {}


def register(
    claim_id: str,
    measure: Callable | str,
    *,
    scale: str,
    statement: str,
    expected: Mapping,
    control: Mapping | None = None,
    reads_results: bool = False,
    reads_data: bool = False,
) -> Claim:
    """Adds a claim.

    Example:

    >>> register("own.1", lambda rng: {"sum": 1 + 1}, scale="seconds",
    ...          statement="One and one are two.", expected={"sum": "== 2"})

    The arguments are those of `Claim`, and of its `Check` what is expected and
    the control.

    Raises:
        ValueError: if the id is taken or malformed, there is no such scale, or
            a condition is none.
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
    if claim_id in _CLAIMS:
        raise ValueError(
            f"Expected a new id for each claim. Received: {claim_id!r}, taken "
            f"by {_CLAIMS[claim_id].measure}"
        )
    _CLAIMS[claim_id] = Claim(
        claim_id,
        scale,
        statement,
        measure,
        Check(expected, control),
        reads_results,
        reads_data,
    )
    return _CLAIMS[claim_id]


def register_papers(papers=PAPERS):
    """Registers the claims of papers, but for those that are."""
    for paper in papers:
        package = f"{paper.package}.claims"
        file = importlib.resources.files(package) / "claims.toml"
        for number, row in tomllib.loads(file.read_text("utf-8")).items():
            claim_id = f"{paper.key}.{number}"
            measure = f"{package}.{row.pop('measure')}"
            known = _CLAIMS.get(claim_id)
            if known is None or known.measure != measure:
                register(claim_id, measure, **row)


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
            f"{nearest(paper, papers)}Received: paper={paper}"
        )
    return [c for c in ordered if c.paper == paper]


def select(paper=None, only=(), scale="seconds"):
    """The claims that a run measures, by paper and number: one or more.

    Those of a paper, or of all; of ids, if there are any, alone; of one of
    `SCALES` and of quicker ones.

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
        f"them. {nearest(claim_id, ids)}Received: {claim_id}"
    )
