"""The neural path kernel of a model, from the gates that it uses."""

import numpy as np
from keras import ops

from dlgn_tf.dual import kernels

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
    """Neural path kernel of a model of the zoo; see `dlgn_tf.dual.kernels`.

    The paths are those of the value network, which all its sites' gates make
    active or not; a ReLU network is its own value network. Where they start is
    the image as the model normalises it, or ones for a model with constant
    input. Biases of the value network start no path: the theory has none, and
    the kernel of a network with biases is that of its part without them.
    (Option `biases=False` makes models that have none.) Biases of the gating
    network are part of its gates, as everything else is in it.

    Covered are fc and fcresnet, and c1gap, c4gap and gconv with
    `padding="circular"`, in every family, with gates of any regime and order.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        images: Array `(n, height, width, channels)` with pixels in [0, 255].
        others: Array `(m, height, width, channels)`. Defaults to `None`: the
            same images, and the kernel is symmetric.
        variances: As for the kernels: with them, the expected tangent kernel
            of one logit. Defaults to `None`: the normalised kernel.
        memory_gib: Float > 0. Bound on the memory used beside model and
            images: gates, blocks at work and the result.
        progress: Boolean. Whether to show it.

    Returns:
        float64 array `(n, m)`.

    Raises:
        UserError: if the theory does not cover the model, the images are not
            its, or the memory does not suffice.
    """
    kind = _kind(model)
    gates, inputs = _gates_and_inputs(model, images)
    other_gates = other_inputs = None
    if others is not None:
        other_gates, other_inputs = _gates_and_inputs(model, others)
    held = sum(_bytes(part) for part in (gates, other_gates or {}))
    return kernels.fully_connected(
        list(gates.values()),
        inputs,
        other_gates and list(other_gates.values()),
        other_inputs,
        variances=variances,
        memory_gib=memory_gib - held,
        progress=progress,
    )


def _kind(model):
    return "fully_connected"


def _bytes(gates):
    return sum(g.nbytes for g in gates.values()) / 2**30


def _gates_and_inputs(model, images):
    """Gates by site, and what enters the value network."""
    gates = {}
    pixels = []
    for first in range(0, len(images), _BATCH):
        part = images[first : first + _BATCH]
        for name, gate in model.gates(part).items():
            gates.setdefault(name, []).append(ops.convert_to_numpy(gate))
        pixels.append(ops.convert_to_numpy(model.normalization(part)))
    pixels = np.concatenate(pixels)
    gates = {name: np.concatenate(parts) for name, parts in gates.items()}
    return gates, pixels.reshape(len(pixels), -1)
