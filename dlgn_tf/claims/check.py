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
is an error, unless the function says so with `NOT_ASKED` in its place, or with
None, without which the claim cannot hold; one of which nothing is expected is
told, and decides nothing.
"""

from collections.abc import Mapping

import numpy as np

from dlgn_tf.claims import contrasts, shown
from dlgn_tf.claims.expectations import Findings, expectations
from dlgn_tf.claims.verdicts import Measurement

# Figures of this name are for scripts alone.
DETAILS = "details"


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
        self.expected = list(expectations(expected))
        self.control = list(expectations(control or {}))
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
        """Judges figures; a `ValueError` if one is not there."""
        findings = Findings(self.expected, figures)
        useless = [e for e in self.control if not self._tells(e, figures)]
        parts = [str(findings)]
        parts += [f"control fails: {' '.join(e.path)}" for e in useless]
        told = (
            self._told(name, value)
            for name, value in figures.items()
            # Pairs are told as comparisons.
            if name != DETAILS and not _is_of_pairs(value)
        )
        parts += [text for text in told if text not in findings.failures]
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
        cases = self._control_cases(expectation.value(figures))
        return all(self._is_apart(case) for _, case in cases)

    def _is_apart(self, figures):
        """Whether figures violate what is expected: not by being unknown."""
        concerned = [e for e in self.expected if e.is_on(figures)]
        unknown = any(_has_nan(e.value(figures)) for e in concerned)
        return not unknown and Findings(concerned, figures).holds is False

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

    def _told(self, name, value):
        if all(name != e.path[0] or e.condition for e in self.control):
            return f"{name} {shown.figure(value)}"
        # Of each figure of a control its cases, as of those that are expected.
        cases = dict(self._control_cases(value))
        figures = cases[""] if "" in cases else by_figure(cases)
        return f"{name} ({shown.figure(figures)})"


def by_figure(cases: Mapping) -> dict:
    """Turns figures of each case into cases of each figure.

    Dicts of dicts; each case has the same figures.
    """
    names = next(iter(cases.values()))
    return {
        name: {case: of_case[name] for case, of_case in cases.items()}
        for name in names
    }


def _is_of_pairs(value):
    return any(isinstance(x, contrasts.Pair) for x in shown.leaves(value))


def _has_nan(value):
    samples = []
    for leaf in shown.leaves(value):
        samples += leaf if isinstance(leaf, contrasts.Pair) else [leaf]
    return any(np.isnan(np.asarray(x, float)).any() for x in samples)
