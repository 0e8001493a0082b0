"""How often the rule for tables decides, and how often wrongly."""

import math

import numpy as np
import pytest
from scipy import stats

from dlgn_tf.claims import contrasts

DRAWS = 1_000


def test_welch_statistic_with_the_smaller_cells_degrees_of_freedom(rng):
    for n, m, margin, share in ((3, 3, 0.0, 1.0), (5, 4, -1.0, 0.8)):
        high, low = rng.normal(1, 2, n), rng.normal(0, 0.5, m)
        found = contrasts.above("", high, low, margin, share)
        welch = stats.ttest_ind(high, share * low + margin, equal_var=False)
        student = stats.t(min(n, m) - 1)
        p_false = pytest.approx(student.sf(welch.statistic), rel=1e-9)
        assert found.p_false == p_false
        assert found.p_true == pytest.approx(1 - found.p_false, rel=1e-9)


def test_a_known_mean_has_no_error(rng):
    values = rng.normal(0, 1, 4)
    expected = stats.ttest_1samp(values, 0.3, alternative="greater").pvalue
    found = contrasts.above("", values, 0.3)
    assert found.p_false == pytest.approx(expected, rel=1e-9)
    found = contrasts.above("", 0.3, values)
    assert found.p_true == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("high", "low"),
    [
        ([9.0, 9.1], [1.0, 1.1, 0.9]),
        ([9.0], 1.0),
        ([9.0, 9.0, 9.0], [1.0, 1.0, 1.0]),
    ],
)
def test_what_tells_nothing(high, low):
    found = contrasts.above("", high, low)
    assert (found.p_false, found.p_true) == (1.0, 1.0)
    assert contrasts.decide([found]) is None


def test_nothing_compared_is_not_decided():
    assert contrasts.decide([]) is None


def verdicts(rng, gaps, sizes=(3, 3), spreads=(1.5, 1.5), decide=None):
    """Shares of drawn tables on which a claim holds, does not, is open.

    Args:
        rng: `numpy.random.Generator`.
        gaps: True differences of its comparisons.
        sizes: Runs of the higher and of the lower cell.
        spreads: Their standard deviations.
        decide: The rule, from samples; that of `contrasts` unless given.
    """

    def rule(pairs):
        return contrasts.decide([contrasts.above("", *pair) for pair in pairs])

    found = []
    for _ in range(DRAWS):
        pairs = [
            (
                rng.normal(gap, spreads[0], sizes[0]),
                rng.normal(0, spreads[1], sizes[1]),
            )
            for gap in gaps
        ]
        found.append((decide or rule)(pairs))
    return [found.count(verdict) / DRAWS for verdict in (True, False, None)]


def by_means(pairs):
    """What decided before: which mean is above."""
    return all(np.mean(high) > np.mean(low) for high, low in pairs)


# A share of so many draws is beyond this once in a thousand at most.
MOST = contrasts.SIGNIFICANCE + 3.1 * math.sqrt(0.05 * 0.95 / DRAWS)
SHAPES = [
    {},
    {"spreads": (0.3, 3.0)},
    {"sizes": (5, 3), "spreads": (0.5, 1.5)},
    {"sizes": (3, 23)},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_wrong_verdicts_are_as_rare_as_is_said(rng, shape):
    # Just not above: the hardest to tell.
    held, _, _ = verdicts(rng, [0.0], **shape)
    assert held <= MOST
    # False, as one of three is.
    held, _, _ = verdicts(rng, [0.0, 9.0, 9.0], **shape)
    assert held <= MOST
    # All of six just above.
    _, failed, _ = verdicts(rng, [1e-9] * 6, **shape)
    assert failed <= MOST


def test_large_differences_are_told(rng):
    held, failed, _ = verdicts(rng, [9.0] * 3)
    assert held > 0.9
    assert failed == 0
    held, failed, _ = verdicts(rng, [9.0, 9.0, -12.0])
    assert held == 0
    assert failed > 0.9


def test_small_ones_want_more_runs(rng):
    assert verdicts(rng, [1.0])[2] > 0.5
    assert verdicts(rng, [1.0], sizes=(60, 60))[0] > 0.9


def test_means_alone_would_be_a_coin(rng):
    """The control: the rates above can be missed."""
    held, failed, _ = verdicts(rng, [0.0], decide=by_means)
    assert held > 0.4
    _, failed, _ = verdicts(rng, [0.5] * 6, decide=by_means)
    assert failed > 0.5
