"""What some runs tell of means that must lie above one another.

The rule for everything that claims read from tables. Each comparison says that
one mean lies above a share of another one and a margin; it is judged by its
difference in standard errors, each cell with its own (Welch, Biometrika 34,
1947), on one side. Student's t has one degree of freedom less than there are
runs in the smaller cell, with which no spreads make it err more often than it
says (Hsu's bound: Mickey and Brown, Annals of Mathematical Statistics 37,
1966). With Welch's own estimate of them three runs err in up to 9 % of drawn
tables where 5 % are allowed.

All comparisons of a claim must be borne out, each at `SIGNIFICANCE`: if the
claim is false one of them is, so that it is wrongly found to hold no more
often. It does not hold where one comparison is refuted at `SIGNIFICANCE`
divided by the number of comparisons (Bonferroni), for the same reason. Else it
is not decided, as where cells are missing or of fewer than `LEAST_RUNS` runs.
"""

import dataclasses
import math
import typing

import numpy as np

SIGNIFICANCE = 0.05
LEAST_RUNS = 3
# For the line of a claim that says what is expected.
RULE = f"t tests, one-sided, significance {SIGNIFICANCE}, >= {LEAST_RUNS} runs"


class Pair(typing.NamedTuple):
    """Runs of two kinds whose means are compared: sequences of floats."""

    high: typing.Sequence[float]
    low: typing.Sequence[float]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One comparison of a claim.

    Attributes:
        shown: What is compared, with figures.
        p_false: Float in [0, 1], the p-value of "it is false": a small one
            bears it out. 1 where nothing was compared.
        p_true: Float in [0, 1], that of "it is true": a small one refutes it.
    """

    shown: str
    p_false: float = 1.0
    p_true: float = 1.0

    @property
    def is_borne_out(self) -> bool:
        return self.p_false < SIGNIFICANCE

    def is_refuted(self, comparisons: int) -> bool:
        """Whether it is, as one of so many comparisons."""
        return self.p_true < SIGNIFICANCE / comparisons


def above(
    label: str,
    high: typing.Sequence[float] | float,
    low: typing.Sequence[float] | float,
    margin: float = 0.0,
    share: float = 1.0,
) -> Comparison:
    """Compares two means: that of `high` > `share` * that of `low` + `margin`.

    It tells nothing if there are fewer than `LEAST_RUNS` values, or if they do
    not differ at all, so that their error is not known.

    Args:
        label: For people.
        high: n floats that are independent of one another; or a single one
            that is known without error.
        low: More of them, independent of `high` (where both have what is the
            same run by run, the test is stricter than it says); or a single
            float, but not both.
        margin: In their unit.
        share: As above.
    """
    # Claims are listed without it.
    from scipy import special

    scaled = np.asarray(high, float), share * np.asarray(low, float)
    samples = [sample for sample in scaled if sample.ndim]
    if not all(map(len, samples)):
        return Comparison(f"{label} missing")
    gap = np.mean(high) - share * np.mean(low) - margin
    shown = f"{label} {np.mean(high):.4g}, {np.mean(low):.4g}"
    fewest = min(map(len, samples))
    if fewest < LEAST_RUNS:
        return Comparison(f"{shown} (n = {fewest})")
    error = math.sqrt(sum(x.var(ddof=1) / len(x) for x in samples))
    shown += f" (se {error:.3g})"
    if not error > 0:
        return Comparison(shown)
    p_false, p_true = special.stdtr(fewest - 1, [-gap / error, gap / error])
    return Comparison(shown, float(p_false), float(p_true))


def decide(comparisons: typing.Sequence[Comparison]) -> bool | None:
    """Whether a claim of these comparisons holds; None if that is open."""
    if any(c.is_refuted(len(comparisons)) for c in comparisons):
        return False
    if comparisons and all(c.is_borne_out for c in comparisons):
        return True
    return None
