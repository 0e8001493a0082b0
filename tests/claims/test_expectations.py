"""What every claim expects: it can be met, and each threshold be missed."""

import copy
import math
import re

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.claims.contrasts import Pair

NUMBER = r"[-+.\de]+"
RUNS = np.array([-0.1, 0.0, 0.1])


def planted(text):
    """`(met, violated)`: the nearest figures on both sides of a threshold."""
    statistic = re.match(r"(mean|ratio) ", text)
    text = text.removesuffix(" *")
    if statistic:
        return _samples(text.partition(" ")[2], statistic[1])
    if text in ("is true", "is false"):
        return text == "is true", text == "is false"
    if text in ("falls", "rises"):
        up = text == "rises"
        return ([1, 2, 3], [1, 2, 2]) if up else ([3, 2, 1], [2, 1, 1])
    if between := re.fullmatch(rf"in \[({NUMBER}), ({NUMBER})\]", text):
        least, most = map(float, between.groups())
        return [least, most], [least, np.nextafter(most, np.inf)]
    relation, bound = text.split(" ")
    bound = float(bound)
    above, below = np.nextafter(bound, [np.inf, -np.inf])
    return {
        "<": (below, bound),
        "<=": (bound, above),
        "==": (bound, above),
        ">=": (bound, below),
        ">": (above, bound),
    }[relation]


def _samples(text, statistic):
    """Runs around a mean on either side, far from it next to their spread."""
    numbers = [float(x) for x in re.findall(r"[-+]?[.\d]+(?:e[-+]?\d+)?", text)]
    most = numbers[-1]
    met = np.mean(numbers) if len(numbers) > 1 else most + 1
    if text.startswith("<"):
        met = most - 1
    violated = most - 1 if text.startswith(">") else most + 1
    if statistic == "mean":
        return met + 0.01 * RUNS, violated + 0.01 * RUNS
    low = 1 + 0.001 * RUNS
    return Pair(met * low[::-1], low), Pair(violated * low[::-1], low)


registry.register_papers()
CHECKS = {c.id: c.check for c in registry.claims()}


def at(figures, path, value):
    """Puts a value into a dict of figures, or of cases of figures."""
    for name in path[:-1]:
        figures = figures.setdefault(name, {})
    figures[path[-1]] = value


def meeting(check):
    """Figures that meet all that is expected, of the controls too."""
    expected = {}
    for expectation in check.expected:
        at(expected, expectation.path, planted(expectation.condition.text)[0])
    figures = copy.deepcopy(expected)
    first = check.expected[0]
    unlike = copy.deepcopy(expected)
    at(unlike, first.path, planted(first.condition.text)[1])
    for control in check.control:
        condition = control.condition
        value = planted(condition.text)[0] if condition else unlike
        at(figures, control.path, value)
    return figures, expected


@pytest.fixture(params=CHECKS.values(), ids=CHECKS)
def check(request):
    return request.param


def test_what_meets_all_holds(check):
    figures, _ = meeting(check)
    assert check.decide(figures).holds is True


def test_each_threshold_can_be_missed(check):
    for expectation in check.expected:
        figures, _ = meeting(check)
        condition = expectation.condition
        at(figures, expectation.path, planted(condition.text)[1])
        found = check.decide(figures)
        assert found.holds is False, expectation
        assert f"fails: {' '.join(expectation.path)}" in found.measured
        # No case hides another one.
        if not (condition.is_of_order or condition.statistic):
            met = planted(condition.text)[0]
            at(figures, expectation.path, {"a": met, "b": math.nan})
            assert check.decide(figures).holds is False, expectation


def test_a_figure_that_is_missing_is_an_error(check):
    for expectation in [*check.expected, *check.control]:
        figures, _ = meeting(check)
        del figures[expectation.path[0]]
        with pytest.raises(ValueError, match="Expected a figure"):
            check.decide(figures)


def test_a_control_that_is_alike_decides_nothing(check):
    for control in check.control:
        figures, expected = meeting(check)
        condition = control.condition
        value = planted(condition.text)[1] if condition else expected
        at(figures, control.path, value)
        found = check.decide(figures)
        assert found.holds is None, control
        assert f"control fails: {' '.join(control.path)}" in found.measured
        assert found.was_measured
