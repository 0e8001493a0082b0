"""Conditions, and what figures tell by them."""

import math

import numpy as np
import pytest

from dlgn_tf.claims import shown
from dlgn_tf.claims.check import Check, by_figure
from dlgn_tf.claims.conditions import Condition
from dlgn_tf.claims.contrasts import Pair
from dlgn_tf.claims.expectations import NOT_ASKED


@pytest.mark.parametrize(
    "text, met, not_met",
    [
        ("< 0.2", [0.1, [-1, 0.19]], [0.2, [0.1, 0.3], math.nan]),
        ("<= 1e-5", [1e-5, 0], [1.1e-5, math.inf]),
        ("> 0.85", [0.9, np.ones((2, 3))], [0.85, [[1, 0], [1, 1]]]),
        (">= 4 *", [4], [3.9, [], [5, math.nan]]),
        ("== 27", [27, [27, 27]], [26, 27.5, math.nan]),
        ("in [-1.8, -0.6]", [-1.8, -0.6, -1], [-1.9, -0.5, math.nan]),
        ("is true", [True, [np.True_]], [False, [True, False], None]),
        ("is false", [False], [True, None, math.nan]),
        ("falls", [[3, 2, 1], [[2, 1], [9, 8]]], [[2, 2], [1], [2, math.nan]]),
        ("rises", [[1, 2]], [[2, 1], [[1, 2], [1, 1]]]),
    ],
)
def test_conditions(text, met, not_met):
    condition = Condition.parse(text)
    assert condition.text == text
    assert all(map(condition.is_met, met))
    assert not any(map(condition.is_met, not_met))


NO_CONDITIONS = (
    ",0.2,<0.2,> x,> 1 2,in [1 2],mean,mean falls,mean >= 3,ratio == 1,all > 3"
)


