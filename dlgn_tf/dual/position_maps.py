"""What layers do to positions: measured where they have no weights."""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.dual.masks import PositionMap
from dlgn_tf.layers import SubsampleAndPad
from dlgn_tf.layers.precision import double_precision

# Relative deviations of what a layer computes that are taken for rounding.
_TOLERANCE = 1e-4
# Options that a layer is given where it is tried on images of one channel.
_OF_ONE_CHANNEL = {SubsampleAndPad: {"filters": 1}}


@dataclasses.dataclass(frozen=True)
class Window:
    """Where the windows of a convolution lie.

    Attributes:
        side: Tuple `(height, width)`.
        strides: Tuple of two integers.
        dilation: Tuple of two integers.
        before: Tuple of two integers, rows and columns of zeros that come
            before the image.
    """

    side: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)

    @property
    def places(self) -> int:
        return math.prod(self.side)

    def ranges(
        self, axis: int, entering: int, leaving: int
    ) -> Iterable[tuple[slice, slice]]:
        """For each place of a window which positions it leads from and to.

        Slices of positions that leave, and of those that enter, along an axis
        of so many of each. Places that see zeros alone are left out.
        """
        side, stride = self.side[axis], self.strides[axis]
        for place in range(side):
            offset = place * self.dilation[axis] - self.before[axis]
            first = max(0, -(offset // stride))
            last = min(leaving - 1, (entering - 1 - offset) // stride)
            if first <= last:
                start = first * stride + offset
                stop = last * stride + offset + 1
                yield slice(first, last + 1), slice(start, stop, stride)

    def shifts(
        self, space: tuple[int, int], after: tuple[int, int]
    ) -> list[PositionMap]:
        """For each place of the window, what every position finds there."""
        own = np.arange(math.prod(space)).reshape(space)
        maps = []
        for places in itertools.product(*map(range, self.side)):
            index = np.zeros((1, *after), int)
            weights = np.zeros((1, *after))
            top, left = np.array(self.before) - np.multiply(
                places, self.dilation
            )
            one = dataclasses.replace(self, side=(1, 1), before=(top, left))
            for rows, taken_rows in one.ranges(0, space[0], after[0]):
                for columns, taken in one.ranges(1, space[1], after[1]):
                    index[0, rows, columns] = own[taken_rows, taken]
                    weights[0, rows, columns] = 1
            maps.append(
                PositionMap(index.reshape(1, -1), weights.reshape(1, -1), after)
            )
        return maps


def window_of(
    layer: keras.layers.Layer, space: tuple[int, int], after: tuple[int, int]
) -> Window:
    """The windows of a convolution from so many positions to so many.

    'same' padding is TensorFlow's: the larger margin comes last.
    """
    before = (0, 0)
    sizes = zip(
        space,
        after,
        layer.kernel_size,
        layer.strides,
        layer.dilation_rate,
        strict=True,
    )
    if layer.padding == "same":
        missing = (
            (count - 1) * stride + (side - 1) * dilation + 1 - size
            for size, count, side, stride, dilation in sizes
        )
        before = tuple(max(x, 0) // 2 for x in missing)
    return Window(
        tuple(layer.kernel_size),
        tuple(layer.strides),
        tuple(layer.dilation_rate),
        before,
    )


def space_of(shape: tuple) -> tuple[int, int]:
    """Positions `(height, width)` of a tensor without its batch dimension.

    `(height, width, channels)`, or `(units,)`, which have one position.
    """
    return tuple(shape[:2]) if len(shape) == 3 else (1, 1)


def position_map(layer: keras.layers.Layer) -> PositionMap | None:
    """What a layer without weights does to positions, tried on images.

    Args:
        layer: Layer of one tensor, `(height, width, channels)` or `(units,)`,
            and one output of these ranks. It may append channels of zeros.

    Returns:
        `PositionMap`, or None: the identity.

    Raises:
        ValueError: with a reason in words, where the layer is not linear or not
            the same for each channel.
    """
    entering, leaving = layer.input.shape[1:], layer.output.shape[1:]
    with double_precision():
        matrix = _matrix(layer, entering)
        _check(layer, matrix, entering, leaving)
    after = space_of(leaving)
    if after == space_of(entering) and np.array_equal(
        matrix, np.eye(len(matrix))
    ):
        return None
    return _map(matrix, after)


def pooling_windows(layer: keras.layers.Layer) -> PositionMap:
    """Which positions each of a max pooling looks at; weights are 0 or 1."""
    name = type(layer).__name__.replace("Max", "Average")
    twin = getattr(keras.layers, name).from_config(layer.get_config())
    with double_precision():
        matrix = _matrix(twin, layer.input.shape[1:])
    return _map(1.0 * (matrix != 0), space_of(layer.output.shape[1:]))


def _matrix(layer, entering):
    """float64 `(leaving, entering)`, of a layer like it and one channel."""
    config = {**layer.get_config(), "dtype": "float64"}
    config |= _OF_ONE_CHANNEL.get(type(layer), {})
    count = math.prod(space_of(entering))
    basis = np.eye(count).reshape(count, *entering[:-1], 1)
    try:
        twin = type(layer).from_config(config)
        made = ops.convert_to_numpy(_called(twin, basis))
    # A layer of one's own may raise anything.
    except Exception as error:
        raise ValueError("depends on the number of channels") from error
    return made.reshape(count, -1).T.astype("float64")


def _check(layer, matrix, entering, leaving):
    """Raises a `ValueError` unless a layer does that with each channel."""
    shape = math.prod(space_of(leaving)), math.prod(space_of(entering))
    channels = entering[-1]
    if matrix.shape != shape or leaving[-1] < channels:
        raise ValueError("mixes channels")
    images = np.random.default_rng(0).normal(size=(2, *entering))
    made = ops.convert_to_numpy(_called(layer, images)).astype("float64")
    expected = np.zeros((2, shape[0], leaving[-1]))
    flat = images.reshape(2, shape[1], channels)
    expected[..., :channels] = np.einsum("pq,nqc->npc", matrix, flat)
    apart = np.abs(made.reshape(expected.shape) - expected).max()
    if not apart <= _TOLERANCE * max(1.0, np.abs(expected).max()):
        raise ValueError("is not linear, or not the same for each channel")


def _called(layer: Any, images: Array) -> Any:
    tensor = ops.convert_to_tensor(images, layer.compute_dtype)
    try:
        return layer(tensor, training=False)
    except TypeError:
        return layer(tensor)


def _map(matrix: Array, after: tuple[int, int]) -> PositionMap:
    """The map of a matrix `(leaving, entering)`."""
    present = matrix != 0
    slots = max(1, int(present.sum(axis=1).max()))
    # Entries other than 0 first, in their order.
    index = np.argsort(~present, axis=1, kind="stable")[:, :slots].T
    weights = np.take_along_axis(matrix.T, index, axis=0)
    return PositionMap(index, weights, after)
