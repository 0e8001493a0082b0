"""What is expected of a claim's figures, one by one, and what came of it."""

import dataclasses
from collections.abc import Mapping

from dlgn_tf.claims import contrasts, shown
from dlgn_tf.claims.conditions import Condition

TOLD_APART = "told apart"
# A figure that a claim does without at the scale at which it is measured.
NOT_ASKED = "not asked at this scale"


@dataclasses.dataclass(frozen=True)
class Expectation:
    """A condition on a figure, or on a case of it.

    Attributes:
        path: The figure, and the case in it if it is on one.
        words: For people, what the figure is; may be empty.
        condition: None if the figure is to be told apart.
    """

    path: tuple[str, ...]
    words: str
    condition: Condition | None

    def __str__(self):
        name = " ".join(self.path)
        text = str(self.condition or TOLD_APART)
        if self.condition and self.condition.statistic:
            statistic, _, text = text.partition(" ")
            name = f"{statistic} of {name}"
        return f"{name} {text}" + (f" ({self.words})" if self.words else "")

    def is_on(self, figures):
        """Whether what it is on is there."""
        try:
            self.value(figures)
        except ValueError:
            return False
        return True

    def value(self, figures):
        """What it is on; raises ValueError if that is not there."""
        for name in self.path:
            cases = figures if isinstance(figures, Mapping) else {}
            named = {str(case): value for case, value in cases.items()}
            if name not in named:
                raise ValueError(
                    f"Expected a figure {' '.join(self.path)!r}. Received: "
                    f"{', '.join(named) or repr(figures)}"
                )
            figures = named[name]
        return figures


class Findings:
    """What came of some expectations: failures and comparisons of means."""

    def __init__(self, expectations, figures):
        self.failures, self.comparisons = [], []
        self._met = 0
        for expectation in expectations:
            label = " ".join(expectation.path)
            self._add(expectation.condition, label, expectation.value(figures))

    def _add(self, condition, label, value):
        if isinstance(value, Mapping):
            if not value:
                raise ValueError(f"Expected cases of {label}. Received: none")
            if not (condition.is_of_order and _is_sequence(value)):
                for case, of_case in value.items():
                    self._add(condition, f"{label} {case}", of_case)
                return
            value = list(value.values())
        if isinstance(value, str) and value == NOT_ASKED:
            return
        if value is None:
            self.comparisons.append(contrasts.Comparison(f"{label} missing"))
        elif condition.statistic:
            self.comparisons += condition.comparisons(label, value)
        elif condition.is_met(value):
            self._met += 1
        else:
            self.failures.append(f"{label} {shown.figure(value)}")

    @property
    def holds(self):
        """Boolean; None if nothing decides it."""
        if self.failures:
            return False
        if self.comparisons:
            return contrasts.decide(self.comparisons)
        return True if self._met else None

    def __str__(self):
        """What fails; or else what is open; or else all comparisons."""
        compared = self.comparisons
        if self.holds is False:
            refuted = [c for c in compared if c.is_refuted(len(compared))]
            return f"fails: {'; '.join([*self.failures, *_shown(refuted)])}"
        open_ones = [c for c in compared if not c.is_borne_out]
        if not open_ones:
            return "; ".join(_shown(compared))
        return (
            f"{len(compared) - len(open_ones)} of {len(compared)} borne out; "
            f"not decided: {'; '.join(_shown(open_ones))}"
        )


def expectations(table: Mapping, path=()):
    """The `Expectation`s of a table as `Check` takes it, in another at `path`.

    Raises:
        ValueError: if a condition is none.
    """
    for name, entry in table.items():
        here = (*path, name)
        if isinstance(entry, Mapping):
            yield from expectations(entry, here)
            continue
        text, words = (entry, "") if isinstance(entry, str) else entry
        condition = None if text == TOLD_APART else Condition.parse(text)
        yield Expectation(here, words, condition)


def _shown(comparisons):
    return [comparison.shown for comparison in comparisons]


def _is_sequence(cases):
    """Whether a dict is one sequence: it has a number for each case."""
    return not any(
        isinstance(value, Mapping | list | tuple) or getattr(value, "ndim", 0)
        for value in cases.values()
    )
