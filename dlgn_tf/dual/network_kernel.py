"""The neural path kernel of a model, from the gates that it uses."""

import math
import typing
from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.command.memory import GIB
from dlgn_tf.dual import blocks, kernels
from dlgn_tf.dual.coverage import structure_of
from dlgn_tf.models.classifier import listed
from dlgn_tf.models.images import check_images

if typing.TYPE_CHECKING:
    from dlgn_tf.models.gated import GatedNetwork


# Bytes of images on their way: more at a time is no faster.
_MOST_PASSING = 2**26


def neural_path_kernel(
    model: "GatedNetwork",
    images: Array,
    others: Array | None = None,
    *,
    variances: float | Sequence[float] | None = None,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> Array:
    """Neural path kernel of a model of the zoo, see `dlgn_tf.dual.kernels`.

    The paths are those of the value network, which the gates of its sites make
    active or not; a ReLU network is its own value network. They start at the
    image as the model normalises it, or at ones for a model with constant
    input.

    Biases of the value network start no path. The theory has none: the kernel
    of a network with biases is that of its part without them, and option
    `biases=False` makes models that have none. Biases of the gating network are
    part of how gates are made, and may be there.

    Covered are fc and fcresnet, and c1gap, c4gap and gconv with
    `padding="circular"`, in every family, with gates of any regime and order.

    Example:

    >>> model = create_model("c4gap_dlgn", (8, 8, 1), padding="circular")
    >>> dual.neural_path_kernel(model, images).shape
    (100, 100)

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        images: Array `(n, height, width, channels)` with pixels in [0, 255].
        others: Array `(m, height, width, channels)`. Defaults to `None`: the
            same images, and the kernel is symmetric.
        variances: As for the kernels, of the value network's weights: with them
            the result is the expected tangent kernel of one logit. Defaults to
            `None`: the normalised kernel.
        memory_gib: Float > 0. Bound on the memory used beside model and images.
        progress: Boolean. Whether to show it.

    Returns:
        float64 array `(n, m)`.

    Raises:
        UserError: if the theory does not cover the model, it does not take such
            images, or the memory does not suffice.
    """
    structure = structure_of(model)
    sets = [np.asarray(images)]
    if others is not None:
        sets.append(np.asarray(others))
    for each in sets:
        check_images(model, each)
    step = _images_at_a_time(model, sets, memory_gib)
    arguments = [
        _in_order(structure, *_gates_and_inputs(model, each, step))
        for each in sets
    ]
    (gates, inputs), (other_gates, other_inputs) = (*arguments, (None, None))[
        :2
    ]
    options = {"windows": structure.windows} if structure.windows else {}
    return getattr(kernels, structure.kind)(
        gates,
        inputs,
        other_gates=other_gates,
        other_inputs=other_inputs,
        variances=variances,
        memory_gib=memory_gib,
        progress=progress,
        **options,
    )


def _in_order(structure, gates, inputs):
    """Gates by name and inputs as the function of `kernels` takes them."""
    if structure.kind != "convolutional":
        inputs = inputs.reshape(len(inputs), -1)
    if structure.kind == "residual":
        return [[gates[s] for s in sites] for sites in structure.blocks], inputs
    return list(gates.values()), inputs


def _gates_and_inputs(model, images, step):
    """Gates by site, and what enters the value network.

    Hard gates are kept as bytes.
    """
    dtype = _dtype(model)
    count = len(images)
    gates = {
        name: np.empty((count, *shape), "uint8" if model.hard_gates else dtype)
        for name, shape in model.site_shapes.items()
    }
    inputs = np.ones((count, *model.image_shape), dtype)
    for first in range(0, count, step):
        part = slice(first, first + step)
        for name, gate in model.gates(images[part]).items():
            gates[name][part] = ops.convert_to_numpy(gate)
        if model.value_input == "image":
            pixels = model.normalization(images[part])
            inputs[part] = ops.convert_to_numpy(pixels)
    return gates, inputs


def _dtype(model):
    return "float64" if model.compute_dtype == "float64" else "float32"


def _images_at_a_time(model, sets, memory_gib):
    """How many images go through the gating network together.

    A `UserError` if gates, inputs, the kernel and what a single image takes on
    its way do not fit.
    """
    size = np.dtype(_dtype(model)).itemsize
    gates = sum(map(math.prod, model.site_shapes.values()))
    pixels = math.prod(model.image_shape)
    kept = gates * (1 if model.hard_gates else size) + size * pixels
    counts = [len(images) for images in sets]
    held = sum(counts) * kept + 8 * counts[0] * counts[-1]
    passing = size * _numbers_of_pass(model)
    blocks.check_memory(held + passing, counts, memory_gib)
    free = memory_gib * GIB - held
    return max(1, int(min(free, _MOST_PASSING) // passing))


def _numbers_of_pass(model):
    """Numbers that making the gates of an image takes, all of them counted."""
    outputs = [layer.output for layer in model.gates_network.layers]
    made = sum(math.prod(t.shape[1:]) for o in outputs for t in listed(o))
    gates = sum(map(math.prod, model.site_shapes.values()))
    return made + gates + 2 * math.prod(model.image_shape)
