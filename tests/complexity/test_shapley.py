"""Shapley values against the definition over all orders of joining."""

import itertools

import numpy as np
import pytest

from dlgn_tf.complexity import shapley


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_values(players, rng):
    """The mean gain over all orders; coalitions as sets of players."""
    game = rng.normal(size=2**players)
    orders = list(itertools.permutations(range(players)))
    total = np.zeros(players)
    for order in orders:
        for place, player in enumerate(order):
            before = sum(2**other for other in order[:place])
            total[player] += game[before + 2**player] - game[before]
    np.testing.assert_allclose(
        shapley.values(game), total / len(orders), atol=1e-12
    )


def test_members():
    assert shapley.members(0b101, 4).tolist() == [True, False, True, False]


@pytest.mark.parametrize("size", [0, 1, 3, 12])
def test_no_game(size):
    with pytest.raises(ValueError, match="all 2"):
        shapley.values(np.zeros(size))
