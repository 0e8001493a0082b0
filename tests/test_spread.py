"""Standard deviations of samples, by hand."""

import numpy as np
import pytest

from dlgn_tf.spread import sample_std


def test_divides_by_one_less():
    # Around 4: (9 + 1 + 1 + 4 + 1) / (5 - 1) = 4.
    assert sample_std([1, 3, 5, 6, 5]) == 2.0
    assert sample_std(np.array([0.0, 2.0])) == pytest.approx(2**0.5)


def test_a_single_value_has_none():
    assert sample_std([0.7]) == 0.0
