"""Shapley values against the definition over all orders of joining."""

import itertools

import numpy as np
import pytest

from dlgn_tf.complexity import shapley


def by_definition(value, players):
    """Mean gain over all orders; coalitions as frozen sets."""
    orders = list(itertools.permutations(range(players)))
    total = np.zeros(players)
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            total[player] += value(before | {player}) - value(before)
    return total / len(orders)


def as_game(value, players):
    return np.array(
        [
            value(frozenset(np.flatnonzero(shapley.members(c, players))))
            for c in range(2**players)
        ]
    )


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_values(players, rng):
    table = {}

    def value(coalition):
        return table.setdefault(coalition, rng.normal())

    game = as_game(value, players)
    np.testing.assert_allclose(
        shapley.values(game), by_definition(value, players), atol=1e-12
    )


def test_several_games(rng):
    games = rng.normal(size=(8, 2, 3))
    together = shapley.values(games)
    assert together.shape == (3, 2, 3)
    np.testing.assert_allclose(
        together[:, 1, 2], shapley.values(games[:, 1, 2])
    )


@pytest.mark.parametrize("size", [0, 1, 3, 12])
def test_no_game(size):
    with pytest.raises(ValueError, match="all 2"):
        shapley.values(np.zeros(size))
