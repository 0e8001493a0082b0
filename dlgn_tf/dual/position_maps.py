"""What layers do to positions: measured where they have no weights."""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import scipy.sparse
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.dual.masks import PositionMap
from dlgn_tf.layers import SubsampleAndPad
from dlgn_tf.layers.precision import double_precision

# Relative deviations of what a layer computes that are taken for rounding: some
# operations compute in float32 even if asked for float64.
_TOLERANCE = 1e-5
# Standard deviations of the images that it is tried on: what is clipped at
# large numbers is linear at small ones.
_SCALES = (1.0, 1e3, 1e6)
# Numbers that it is given, and that it makes, at a time.
_NUMBERS = 2**22
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

    `(height, width, channels)`, or `(units,)`, which have one position; a
    `ValueError` refuses others.
    """
    if len(shape) not in (1, 3):
        raise ValueError("takes or makes no image and no vector")
    return (shape[0], shape[1]) if len(shape) == 3 else (1, 1)


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
    after, channels = space_of(leaving), entering[-1]
    rng = np.random.default_rng(0)
    images = np.stack([k * rng.normal(size=entering) for k in _SCALES])
    with double_precision():
        made = _called(layer, images)
        if made.shape == images.shape and np.array_equal(made, images):
            return None
        matrix = _matrix(layer, entering, after)
    if made.shape[-1] < channels:
        raise ValueError("mixes channels")
    made = made.reshape(len(made), -1, made.shape[-1])
    for image, found in zip(images, made, strict=True):
        expected = np.zeros(found.shape)
        expected[:, :channels] = matrix @ image.reshape(-1, channels)
        apart = np.abs(found - expected).max()
        if not apart <= _TOLERANCE * np.abs(expected).max():
            raise ValueError("is not linear, or not the same for each channel")
    return _map(matrix, after)


def pooling_windows(layer: keras.layers.Layer) -> PositionMap:
    """Which positions each of a max pooling looks at; weights are 0 or 1."""
    name = type(layer).__name__.replace("Max", "Average")
    twin = getattr(keras.layers, name).from_config(layer.get_config())
    after = space_of(layer.output.shape[1:])
    with double_precision():
        matrix = _matrix(twin, layer.input.shape[1:], after)
    matrix.data[:] = 1
    return _map(matrix, after)


def _matrix(layer, entering, after):
    """Sparse float64 `(leaving, entering)`, of images of one channel."""
    shape, count = math.prod(after), math.prod(space_of(entering))
    options = _OF_ONE_CHANNEL.get(type(layer), {})
    step, parts = max(1, _NUMBERS // max(shape, count)), []
    for first in range(0, count, step):
        basis = np.eye(min(step, count - first), count, first)
        made = _called(layer, basis.reshape(-1, *entering[:-1], 1), options)
        if made.size != shape * len(basis):
            raise ValueError("mixes channels")
        parts.append(scipy.sparse.csr_array(made.reshape(len(basis), -1)))
    return scipy.sparse.vstack(parts).T.tocsr()


def _called(layer, images, options=None):
    """float64 of what a layer like it makes of images, in float64."""
    config = {**layer.get_config(), "dtype": "float64", **(options or {})}
    try:
        twin: Any = type(layer).from_config(config)
        tensor = ops.convert_to_tensor(images, "float64")
        try:
            made = twin(tensor, training=False)
        except TypeError:
            made = twin(tensor)
        return ops.convert_to_numpy(made).astype("float64")
    # A layer of one's own may raise anything.
    except Exception as error:
        raise ValueError("depends on the number of channels") from error


def _map(matrix: scipy.sparse.csr_array, after: tuple[int, int]) -> PositionMap:
    """The map of a matrix `(leaving, entering)`."""
    counts = np.diff(matrix.indptr)
    slots = max(1, int(counts.max()))
    present = np.arange(slots)[:, None] < counts
    index = np.zeros(present.shape, int)
    weights: Array = np.zeros(present.shape)
    # Entries come by rows, in their order.
    index.T[present.T] = matrix.indices
    weights.T[present.T] = matrix.data
    return PositionMap(index, weights, after)
