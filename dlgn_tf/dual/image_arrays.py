"""What a kernel needs of images: gates, and what enters the value network."""

import math
import typing
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.command.memory import GIB
from dlgn_tf.dual import blocks
from dlgn_tf.dual.masks import PositionMap
from dlgn_tf.models.classifier import listed

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier

# Bytes of images on their way: more at a time is no faster.
_MOST_PASSING = 2**26


class ImageArrays:
    """Gates of all sites, inputs and choices of max pooling, by name.

    Hard gates are kept as bytes, and so are choices. Gates are `(n, ...)` of
    the site's shape, inputs of the tensor's, choices `(n, sites, channels)`: 1
    for the site where the largest value is, the first of several.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        inputs: Dict of tensors of `model.logits_network` by name. Defaults to
            `None`: the image, as "image".
        choices: Dict by name of a tensor that enters max pooling, and the
            `PositionMap` of what that looks at.
    """

    def __init__(
        self,
        model: "ImageClassifier",
        inputs: dict[str, Any] | None = None,
        choices: dict[str, tuple[Any, PositionMap]] | None = None,
    ) -> None:
        self._model, network = model, model.logits_network
        image = network.inputs[0]
        self._inputs = {"image": image} if inputs is None else inputs
        self._choices = choices or {}
        tensors = [*self._inputs.values()]
        tensors += [tensor for tensor, _ in self._choices.values()]
        # What is but the image needs no pass through the value network.
        self._passes = any(x is not image for x in tensors)
        if self._passes:
            self._tapped = keras.Model(network.inputs, tensors)

    def __call__(
        self, sets: Sequence[Array], memory_gib: float
    ) -> list[dict[str, Array]]:
        """Those of several sets of images.

        Raises:
            UserError: if they, a kernel and what a single image takes on its
                way do not fit.
        """
        counts = [len(images) for images in sets]
        held = sum(counts) * self._kept + 8 * counts[0] * counts[-1]
        passing = self._size * self._numbers_of_pass()
        blocks.check_memory(held + passing, counts, memory_gib)
        free = memory_gib * GIB - held
        step = max(1, int(min(free, _MOST_PASSING) // passing))
        return [self._of(images, step) for images in sets]

    @property
    def _dtype(self):
        wide = self._model.compute_dtype == "float64"
        return "float64" if wide else "float32"

    @property
    def _size(self):
        return np.dtype(self._dtype).itemsize

    @property
    def _kept(self):
        """Bytes that are kept of an image."""
        model, size = self._model, self._size
        gates = sum(map(math.prod, model.site_shapes.values()))
        inputs = sum(math.prod(x.shape[1:]) for x in self._inputs.values())
        choices = sum(
            by.index.size * tensor.shape[-1]
            for tensor, by in self._choices.values()
        )
        return (
            gates * (1 if model.hard_gates else size)
            + size * inputs
            + (choices)
        )

    def _numbers_of_pass(self):
        """Numbers that an image takes on its way, all of them counted."""
        networks = [self._model.gates_network]
        if self._passes:
            networks.append(self._tapped)
        outputs = [layer.output for x in networks for layer in x.layers]
        made = sum(math.prod(t.shape[1:]) for o in outputs for t in listed(o))
        gates = sum(map(math.prod, self._model.site_shapes.values()))
        return made + gates + 2 * math.prod(self._model.image_shape)

    def _of(self, images, step):
        """The arrays of images, so many at a time."""
        model, count = self._model, len(images)
        hard = "uint8" if model.hard_gates else self._dtype
        arrays = {
            name: np.empty((count, *shape), hard)
            for name, shape in model.site_shapes.items()
        }
        for name, tensor in self._inputs.items():
            arrays[name] = np.empty((count, *tensor.shape[1:]), self._dtype)
        for name, (tensor, by) in self._choices.items():
            shape = count, by.index.size, tensor.shape[-1]
            arrays[name] = np.empty(shape, "uint8")
        for first in range(0, count, step):
            part = slice(first, first + step)
            for name, array in self._made(images[part]):
                arrays[name][part] = array
        return arrays

    def _made(self, images):
        """Yields names and arrays of a few images."""
        for name, gate in self._model.gates(images).items():
            yield name, ops.convert_to_numpy(gate)
        if not self._passes:
            pixels = 1.0
            if self._model.value_input == "image":
                pixels = ops.convert_to_numpy(self._model.normalization(images))
            for name in self._inputs:
                yield name, pixels
            return
        entering = self._model.entering(images)
        made = listed(self._tapped(entering, training=False))
        made = list(map(ops.convert_to_numpy, made))
        yield from zip(self._inputs, made, strict=False)
        chosen = zip(self._choices, made[len(self._inputs) :], strict=True)
        for name, array in chosen:
            _, by = self._choices[name]
            yield name, _choice(array, by)


def _choice(array, by):
    """Which site of each position has the largest value, `(n, sites, c)`."""
    count, *_, channels = array.shape
    values = array.reshape(count, -1, channels)[:, by.index]
    values = np.where(by.weights[..., None] != 0, values, -np.inf)
    largest = values.argmax(axis=1)[:, None]
    slots = np.arange(len(by.index))[:, None, None]
    return (slots == largest).reshape(count, -1, channels)
