"""What a claim expects of its figures: decides, tells and documents it.

A claim's function returns figures, a dict from a name in words to a number, a
sequence, or a dict of them by case. `Check` holds what is expected of them, as
the paper's claims.toml says it:

    [8.expected]
    top = "> 2"                                  # of every case and number
    slope = ["in [-1.8, -0.6]", "of log error"]  # with words for people
    error.float32 = "<= 1e-5"                    # of one case
    [8.control]
    "under another P(x)" = "> 1e-2"              # a figure of its own
    "before training" = "told apart"

The control tells whether the expectations could fail. A figure that is to be
told apart is a dict of figures that are expected too, or of several such, by
case: each must violate what is expected. Where a control does not do what it
should the claim is not decided, whatever else was measured.

See `dlgn_tf.claims.conditions` for the conditions. A figure that is not there
is an error, unless the function says so with `NOT_ASKED` in its place; one of
which nothing is expected is told, and decides nothing.
"""

import dataclasses
from collections.abc import Mapping

from dlgn_tf.claims import contrasts
from dlgn_tf.claims import shown
from dlgn_tf.claims.conditions import Condition
from dlgn_tf.claims.verdicts import Measurement

TOLD_APART = "told apart"
# A figure that a claim does without at the scale at which it is measured.
NOT_ASKED = "not asked at this scale"
# Figures of this name are for scripts alone.
DETAILS = "details"


@dataclasses.dataclass(frozen=True)
class Expectation:
    """A condition on a figure, or on a case of it.

    Attributes:
        path: Tuple of strings: the figure, and the case in it if it is on one.
        words: String for people, what the figure is; may be empty.
        condition: `Condition`; None if the figure is to be told apart.
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
        for name in self.path:
            if not isinstance(figures, Mapping) or name not in figures:
                return False
            figures = figures[name]
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
        if condition.statistic:
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


class Check:
    """What is expected of a claim's figures.

    Args:
        expected: Dict from a figure to a condition; to `[condition, words]`;
            or to a dict from a case to one of the two. Not empty.
        control: Such a dict, of figures that tell whether the claim could be
            told from its opposite; `"told apart"` is one more condition.

    Raises:
        ValueError: if a condition is none.
    """

    def __init__(self, expected: Mapping, control: Mapping | None = None):
        self.expected = list(_expectations(expected))
        self.control = list(_expectations(control or {}))
        if not self.expected or not all(e.condition for e in self.expected):
            raise ValueError(
                f"Expected conditions on figures. Received: {expected!r}"
            )

    def __str__(self):
        """What is expected, on one line."""
        text = "; ".join(map(str, self.expected))
        if self.control:
            text += f"; control: {', '.join(map(str, self.control))}"
        every = [*self.expected, *self.control]
        if any(e.condition and e.condition.statistic for e in every):
            text += f"; {contrasts.RULE}"
        return text

    def decide(self, figures: Mapping) -> Measurement:
        """Judges figures.

        Args:
            figures: Dict from a name to a figure.

        Returns:
            `Measurement`.

        Raises:
            ValueError: if a figure is not there.
        """
        findings = Findings(self.expected, figures)
        useless = [e for e in self.control if not self._tells(e, figures)]
        parts = [str(findings)]
        parts += [f"control fails: {' '.join(e.path)}" for e in useless]
        apart = {e.path[0] for e in self.control if not e.condition}
        parts += [
            self._control_shown(name, value)
            if name in apart
            else f"{name} {shown.figure(value)}"
            for name, value in figures.items()
            # Pairs are told as comparisons.
            if name != DETAILS and not _is_of_pairs(value)
        ]
        values = {k: v for k, v in figures.items() if k != DETAILS}
        if findings.comparisons:
            values["comparisons"] = [vars(c) for c in findings.comparisons]
        return Measurement(
            holds=None if useless else findings.holds,
            measured="; ".join(filter(None, parts)),
            values={**values, **figures.get(DETAILS, {})},
        )

    def _tells(self, expectation, figures):
        """Whether a control does what it should."""
        if expectation.condition:
            return Findings([expectation], figures).holds is True
        return all(
            Findings([e for e in self.expected if e.is_on(case)], case).holds
            is False
            for _, case in self._control_cases(expectation.value(figures))
        )

    def _control_cases(self, figures, label=""):
        """Pairs of a label and figures, some of which are expected."""
        if any(e.is_on(figures) for e in self.expected):
            yield label, figures
            return
        if not isinstance(figures, Mapping) or not figures:
            raise ValueError(
                "Expected figures of a control of which something is expected. "
                f"Received: {figures!r}"
            )
        for case, of_case in figures.items():
            yield from self._control_cases(of_case, f"{label} {case}".strip())

    def _control_shown(self, name, figures):
        """Of each figure its cases, as of those that are expected."""
        cases = dict(self._control_cases(figures))
        shown_figures = cases[""] if "" in cases else by_figure(cases)
        return f"{name} ({shown.figure(shown_figures)})"


def by_figure(cases: Mapping) -> dict:
    """Turns figures of each case into cases of each figure.

    Args:
        cases: Dict from a case to a dict from a figure to its value, the same
            figures for each.

    Returns:
        Dict from a figure to a dict from a case to the value.
    """
    names = next(iter(cases.values()))
    return {
        name: {case: of_case[name] for case, of_case in cases.items()}
        for name in names
    }


def _expectations(table, path=()):
    for name, entry in table.items():
        here = (*path, name)
        if isinstance(entry, Mapping):
            yield from _expectations(entry, here)
            continue
        text, words = (entry, "") if isinstance(entry, str) else entry
        condition = None if text == TOLD_APART else Condition.parse(text)
        yield Expectation(here, words, condition)


def _shown(comparisons):
    return [comparison.shown for comparison in comparisons]


def _is_of_pairs(value):
    if isinstance(value, Mapping):
        return any(map(_is_of_pairs, value.values()))
    return isinstance(value, contrasts.Pair)


def _is_sequence(cases):
    """Whether a dict is one sequence: it has a number for each case."""
    return not any(
        isinstance(value, Mapping | list | tuple) or getattr(value, "ndim", 0)
        for value in cases.values()
    )
