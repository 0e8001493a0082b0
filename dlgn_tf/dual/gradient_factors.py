"""Gradients of images, in a form that makes scalar products of them cheap."""

import dataclasses
import math

import keras
import numpy as np
from numpy import ndarray as Array

# A backend holds a layer's output and the derivative in it, and while it
# computes copies of both.
_TENSORS_HELD = 4


@dataclasses.dataclass(frozen=True)
class Factors:
    """What the scalar products of gradients in one weight follow from.

    Attributes:
        left: float64 array `(images, size)`, the gradients; or `(images,
            places, inputs)`.
        right: None; or float64 array `(images, places, outputs)`: gradients are
            the products of both, summed over places.
    """

    left: np.ndarray
    right: np.ndarray | None = None

    def __getitem__(self, images):
        right = None if self.right is None else self.right[images]
        return Factors(self.left[images], right)

    def gram(self, others: "Factors") -> Array:
        """Scalar products with the gradients of others, `(n, m)`."""
        if self.right is None:
            return self.left @ others.left.T
        product = _pairs(self.left, others.left)
        product *= _pairs(self.right, others.right)
        return product.sum(axis=(1, 3))


def bytes_of_pass(network: keras.Model) -> int:
    """What an image's way forward and back needs, from above."""
    numbers = sum(math.prod(v.shape) for v in network.trainable_variables)
    for layer in network.layers:
        for tensor in keras.tree.flatten(layer.output):
            numbers += _TENSORS_HELD * math.prod(tensor.shape[1:])
    return numbers * (8 if network.compute_dtype == "float64" else 4)


def _pairs(first, second):
    """Scalar products of all images at all places, `(n, p, m, q)`."""
    shapes = (*first.shape[:2], *second.shape[:2])
    rows, columns = (x.reshape(-1, x.shape[-1]) for x in (first, second))
    return (rows @ columns.T).reshape(shapes)
