"""Memory that is written again and again, so that it stays in the cache."""

import math
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.typing import DTypeLike


class Scratch:
    """Arrays that are found by name and type, and handed out in a shape.

    What an array held is lost when it is asked for again.

    Attributes:
        shape: Tuple of integers, of arrays that are asked for without one.
    """

    def __init__(self) -> None:
        self._memory: dict = {}
        self.shape: Sequence[int] = ()

    def array(
        self,
        name: str,
        dtype: DTypeLike = "float64",
        shape: Sequence[int] | None = None,
    ) -> Array:
        shape = self.shape if shape is None else shape
        size, key = math.prod(shape), (name, np.dtype(dtype))
        if key not in self._memory or self._memory[key].size < size:
            self._memory[key] = np.empty(size, dtype)
        return self._memory[key][:size].reshape(shape)
