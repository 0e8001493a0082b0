"""Paths of tiny networks, one by one: the definitions, as they are written.

What is computed elsewhere by recursions is enumerated here, in float64 NumPy:
paths, the activity, feature and value of each, and the overlap of two images.
There are as many as the formulas below say, so this is for networks of a few
units, for looking at them and for testing the rest.

Source: the DLGN paper (arXiv 2110.03403), section 2, appendices A and B.
"""

import dataclasses
import itertools
import math

import numpy as np

from dlgn_tf.errors import UserError

MOST_PATHS = 2_000_000


@dataclasses.dataclass(frozen=True)
class Paths:
    """The paths of a network and what n images make of them.

    Paths that share all their weights (of a convolution, starting at different
    positions) are a bundle; elsewhere each path is a bundle of its own.

    Attributes:
        start: Integers `(paths,)`, the input node where each begins.
        bundle: Integers `(paths,)`, from 0.
        activity: float64 `(n, paths)`, the product of the gates on each path
            and, for convolutions, of the pooling's 1 / positions.
        weight: float64 `(paths,)`, the product of the weights on each.
        inputs: float64 `(n, nodes)`, what the value network sees.
    """

    start: np.ndarray
    bundle: np.ndarray
    activity: np.ndarray
    weight: np.ndarray
    inputs: np.ndarray

    @property
    def features(self):
        """Neural path features phi `(n, bundles)`."""
        terms = self.inputs[:, self.start] * self.activity
        features = np.zeros((self.bundle.max() + 1, len(terms)))
        np.add.at(features, self.bundle, terms.T)
        return features.T

    @property
    def values(self):
        """Neural path values v `(bundles,)`: the products of the weights."""
        values = np.empty(self.bundle.max() + 1)
        values[self.bundle] = self.weight
        return values

    def output(self):
        """<phi_x, v> `(n,)`: what the network computes, without biases."""
        return self.features @ self.values

    def kernel(self):
        """The neural path kernel H `(n, n)`, not normalised."""
        return self.features @ self.features.T

    def overlap(self, node, first, second):
        """How many paths from an input node are active for both images.

        Of soft gates: the sum of the products of both activities. The pooling
        is left out.

        Args:
            node: Integer, the input node.
            first: Integer, number of an image.
            second: Integer, number of another.
        """
        both = self.activity[first] * self.activity[second]
        scale = np.max(self.activity, initial=0)
        ...
