"""What becomes of a claim that is measured."""

import dataclasses
import enum


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
        holds: Whether the measured agrees with the expected. None where it
            decides neither that it does nor that it does not, and where
            nothing was measured.
        measured: One line for people: the figures that decide, and on what
            they were measured.
        values: Everything measured, for scripts: numbers, strings, arrays,
            lists and dicts of them.
        was_measured: False where what it is measured on is not there; claims
            raise `NotMeasured` for that.
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
