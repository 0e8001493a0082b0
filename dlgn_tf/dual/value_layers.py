"""What each kind of layer makes of a tensor with random weights.

Tensors are those of `dlgn_tf.dual.terms`. Kinds that are not listed are tried:
what has no weights, is linear and the same for each channel is a map of
positions.
"""

import dataclasses
import functools
import math
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy import ndarray as Array

from dlgn_tf.dual import terms
from dlgn_tf.dual.coverage import is_own, unusual_options
from dlgn_tf.dual.masks import constant
from dlgn_tf.dual.position_maps import (
    Window,
    position_map,
    space_of,
    window_of,
)
from dlgn_tf.dual.terms import Stream
from dlgn_tf.layers import TwoLogits
from dlgn_tf.layers.batch_norm import scale_and_shift, scales_channels


def _check_plain(layer, *allowed):
    """Raises a `ValueError` if a layer has options beyond those allowed."""
    if is_own(layer):
        raise ValueError("is of a kind of its own")
    for option in unusual_options(layer):
        if option.split("=")[0] not in allowed:
            raise ValueError(f"has {option}")


@functools.singledispatch
def through(
    layer: keras.layers.Layer, reading: Any, streams: list[Stream]
) -> Stream:
    """What a layer makes of streams; a `ValueError` says why not.

    Args:
        layer: Layer of a value network.
        reading: The plan on its way, see `dlgn_tf.dual.value_graph`.
        streams: List of the `Stream` that enter.
    """
    if layer.weights:
        raise ValueError("has weights of another kind")
    if len(streams) != 1:
        raise ValueError("takes several tensors")
    (stream,) = streams
    by = position_map(layer)
    if stream.flat:
        if by is not None:
            raise ValueError("changes what has been flattened")
        return stream
    made = stream if by is None else stream.moved(by)
    return made.widened(0, layer.output.shape[-1])


@through.register(layers.Dense)
def _(layer, reading, streams):
    _check_plain(layer)
    (stream,) = streams
    window = None if stream.flat else Window()
    after = (1, 1) if stream.flat else stream.space
    return reading.weighted(layer, stream, window, layer.units, after)


@through.register(layers.Conv2D)
def _(layer, reading, streams):
    _check_plain(layer, "groups", "dilation_rate")
    (stream,) = streams
    after = space_of(layer.output.shape[1:])
    window = window_of(layer, stream.space, after)
    return reading.weighted(
        layer, stream, window, layer.filters, after, layer.groups
    )


@through.register(layers.DepthwiseConv2D)
def _(layer, reading, streams):
    _check_plain(layer, "dilation_rate")
    return reading.biased(layer, _depthwise(layer, reading, *streams))


@through.register(layers.SeparableConv2D)
def _(layer, reading, streams):
    _check_plain(layer, "dilation_rate")
    stream = _depthwise(layer, reading, *streams)
    return reading.weighted(
        layer, stream, Window(), layer.filters, stream.space
    )


def _depthwise(layer, reading, stream):
    """A random scale of each channel for each place of a window."""
    after = space_of(layer.output.shape[1:])
    window = window_of(layer, stream.space, after)
    variance = reading.variance(layer, window.places)
    return terms.added(
        [
            stream.moved(shift)
            .repeated(layer.depth_multiplier)
            .signed((layer.name, place), variance)
            for place, shift in enumerate(window.shifts(stream.space, after))
        ]
    )


@through.register(layers.BatchNormalization)
def _(layer, reading, streams):
    if not scales_channels(layer):
        raise ValueError("is no batch normalisation of the last axis")
    return _affine(reading, *streams, *scale_and_shift(layer))


@through.register(layers.Rescaling)
def _(layer, reading, streams):
    both = np.asarray(layer.scale), np.asarray(layer.offset)
    if any(x.ndim > 1 for x in both):
        raise ValueError("scales positions differently")
    units = layer.output.shape[-1]
    of_units = (np.broadcast_to(x.astype("float64"), units) for x in both)
    return _affine(reading, *streams, *of_units)


def _affine(reading, stream, scale, shift):
    """Each unit times a number, and plus another if biases start paths."""
    shape = (-1, stream.channels)
    made = stream.masked(constant(scale.reshape(shape)))
    return made.shifted(shift.reshape(shape)) if reading.biases else made


@through.register(layers.Add)
def _(layer, reading, streams):
    return terms.added(_of_one_shape(streams))


@through.register(layers.Average)
def _(layer, reading, streams):
    made = terms.added(_of_one_shape(streams))
    return made.masked(constant(np.full((1, made.channels), 1 / len(streams))))


@through.register(layers.Subtract)
def _(layer, reading, streams):
    first, second = _of_one_shape(streams)
    minus: Array = np.full((1, second.channels), -1.0)
    return terms.added([first, second.masked(constant(minus))])


@through.register(layers.Concatenate)
def _(layer, reading, streams):
    if layer.axis not in (-1, len(layer.output.shape) - 1):
        raise ValueError(f"joins along axis {layer.axis}, not along channels")
    if any(x.flat for x in streams):
        raise ValueError("joins flattened tensors")
    return terms.concatenated(streams)


@through.register(layers.Flatten)
def _(layer, reading, streams):
    (stream,) = streams
    flat = stream.flat or stream.positions > 1
    return dataclasses.replace(stream, flat=flat)


@through.register(layers.Reshape)
def _(layer, reading, streams):
    (stream,) = streams
    target = layer.output.shape[1:]
    if stream.positions == 1 and math.prod(target) == target[-1]:
        return stream
    if target == (stream.positions * stream.channels,):
        return dataclasses.replace(stream, flat=True)
    raise ValueError(f"makes {tuple(target)} of positions and channels")


@through.register(TwoLogits)
def _(layer, reading, streams):
    # The kernel is that of the one output.
    return streams[0]


@through.register(layers.MaxPooling2D)
@through.register(layers.GlobalMaxPooling2D)
def _(layer, reading, streams):
    return reading.chosen(layer, *streams)


def _of_one_shape(streams):
    shapes = {(x.space, x.channels, x.flat) for x in streams}
    if len(shapes) > 1:
        raise ValueError("takes tensors of different shapes")
    return streams
