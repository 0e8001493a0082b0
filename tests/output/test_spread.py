"""Standard deviations, means and ranges of samples, by hand."""

import numpy as np
import pytest

from dlgn_tf.output.spread import (
    listed,
    mean_and_range,
    mean_and_std,
    sample_std,
)


def test_divides_by_one_less():
    # Around 4: (9 + 1 + 1 + 4 + 1) / (5 - 1) = 4.
    assert sample_std([1, 3, 5, 6, 5]) == 2.0
    assert sample_std(np.array([0.0, 2.0])) == pytest.approx(2**0.5)


def test_a_single_value_has_none():
    assert sample_std([0.7]) == 0.0


@pytest.mark.parametrize(
    ("values", "form", "expected"),
    [
        ([0.5], ".3f", "0.500"),
        ([1, 2, 3], ".1f", "2.0 (1.0 to 3.0)"),
        ([np.nan, 1.0, 2.0], ".1f", "1.5 (1.0 to 2.0; 2 of 3)"),
        ([np.nan], ".1f", "-"),
        (np.array([0.25, 0.75]), ".2g", "0.5 (0.25 to 0.75)"),
    ],
)
def test_mean_and_range(values, form, expected):
    assert mean_and_range(values, form) == expected


def test_listed():
    assert listed([0.125, 2]) == "0.12 2.00"
    assert listed(iter([1 / 3, 1e-5]), ".2g", ", ") == "0.33, 1e-05"


def test_columns_of_mean_and_deviation():
    # Deviations of -1, 0 and 1 from 2.
    assert mean_and_std([1, 2, 3]) == {"mean": 2.0, "std": 1.0}
    assert mean_and_std([5.0]) == {"mean": 5.0, "std": 0.0}
