"""Games and coalitions; claim 4 has Shapley values by their definition."""

import numpy as np
import pytest

from dlgn_tf.complexity import shapley


def test_members():
    assert shapley.members(0b101, 4).tolist() == [True, False, True, False]


@pytest.mark.parametrize("size", [0, 1, 3, 12])
def test_no_game(size):
    with pytest.raises(ValueError, match="all 2"):
        shapley.values(np.zeros(size))
