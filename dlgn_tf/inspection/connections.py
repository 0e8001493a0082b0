"""Weighted connections between single units, of every kind of layer.

A linear layer written out: which units a unit takes from, and by what they are
multiplied. It is what paths run along. The units of a tensor are counted in
row-major order.
"""

import dataclasses
import math

import numpy as np
from keras import layers, ops

from dlgn_tf.inspection.affine import applied

# Numbers that a layer puts out at a time where it is written out by itself.
_NUMBERS = 2**24


@dataclasses.dataclass(frozen=True)
class Connections:
    """Groups of units that take from the same sources.

    Of a convolution a group is the channels at one position; unit u stands in
    group u // size, with `size` units in each.

    Attributes:
        sources: Integers `(groups, fan)`; -1 stands for none, such as zeros
            beyond the edge of an image.
        weights: float64 `(groups, size, fan)`, or `(1, size, fan)` where all
            groups have the same.
    """

    sources: np.ndarray
    weights: np.ndarray

    @property
    def count(self):
        groups, fan = self.sources.shape
        return groups * self.weights.shape[1] * fan

    def weight(self, unit, position):
        """Weight of the connection at a position of a unit's sources."""
        group, within = divmod(unit, self.weights.shape[1])
        return self.weights[group % len(self.weights), within, position]

    def source(self, unit, position):
        """The unit at a position of a unit's sources."""
        return self.sources[unit // self.weights.shape[1], position]


def scaled(factors):
    """Every unit from the one in its place, times a factor of its own."""
    flat = np.asarray(factors, "float64").reshape(-1, 1, 1)
    return Connections(np.arange(len(flat))[:, None], flat)


def connections_of(step, shapes):
    """The `Connections` of a linear step of an `AffineNetwork`.

    `shapes` are those of the tensors it takes, without the batch dimension.
    Their units are counted through, one after the other.
    """
    layer, (shape, *_) = step.linear, shapes
    if layer is None:
        return scaled(np.broadcast_to(step.scale, step.shape))
    if not _is_usual(layer):
        return _written_out(step, shapes)
    if isinstance(layer, layers.Dense) and len(shape) == 1:
        kernel = ops.convert_to_numpy(layer.kernel)
        return Connections(
            np.arange(kernel.shape[0])[None], kernel.T[None].astype("float64")
        )
    if isinstance(layer, layers.Conv2D):
        return _convolution(layer, shape)
    if isinstance(layer, layers.AveragePooling2D):
        return _average(layer, shape)
    if isinstance(layer, layers.GlobalAveragePooling2D):
        sources = _units(shape).reshape(-1, shape[-1]).T
        return _mean(sources)
    if isinstance(layer, layers.Add):
        units = np.arange(np.prod(step.shape))
        sources = units[:, None] + len(units) * np.arange(len(shapes))
        return Connections(sources, np.ones((1, 1, len(shapes))))
    return _rearranged(step, shapes) or _written_out(step, shapes)


def _is_usual(layer):
    """Whether its options have the values that the functions here assume."""
    return (
        getattr(layer, "data_format", None) in (None, "channels_last")
        and getattr(layer, "groups", 1) == 1
        and tuple(getattr(layer, "dilation_rate", (1, 1))) == (1, 1)
    )


def _units(shape):
    return np.arange(np.prod(shape)).reshape(shape)


def _convolution(layer, shape):
    kernel = np.asarray(ops.convert_to_numpy(layer.kernel), "float64")
    sources = windows(shape, kernel.shape[:2], layer.strides, layer.padding)
    rows, columns = sources.shape[:2]
    return Connections(
        sources.reshape(rows * columns, -1),
        kernel.reshape(-1, kernel.shape[-1]).T[None],
    )


def _average(layer, shape):
    seen = windows(shape, layer.pool_size, layer.strides, layer.padding)
    # Rows, columns and channels are the units, a window each its sources.
    seen = np.moveaxis(seen, -1, 2)
    return _mean(seen.reshape(-1, np.prod(layer.pool_size)))


def _mean(sources):
    """Each unit the mean of its sources, those beyond the edge left out."""
    there = np.sum(sources >= 0, axis=1)
    weights = np.repeat(1 / there[:, None], sources.shape[1], axis=1)
    return Connections(sources, weights[:, None])


def windows(shape, size, strides, padding):
    """Units in each window, `(rows, columns, height, width, channels)`.

    Their numbers in a flattened image of a shape `(height, width, channels)`;
    -1 beyond its edge. Padding is `"valid"` or `"same"`, the odd pixel after
    the image. The window fits.
    """
    margins = [
        _margins(*side, padding)
        for side in zip(shape[:2], size, strides, strict=True)
    ]
    units = np.pad(_units(shape), [*margins, (0, 0)], constant_values=-1)
    seen = np.lib.stride_tricks.sliding_window_view(units, size, (0, 1))
    return np.moveaxis(seen[:: strides[0], :: strides[1]], 2, -1)


def _margins(side, window, stride, padding):
    """Zeros before and after; with 'same' the last margin is the larger."""
    if padding == "valid":
        return 0, 0
    total = max((-(-side // stride) - 1) * stride + window - side, 0)
    return total // 2, total - total // 2


def _rearranged(step, shapes):
    """A layer that moves units or adds zeros: it says itself, by numbers.

    None if it does something else.
    """
    count = sum(map(math.prod, shapes))
    numbers = np.arange(1.0, count + 1)
    sources = np.rint(_values(step, shapes, numbers[None])).astype(int) - 1
    if not np.all((sources >= -1) & (sources < count)):
        return None
    # Numbers in another order tell moving from computing.
    others = np.random.default_rng(0).permutation(numbers)
    expected = np.append(others, 0.0)[sources]
    if not np.allclose(_values(step, shapes, others[None]), expected):
        return None
    return Connections(sources.reshape(-1, 1), np.ones((1, 1, 1)))


def _written_out(step, shapes):
    """Any linear layer: what it makes of each unit by itself."""
    count, units = sum(map(math.prod, shapes)), math.prod(step.shape)
    at_a_time = max(1, _NUMBERS // max(count, units))
    taken, numbers = [], []
    for first in range(0, count, at_a_time):
        rows = np.arange(first, min(first + at_a_time, count))
        alone = np.zeros((len(rows), count))
        alone[np.arange(len(rows)), rows] = 1
        made = _values(step, shapes, alone)
        where = np.nonzero(made)
        taken.append(np.stack([where[1], rows[where[0]]]))
        numbers.append(made[where])
    (unit, source), weight = np.concatenate(taken, 1), np.concatenate(numbers)
    order = np.lexsort((source, unit))
    unit, source, weight = unit[order], source[order], weight[order]
    fans = np.bincount(unit, minlength=units)
    position = np.arange(len(unit)) - np.repeat(np.cumsum(fans) - fans, fans)
    sources = np.full((units, max(1, fans.max())), -1)
    weights = np.zeros((units, 1, sources.shape[1]))
    sources[unit, position] = source
    weights[unit, 0, position] = weight
    return Connections(sources, weights)


def _values(step, shapes, flat):
    """What a step makes of rows of units, counted through: `(rows, units)`."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    taken = [
        ops.convert_to_tensor(part.reshape(-1, *shape), "float64")
        for part, shape in zip(
            np.split(flat, ends, axis=1), shapes, strict=True
        )
    ]
    made = ops.convert_to_numpy(applied(step.linear, taken))
    return made.reshape(len(flat), -1)
