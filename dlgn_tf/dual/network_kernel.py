"""The neural path kernel of a model, from the gates that it uses."""

import math
import time
import typing
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual import blocks, kernels
from dlgn_tf.dual.costs import most_images
from dlgn_tf.dual.coverage import structure_of
from dlgn_tf.dual.image_arrays import ImageArrays
from dlgn_tf.dual.propagation import Propagation
from dlgn_tf.dual.value_graph import plan_of
from dlgn_tf.models.classifier import single_networks
from dlgn_tf.models.images import check_images
from dlgn_tf.models.orthogonal import folded

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier
    from dlgn_tf.models.gated import GatedNetwork


def neural_path_kernel(
    model: "GatedNetwork",
    images: Array,
    others: Array | None = None,
    *,
    variances: float | Sequence[float] | None = None,
    biases: bool = False,
    single: bool = False,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> Array:
    """Neural path kernel of a model, see `dlgn_tf.dual.kernels`.

    Paths are those of the value network, which gates make active or not; a ReLU
    network is its own. They start at the normalised image, or at ones for a
    model with constant input. It is the covariance of the outputs if weights
    are independent, of mean 0 and variance 1 / (inputs of a unit); 1 /
    (positions of its window) where a layer sees the image.

    Networks of the zoo and converted ones: dense layers, convolutions of any
    padding, strides, dilation and groups, depthwise and separable ones, batch
    normalisation with the scales of evaluation mode, skips, concatenation, and
    what is linear without weights, such as average pooling. Max pooling is
    exact for the given images with *its own argmax as a gate*.

    fc and fcresnet, c1gap, c4gap and gconv have the faster ways of
    `dlgn_tf.dual.kernels`, others that of `dlgn_tf.dual.propagation`: the
    square of the positions times channels, for each pair of images and layer.

    Source: the DLGN paper (arXiv 2110.03403), section 2 and Lemmas A.1 and B.1,
    which have chains and fully connected blocks; see `dlgn_tf.dual.terms`.

    Example:

    >>> model = create_model("resnet20_dlgn", (8, 8, 1), depth=8, width=4)
    >>> dual.neural_path_kernel(model, images).shape
    (100, 100)

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        images: Array `(n, height, width, channels)` with pixels in [0, 255].
        others: Array `(m, height, width, channels)`. Defaults to `None`: the
            same images, and the kernel is symmetric.
        variances: Float or sequence of floats > 0, of the value network's
            weights, one for all or one per weight layer (a separable
            convolution is two): with them the result is the expected tangent
            kernel of one logit in these weights. Defaults to `None`: the
            normalised kernel.
        biases: Boolean. Whether paths start at biases of the value network and
            shifts of its batch normalisation too, with the values they have.
        single: Boolean. Whether inner products of gates that are not 0 or 1
            are computed in float32.
        memory_gib: Float > 0. Bound on the memory used beside model and images.
        progress: Boolean. Whether to show it.

    Returns:
        float64 array `(n, m)`.

    Raises:
        UserError: if the model has a layer of another kind, which is named, it
            does not take such images, or the memory does not suffice.
    """
    sets = _checked(model, images, others)
    structure = None if biases else structure_of(model)
    if structure is None:
        propagation = _propagation(
            model, sets, memory_gib, variances, biases, single
        )
        return propagation(memory_gib, progress)
    arrays = ImageArrays(model)(sets, memory_gib)
    options = {"windows": structure.windows} if structure.windows else {}
    kernel = getattr(kernels, structure.kind)(
        **_arguments(structure, *arrays),
        variances=variances,
        single=single,
        memory_gib=memory_gib,
        progress=progress,
        **options,
    )
    # What is pooled is the mean over the image alone.
    before, after = (
        math.prod(side + margin for side in model.image_shape[:2])
        for margin in (0, structure.margin)
    )
    return kernel if before == after else kernel * (after / before) ** 2


def expected_seconds(
    model: "ImageClassifier",
    images: Array,
    others: Array | None = None,
    *,
    memory_gib: float = 1.0,
) -> float:
    """About how long `neural_path_kernel` takes on this machine as it is now.

    A few pairs of images are timed. Fully connected networks count as 0.0: the
    gates take longer. Arguments and errors are those of `neural_path_kernel`.
    """
    sets = _checked(model, images, others)
    counts = len(sets[0]), len(sets[-1])
    structure = structure_of(model)
    if structure is None:
        few = _propagation(model, sets, memory_gib, of_block=True)
        return few.expected_seconds(*counts, others is None, memory_gib)
    if structure.kind != "convolutional":
        return 0.0
    spent = []
    for count in (1, 1, 4):
        began = time.perf_counter()
        neural_path_kernel(model, sets[0][:count], memory_gib=memory_gib)
        spent.append(time.perf_counter() - began)
    # The first one of all builds graphs.
    of_pair = max(0.0, spent[2] - spent[1]) / 9 / blocks.processors()
    symmetric = others is None
    return of_pair * blocks.pairs(counts, symmetric)


def _checked(model, images, others):
    """One or two sets of images that a single network takes."""
    single_networks(model)
    sets = [np.asarray(images)]
    if others is not None:
        sets.append(np.asarray(others))
    for each in sets:
        check_images(model, each)
    return sets


def _propagation(
    model,
    sets,
    memory_gib,
    variances=None,
    biases=False,
    single=False,
    of_block=False,
):
    """`Propagation` of all images, or of as many as a block has."""
    model = folded(model)
    plan = plan_of(model, variances, biases, memory_gib)
    if of_block:
        sets = [each[: most_images(plan)] for each in sets]
    arrays = ImageArrays(model, plan.inputs, plan.choices)(sets, memory_gib)
    derivatives = variances is not None
    return Propagation(plan, *arrays, derivatives=derivatives, single=single)


def _arguments(structure, first, other=None):
    """Gates and inputs as the function of `kernels` takes them."""
    gates, inputs = _in_order(structure, first)
    found = {"gates": gates, "inputs": inputs}
    if other is not None:
        gates, inputs = _in_order(structure, other)
        found |= {"other_gates": gates, "other_inputs": inputs}
    return found


def _in_order(structure, arrays):
    margin = (0, structure.margin)
    arrays = {
        name: np.pad(array, ((0, 0), margin, margin, (0, 0)))
        if structure.margin and array.ndim == 4
        else array
        for name, array in arrays.items()
    }
    inputs = arrays["image"]
    gates = [[arrays[site] for site in block] for block in structure.blocks]
    if structure.kind != "convolutional":
        inputs = inputs.reshape(len(inputs), -1)
    return gates if structure.kind == "residual" else gates[0], inputs