@pytest.mark.parametrize("text", [*NO_CONDITIONS.split(","), "in [2, 1]"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ValueError, match="Expected a condition such as"):
        Check({"x": text})


def test_means_are_judged_by_a_test():
    """A sample, two samples, and the share of one in the other."""
    sample = np.array([0.5, 0.6, 0.7])
    pair = Pair(10 + sample, 9 + sample)
    for text, figure, holds in (
        ("mean > 0.2", sample, True),
        ("mean > 0.59", sample, None),
        ("mean > 1.5", sample, False),
        ("mean < 1.5", sample, True),
        ("mean in [0, 1]", sample, True),
        ("mean in [0.58, 1]", sample, None),
        ("mean in [0, 0.1]", sample, False),
        ("mean > 0.2", pair, True),
        ("mean > 1.02", pair, None),
        ("mean < 0.2", pair, False),
        ("mean < 2", pair, True),
        ("ratio > 0.9", pair, True),
        ("ratio > 1.3", pair, False),
        ("ratio < 1.3", pair, True),
        ("ratio < 0.9", pair, False),
        # Too few runs, or none.
        ("mean > 0.2", sample[:2], None),
        ("mean > 0.2", Pair(sample, []), None),
    ):
        assert Check({"x": text}).decide({"x": figure}).holds is holds, text


def test_every_case_counts():
    check = Check({"gap": "< 1", "law": "falls", "error": {"f64": "< 0.1"}})
    figures = {
        "gap": {8: {"a": 0.5, "b": [0, 0.9]}, 16: 0.1},
        "law": {"one": [3, 2], "two": {"narrow": 2, "wide": 1}},
        # Of the other one nothing is expected.
        "error": {"f32": 5.0, "f64": 0.01},
    }
    assert check.decide(figures).holds is True
    figures["gap"][8]["b"][1] = 1.0
    found = check.decide(figures)
    assert found.holds is False
    assert found.measured.startswith("fails: gap 8 b 0 1; gap 8 (a 0.5, b 0 1)")
    with pytest.raises(ValueError, match="cases of gap. Received: none"):
        check.decide({**figures, "gap": {}})
    with pytest.raises(ValueError, match="'error f64'. Received: f32"):
        check.decide({**figures, "error": {"f32": 1}})


def test_a_failure_counts_more_than_what_is_open():
    check = Check({"x": "mean > 0", "y": "< 1"})
    figures = {"x": [1.0, 2.0], "y": 0.5}
    found = check.decide(figures)
    assert found.holds is None
    assert "0 of 1 borne out; not decided: x > 0: 1.5" in found.measured
    assert len(found.values["comparisons"]) == 1
    assert check.decide({**figures, "y": 2}).holds is False


def test_pairs_are_told_as_comparisons():
    pair = Pair([3.0, 3.1, 3.2], [1.0, 1.1, 1.2])
    check = Check({"gap": "mean > 1"})
    found = check.decide({"gap": {"a > b": pair}, "n": 3})
    assert found.measured == "gap a > b > 1: 3.1, 1.1 (se 0.0816); n 3"
    found = check.decide({"gap": {"a": pair, "b": Pair([], [])}})
    assert found.holds is None
    assert found.measured == (
        "1 of 2 borne out; not decided: gap b > 1: missing"
    )


def test_what_is_not_asked_decides_nothing():
    check = Check({"x": "< 1", "y": "mean > 0"})
    assert check.decide({"x": 0, "y": NOT_ASKED}).holds is True
    assert check.decide({"x": 2, "y": NOT_ASKED}).holds is False
    found = check.decide({"x": NOT_ASKED, "y": {"a": NOT_ASKED}})
    assert found.holds is None
    assert "x not asked at this scale" in found.measured


def test_nothing_holds_without_what_is_not_there():
    check = Check({"x": "< 1", "y": {"a": "> 2"}})
    found = check.decide({"x": 0, "y": {"a": None}})
    assert found.holds is None and "y a missing" in found.measured
    assert check.decide({"x": 1, "y": {"a": None}}).holds is False


def test_what_is_expected_reads_as_one_line():
    check = Check(
        {"slope": ["in [-1, 0]", "of log error"], "gap": {"f32": "< 1 *"}},
        {"untrained": "told apart", "other": "mean > 1"},
    )
    assert str(check) == (
        "slope in [-1, 0] (of log error); gap f32 < 1 *; control: untrained "
        "told apart, mean of other > 1; t tests, one-sided, significance 0.05, "
        ">= 3 runs"
    )


@pytest.mark.parametrize("expected", [{}, {"x": "told apart"}])
def test_a_claim_expects_something(expected):
    with pytest.raises(ValueError, match="Expected conditions on figures"):
        Check(expected)


class TestControl:
    CHECK = Check({"top": "> 2", "bulk": "< 1"}, {"before": "told apart"})
    GOOD = {"top": {"a": 3, "b": 4}, "bulk": {"a": 0, "b": 0}}

    @pytest.mark.parametrize(
        "before, holds",
        [
            ({"top": 1, "bulk": 0}, True),
            ({"top": 1}, True),
            ({"top": 3, "bulk": 0}, None),
            # A figure that is not known is no violation.
            ({"top": math.nan, "bulk": 0}, None),
            # By case: each is to be told apart.
            ({"a": {"top": 1, "bulk": 0}, "b": {"top": 3, "bulk": 2}}, True),
            ({"a": {"top": 1, "bulk": 0}, "b": {"top": 3, "bulk": 0}}, None),
        ],
    )
    def test_told_apart(self, before, holds):
        found = self.CHECK.decide({**self.GOOD, "before": before})
        assert found.holds is holds
        assert ("control fails: before" in found.measured) is (holds is None)
        # A control that tells nothing leaves a failure undecided, too.
        bad = {**self.GOOD, "top": 1, "before": before}
        assert self.CHECK.decide(bad).holds is (False if holds else None)

    @pytest.mark.parametrize("before", [{}, {"other": 3}, {"a": {}}])
    def test_controls_of_which_nothing_is_expected(self, before):
        with pytest.raises(ValueError, match="of which something is expected"):
            self.CHECK.decide({**self.GOOD, "before": before})

    def test_cases_are_told_by_figure(self):
        cases = {"a": {"top": 1, "bulk": 0}, "b": {"top": 3, "bulk": 2}}
        found = self.CHECK.decide({**self.GOOD, "before": cases})
        assert found.measured.endswith(
            "before (top (a 1, b 3), bulk (a 0, b 2))"
        )


def test_details_are_for_scripts_alone():
    found = Check({"x": "< 1"}).decide(
        {"x": 0.5, "runs": 3, "details": {"errors": [1, 2]}}
    )
    assert found.measured == "x 0.5; runs 3"
    assert found.values == {"x": 0.5, "runs": 3, "errors": [1, 2]}


@pytest.mark.parametrize(
    "value, text",
    [
        (1.23456e-7, "1.2e-07"),
        (0.123456, "0.1235"),
        (57.4, "57.4"),
        (1_738_618, "1,738,618"),
        (123456.7, "123,457"),
        (0.0, "0"),
        (True, "yes"),
        (None, "none"),
        (np.float32(0.5), "0.5"),
        ([3, 2, 1], "3 2 1"),
        (range(16, 2048), "16 to 2047"),
        (np.eye(4), "0 to 1"),
        (["a", "b"], "a b"),
        ([], "none"),
        ([True, False, True], "2 of 3"),
        ([2.0] * 9, "2"),
        (
            {d: {k: k + d for k in range(6)} for d in (0, 1)},
            "0 0 to 5, 1 1 to 6",
        ),
        ({"a": 1, "b": {"c": 0.5}}, "a 1, b (c 0.5)"),
        ({k: k / 10 for k in range(13)}, "0 to 1.2 in 13 cases"),
        (math.nan, "nan"),
    ],
)
def test_figures_as_text(value, text):
    assert shown.figure(value) == text


def test_cases_of_figures_are_figures_of_cases():
    cases = {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 4}}
    assert by_figure(cases) == {"x": {"a": 1, "b": 3}, "y": {"a": 2, "b": 4}}
