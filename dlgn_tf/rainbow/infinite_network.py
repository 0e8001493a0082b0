"""A rainbow network of two layers: exact at infinite width, and of finite.

All expectations are means over a set of samples, on which features of infinite
width are exact: the square root of their kernel.

Source: arXiv 2305.18512, section 2, definitions 1 and 2 and theorem 2.
"""

import dataclasses

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.rainbow import alignment
from dlgn_tf.rainbow.random_features import (
    random_features,
    relu_kernel,
    square_root,
)


def power_law_inputs(samples: int, dimension: int, rng: Generator) -> Array:
    """Gaussian `(samples, dimension)`, of variances 1 / rank of sum one."""
    variances = 1 / np.arange(1, dimension + 1)
    scales = np.sqrt(variances / variances.sum())
    return rng.standard_normal((samples, dimension)) * scales


@dataclasses.dataclass(frozen=True)
class FiniteNetwork:
    """A draw of a network of finite width, its second layer.

    Attributes:
        features: float64 array `(samples, width)`.
        cross: float64 array `(samples, width)`, cross moment of the exact
            features with these.
    """

    features: np.ndarray
    cross: np.ndarray


@dataclasses.dataclass(frozen=True)
class InfiniteNetwork:
    """Two layers of infinite width on some samples.

    Attributes:
        inputs: float64 array `(samples, dimension)`, times the square root of
            the first layer's covariance.
        root: float64 array `(samples, samples)`, the square root of the
            covariance of the second layer's weights, on the exact features of
            the first.
        kernels: Pair of float64 arrays `(samples, samples)`.
        features: Pair of float64 arrays `(samples, samples)`, exact.
    """

    inputs: np.ndarray
    root: np.ndarray
    kernels: tuple[np.ndarray, np.ndarray]
    features: tuple[np.ndarray, np.ndarray]

    @classmethod
    def draw(
        cls,
        rng: Generator,
        samples: int = 300,
        dimension: int = 32,
        anchors: int = 20,
    ) -> "InfiniteNetwork":
        """Draws Gaussian samples and a covariance of the second layer.

        That one is a sum over `anchors` of the samples of c phi phi^T, with c
        uniform, scaled so that pre-activations have a mean variance of one
        (assumed).
        """
        inputs = power_law_inputs(samples, dimension, rng)
        first = relu_kernel(inputs @ inputs.T)
        phi = square_root(first)
        chosen = phi[rng.choice(samples, anchors, replace=False)]
        covariance = (chosen.T * rng.random(anchors)) @ chosen
        gram = phi @ covariance @ phi.T
        scale = np.trace(gram) / samples
        second = relu_kernel(gram / scale)
        return cls(
            inputs,
            square_root(covariance / scale),
            (first, second),
            (phi, square_root(second)),
        )

    def finite(
        self, width: int, rng: Generator, aligned: bool = True
    ) -> FiniteNetwork:
        """Draws a network of which both layers have a finite width.

        Where it is `aligned` the second layer is turned to the features that it
        reads, else by a random orthogonal matrix.
        """
        samples = len(self.inputs)
        first = random_features(self.inputs, width, rng)
        moment = self.features[0].T @ first / samples
        turn = (
            alignment.align(moment)
            if aligned
            else alignment.random_alignment(samples, width, rng)
        )
        read = turn.activations(first) @ self.root
        second = random_features(read, width, rng)
        return FiniteNetwork(second, self.features[1].T @ second / samples)

    def kernel_error(self, network: FiniteNetwork) -> float:
        """|K2 of a finite network - K2|^2 / |K2|^2."""
        exact = self.kernels[1]
        gap = network.features @ network.features.T - exact
        return float(np.sum(gap**2) / np.sum(exact**2))


def readout_error(
    infinite: InfiniteNetwork, network: FiniteNetwork, theta: Array
) -> tuple[float, float]:
    """Error of a finite network's output, and what bounds it.

    The output f(x) = <theta, phi_2(x)> becomes <A^T theta, phihat_2(x)>, for
    the readout theta `(samples,)` of the exact features.

    Returns:
        `(E|fhat - f|^2, |theta|^2 E|A phihat_2 - phi_2|^2)`.
    """
    turned = alignment.align(network.cross).activations(network.features)
    gap = turned - infinite.features[1]
    error = np.mean((gap @ theta) ** 2)
    bound = np.sum(theta**2) * np.mean(np.sum(gap**2, axis=1))
    return float(error), float(bound)
