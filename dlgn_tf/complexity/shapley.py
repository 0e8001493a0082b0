"""Shapley values of games of few players, exactly.

A game is an array of the 2^n values of its coalitions: entry `sum(2^i for i in
S)` is the value of S.
"""

import math

import numpy as np
from numpy import ndarray as Array


def weights(players: int) -> Array:
    """What a coalition's marginal contribution counts, by its size.

    |S|! (n - |S| - 1)! / n! for coalitions S without the player, of sizes 0 to
    n - 1 in a game of n >= 1 players: float64 array `(n,)`.
    """
    return np.array(
        [
            1 / (players * math.comb(players - 1, size))
            for size in range(players)
        ]
    )


def members(coalition: int | Array, players: int) -> Array:
    """Which players are in a coalition: boolean array `(n,)`."""
    return (coalition >> np.arange(players)) & 1 == 1


def values(game: Array) -> Array:
    """Shapley values of all players: float64 `(n,)`, of a game `(2^n,)`.

    Raises:
        ValueError: if the array's length is no power of two.
    """
    game = np.asarray(game, "float64")
    players = len(game).bit_length() - 1
    if players < 1 or len(game) != 2**players:
        raise ValueError(
            "Expected the values of all 2^n coalitions of n >= 1 players. "
            f"Received: {len(game)}"
        )
    of_size = weights(players)
    coalitions = np.arange(len(game))
    sizes = members(coalitions[:, None], players).sum(axis=1)
    shares = []
    for player in range(players):
        without = coalitions[~members(coalitions[:, None], players)[:, player]]
        gains = game[without | (1 << player)] - game[without]
        shares.append(np.tensordot(of_size[sizes[without]], gains, 1))
    return np.array(shares)
