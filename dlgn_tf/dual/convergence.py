"""How fast tangent kernels of random networks come close to their limit.

The error is e = ||K - T||_F / ||T||_F, with K the tangent kernel of a draw and
T the theorem's right side for the same gates. The theorems' proofs bound its
square by a constant over the width, so its mean falls as width^(-1/2).
"""

import dataclasses
import typing
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.command.threads import one_blas_thread

if typing.TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Bias:
    """Whether draws at one width scatter around the limit.

    Attributes:
        of_mean: Float, the error of the mean of all draws.
        of_draw: Float, the root mean square of the errors of single draws.
        draws: Integer.
    """

    of_mean: float
    of_draw: float
    draws: int

    @property
    def ratio(self) -> float:
        """Near 1 without bias: the mean's error over draw's / sqrt(draws)."""
        return self.of_mean * self.draws**0.5 / self.of_draw


@one_blas_thread
def errors(
    network: "keras.Model", widths: Sequence[int], draws: int, rng: Generator
) -> Array:
    """Errors `(len(widths), draws)` of independent inputs, gates and weights.

    The network is one of `dlgn_tf.dual.random_networks`.
    """
    return np.array(
        [
            [_error(*network.draw(rng, width)(rng)) for _ in range(draws)]
            for width in widths
        ]
    )


def slope(widths: Sequence[int], errors: Array) -> float:
    """Of the straight line through the mean errors, both axes logarithmic.

    `errors` is `(len(widths), draws)`, of at least two widths.
    """
    logs = np.log(np.mean(errors, axis=1))
    return float(np.polyfit(np.log(widths), logs, 1)[0])


@one_blas_thread
def bias(
    network: "keras.Model", width: int, draws: int, rng: Generator
) -> Bias:
    """Draws weights anew while inputs and gates stay, as far as they can."""
    sample = network.draw(rng, width)
    drawn = [sample(rng) for _ in range(draws)]
    differences = np.array([kernel - limit for kernel, limit in drawn])
    scale = np.linalg.norm(np.mean([limit for _, limit in drawn], axis=0))
    squares = (differences**2).sum(axis=(1, 2))
    return Bias(
        float(np.linalg.norm(differences.mean(axis=0)) / scale),
        float(np.sqrt(squares.mean()) / scale),
        draws,
    )


def _error(kernel, limit):
    return np.linalg.norm(kernel - limit) / np.linalg.norm(limit)
