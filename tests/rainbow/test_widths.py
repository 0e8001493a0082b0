"""Rows by width against figures made by hand."""

import types

import numpy as np
import pytest

from dlgn_tf.rainbow import widths


def value(rows, **of):
    (row,) = [r for r in rows if all(r[k] == v for k, v in of.items())]
    return row["value"]


class TestCovariances:
    @pytest.fixture
    def rows(self):
        """Covariances diag(1, 0), diag(4, 2) and diag(4, 0), by hand."""
        weights = [
            np.array([[1.0, 0.0]]),
            np.sqrt(2) * np.diag([2.0, np.sqrt(2)]),
            np.array([[2.0, 0.0], [-2.0, 0.0]]),
        ]
        covariances = types.SimpleNamespace(weights={"dense1": weights})
        return widths.covariance_rows(
            ["a", "b", "c"], [1, 2, 2], covariances, ["dense1"]
        )

    def test_are_compared_with_the_widest(self, rows):
        """The mean of diag(4, 2) twice and diag(4, 0) twice: diag(4, 1)."""
        what = "covariance error"
        assert value(rows, run="a", what=what) == pytest.approx(3 / 4)
        what = "covariance error of the shape"
        assert value(rows, run="a", what=what) == pytest.approx(1 / 4)
        # Of an energy of 1 / 2 in each direction.
        what = "covariance error of white weights"
        assert value(rows, run="a", what=what) == pytest.approx(3.5 / 4)

    def test_not_with_themselves(self, rows):
        what = "covariance error"
        assert value(rows, run="b", what=what) == pytest.approx(2 / 4)
        assert value(rows, run="c", what=what) == pytest.approx(2 / 4)

    def test_the_only_widest_has_none(self):
        weights = {"dense1": [np.ones((1, 2)), np.ones((2, 2))]}
        rows = widths.covariance_rows(
            ["a", "b"],
            [1, 2],
            types.SimpleNamespace(weights=weights),
            ["dense1"],
        )
        assert {row["run"] for row in rows} == {"a"}


def test_spectra_are_of_the_first_of_each_width():
    moments = [{"x": np.diag([2.0, k, 0.0])} for k in (1.0, 0.5, 0.2)]
    rows = widths.spectrum_rows(
        ["a", "b", "c"],
        [4, 2, 4],
        types.SimpleNamespace(activations=moments),
        ["x"],
    )
    assert [tuple(row.values()) for row in rows] == [
        ("b", 2, "x", 1, 1.0),
        ("b", 2, "x", 2, 0.25),
        ("a", 4, "x", 1, 1.0),
        ("a", 4, "x", 2, 0.5),
    ]


def test_summary_and_lines():
    rows = [
        {"run": r, "width": w, "layer": "x", "what": "error", "value": v}
        for r, w, v in (("a", 8, 1.0), ("b", 8, 3.0), ("c", 4, 5.0))
    ]
    narrow, wide = widths.summary(rows)
    assert (narrow["width"], narrow["mean"], narrow["std"]) == (4, 5.0, 0.0)
    assert (wide["values"], wide["mean"]) == (2, 2.0)
    assert wide["std"] == pytest.approx(np.sqrt(2))
    assert list(widths.lines([narrow, wide])) == [("x error", "4: 5, 8: 2")]


def test_alignment_without_what_was_not_measured():
    row = {
        "run": "a",
        "layer": "x",
        "relative_error": 0.5,
        "error_unaligned": "",
        "explained": 0.8,
        "explained_untrained": 0.7,
    }
    rows = widths.alignment_rows([row], {"a": 16})
    assert {r["what"]: r["value"] for r in rows} == {
        "alignment error": 0.5,
        "explained": 0.8,
        "explained, untrained networks": 0.7,
    }
    assert {r["width"] for r in rows} == {16}
