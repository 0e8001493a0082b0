"""Rainbow networks of any depth: exact at infinite width, and of finite.

All expectations are means over a set of samples, on which features of infinite
width are exact: the square root of their kernel.

Source: arXiv 2305.18512, section 2, definitions 1 and 2 and theorem 2.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.errors import UserError
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
    """A draw of a network of finite width.

    Attributes:
        features: Tuple of float64 arrays `(samples, width)`, one per layer.
    """

    features: tuple[np.ndarray, ...]


@dataclasses.dataclass(frozen=True)
class InfiniteNetwork:
    """Layers of infinite width on some samples.

    Attributes:
        inputs: float64 array `(samples, dimension)`, times the square root of
            the first layer's covariance.
        roots: Tuple of float64 arrays `(samples, samples)`, the square roots of
            the covariances of the weights of the second layer and those behind
            it, each on the exact features of the layer before.
        kernels: Tuple of float64 arrays `(samples, samples)`, one per layer.
        features: Tuple of float64 arrays `(samples, samples)`, exact ones.
    """

    inputs: np.ndarray
    roots: tuple[np.ndarray, ...]
    kernels: tuple[np.ndarray, ...]
    features: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, inputs: Array, weights: Sequence[Array]) -> "InfiniteNetwork":
        """The network of one layer more than there are `weights`.

        Args:
            inputs: Array `(samples, dimension)`, times the square root of the
                first layer's covariance.
            weights: Arrays `(samples,)`, finite, not negative, not all zero.
                The covariance of the weights of the second layer, and of those
                behind it, is a sum over the samples of c phi phi^T, with c a
                weight and phi what the layer reads, scaled so that
                pre-activations have a mean variance of one (assumed).

        Raises:
            UserError: if weights are not so, or not one per sample.
        """
        inputs = np.asarray(inputs, np.float64)
        kernels = [relu_kernel(inputs @ inputs.T)]
        features, roots = [square_root(kernels[0])], []
        for of_layer in weights:
            of_layer = _checked(of_layer, len(inputs))
            phi, chosen = features[-1], of_layer > 0
            read = phi[chosen]
            covariance = (read.T * of_layer[chosen]) @ read
            gram = phi @ covariance @ phi.T
            scale = np.trace(gram) / len(inputs)
            roots.append(square_root(covariance / scale))
            kernels.append(relu_kernel(gram / scale))
            features.append(square_root(kernels[-1]))
        return cls(inputs, tuple(roots), tuple(kernels), tuple(features))

    @classmethod
    def draw(
        cls,
        rng: Generator,
        samples: int = 300,
        dimension: int = 32,
        anchors: int = 20,
        depth: int = 2,
    ) -> "InfiniteNetwork":
        """Draws Gaussian samples, and covariances of all layers but the first.

        Those are as in `of`, with uniform weights of `anchors` samples, drawn
        for each layer.

        Raises:
            UserError: if there are more anchors than samples or none, or no
                layers.
        """
        if not 1 <= anchors <= samples or depth < 1:
            raise UserError(
                f"Expected 1 to {samples} anchors, as there are samples, and a "
                f"depth >= 1. Received: anchors={anchors}, depth={depth}"
            )
        inputs = power_law_inputs(samples, dimension, rng)
        weights = []
        for _ in range(depth - 1):
            chosen = rng.choice(samples, anchors, replace=False)
            weights.append(np.zeros(samples))
            weights[-1][chosen] = rng.random(anchors)
        return cls.of(inputs, weights)

    @property
    def depth(self) -> int:
        return len(self.kernels)

    def finite(
        self, width: int, rng: Generator, aligned: bool = True
    ) -> FiniteNetwork:
        """Draws a network of which all layers have a finite width.

        Where it is `aligned` layers behind the first one are turned to the
        features that they read, else by a random orthogonal matrix.
        """
        samples = len(self.inputs)
        drawn = [random_features(self.inputs, width, rng)]
        for root, exact in zip(self.roots, self.features, strict=False):
            if aligned:
                turn = alignment.align(exact.T @ drawn[-1] / samples)
            else:
                turn = alignment.random_alignment(samples, width, rng)
            read = turn.activations(drawn[-1]) @ root
            drawn.append(random_features(read, width, rng))
        return FiniteNetwork(tuple(drawn))

    def kernel_errors(self, network: FiniteNetwork) -> list[float]:
        """|Khat - K|^2 / |K|^2 of a finite network, layer by layer."""
        return [
            float(np.sum((own @ own.T - exact) ** 2) / np.sum(exact**2))
            for own, exact in zip(network.features, self.kernels, strict=True)
        ]


def _checked(weights, samples):
    weights = np.asarray(weights, np.float64)
    allowed = (weights >= 0) & np.isfinite(weights)
    if weights.shape != (samples,) or not (allowed.all() and weights.any()):
        raise UserError(
            f"Expected {samples} finite weights >= 0, not all of them zero. "
            f"Received: an array of shape {weights.shape}, of which "
            f"{np.sum(~allowed)} are negative or not finite and "
            f"{np.sum(weights == 0)} are zero"
        )
    return weights


def readout_error(
    infinite: InfiniteNetwork, network: FiniteNetwork, theta: Array
) -> tuple[float, float]:
    """Error of a finite network's output, and what bounds it.

    The output f(x) = <theta, phi_J(x)> becomes <A^T theta, phihat_J(x)>, for
    the readout theta `(samples,)` of the exact features.

    Returns:
        `(E|fhat - f|^2, |theta|^2 E|A phihat_J - phi_J|^2)`.
    """
    exact, own = infinite.features[-1], network.features[-1]
    turned = alignment.align(exact.T @ own / len(own)).activations(own)
    gap = turned - exact
    error = np.mean((gap @ theta) ** 2)
    bound = np.sum(theta**2) * np.mean(np.sum(gap**2, axis=1))
    return float(error), float(bound)
