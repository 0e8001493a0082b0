"""The neural path kernel of a model, from the gates that it uses."""

import math

import numpy as np
from keras import ops

from dlgn_tf.dual import blocks
from dlgn_tf.dual import kernels
from dlgn_tf.dual.coverage import structure_of
from dlgn_tf.models.relu import ReLUNetwork

# Images whose gates are asked of the model at a time.
_BATCH = 100


def neural_path_kernel(
    model,
    images,
    others=None,
    *,
    variances=None,
    memory_gib=1.0,
    progress=False,
):
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
        memory_gib: Float > 0. Bound on the memory used beside model and images:
            gates, blocks at work and the result.
        progress: Boolean. Whether to show it.

    Returns:
        float64 array `(n, m)`.

    Raises:
        UserError: if the theory does not cover the model, or the memory does
            not suffice.
    """
    structure = structure_of(model)
    sets = [images] if others is None else [images, others]
    _check_memory(model, sets, memory_gib)
    arguments = [
        _in_order(structure, *_gates_and_inputs(model, each)) for each in sets
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


def _gates_and_inputs(model, images):
    """Gates by site, and what enters the value network.

    Hard gates are kept as bytes.
    """
    dtype = "uint8" if _is_hard(model) else "float32"
    count = len(images)
    gates = {
        name: np.empty((count, *shape), dtype)
        for name, shape in model.site_shapes.items()
    }
    inputs = np.ones((count, *model.image_shape), "float32")
    for first in range(0, count, _BATCH):
        part = slice(first, first + _BATCH)
        for name, gate in model.gates(images[part]).items():
            gates[name][part] = ops.convert_to_numpy(gate)
        if getattr(model, "value_input", "image") == "image":
            pixels = model.normalization(images[part])
            inputs[part] = ops.convert_to_numpy(pixels)
    return gates, inputs


def _is_hard(model):
    if isinstance(model, ReLUNetwork):
        return model.activation == "relu"
    return model.gate.kind == "hard"


def _check_memory(model, sets, memory_gib):
    """Refuses before the gates are there what cannot fit with them."""
    gates = sum(map(math.prod, model.site_shapes.values()))
    gates *= 1 if _is_hard(model) else 4
    pixels = 4 * math.prod(model.image_shape)
    counts = [len(images) for images in sets]
    held = sum(counts) * (gates + pixels)
    blocks.check_memory(held + 8 * counts[0] * counts[-1], counts, memory_gib)
