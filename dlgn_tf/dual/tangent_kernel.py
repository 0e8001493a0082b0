"""The empirical neural tangent kernel of a network, and its two parts."""

import dataclasses
import itertools
import typing

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.command.memory import GIB, least_gib
from dlgn_tf.command.progress import Progress
from dlgn_tf.errors import UserError

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier


# A longer batch makes no product faster.
_MOST_IMAGES = 64


@dataclasses.dataclass(frozen=True)
class TangentKernel:
    """Scalar products of the gradients of a logit, in groups of weights.

    `total`, `value` and `gating` are the kernel and its two parts.

    Attributes:
        parts: Dict from network to float64 array `(n, m)`: `"value"` and
            `"gating"` of a gated network, `"network"` of a ReLU network.
    """

    parts: dict

    @property
    def total(self) -> Array:
        return sum(self.parts.values())

    @property
    def value(self) -> Array | None:
        """The part of the value network's weights, None in a ReLU network."""
        return self.parts.get("value")

    @property
    def gating(self) -> Array | None:
        """The part of the gating network's weights; 0 for hard gates."""
        return self.parts.get("gating")


def empirical_ntk(
    model: "ImageClassifier",
    images: Array,
    others: Array | None = None,
    *,
    logit: int | str = "sum",
    memory_gib: float = 1.0,
    progress: bool = False,
) -> TangentKernel:
    """K(x, x') = <gradient of a logit at x, the same at x'>, in all weights.

    Gradients are those of evaluation mode, computed in the model's precision;
    their products are float64. Weights of a frozen network are constants, and
    hard gates pass no gradient.

    Source: the NTK of the DLGN paper (arXiv 2110.03403), section 3, with its
    parts K^v and K^f.

    Args:
        model: `ReLUNetwork` or `GatedNetwork`.
        images: `(n, height, width, channels)` as stored, in [0, 255].
        others: `(m, ...)` of the same kind. Defaults to `images`.
        logit: Integer, which logit; `"sum"`, the sum of all logits; `"each"`:
            the kernels of all logits, summed. Defaults to `"sum"`.
        memory_gib: Float. What may be held besides the result, roughly. With
            little of it gradients are computed several times over.
        progress: Boolean. Whether to show it.

    Raises:
        UserError: if the model is none of these kinds, does not take such
            images, there is no such logit, or the memory is too small.
    """
    from dlgn_tf.models.images import check_images

    gradients = _gradients(model)
    for each in [images] if others is None else [images, others]:
        check_images(model, each)
    classes = model.classes
    _check_logit(logit, classes)
    rows, batch = _block_sizes(gradients, len(images), memory_gib)
    blocks = _Blocks(images, others, rows, batch)
    logits = range(classes) if logit == "each" else [logit]
    done = itertools.count(1)
    shown = Progress(
        "tangent kernel",
        0,
        len(logits) * blocks.products,
        "block",
        silent=not progress,
    )
    kernels = [
        _kernel(gradients, blocks, c, lambda: shown.update(next(done)))
        for c in logits
    ]
    return TangentKernel(_summed(kernels))


def _gradients(model):
    """The gradients of its images, as the backend makes them."""
    import keras

    if keras.backend.backend() == "jax":
        from dlgn_tf.dual.jax_gradients import JaxGradients

        return JaxGradients(model)
    from dlgn_tf.dual.example_gradients import ExampleGradients

    return ExampleGradients(model)


def _kernel(gradients, blocks, logit, after_block):
    """The parts of the kernel of one logit, block by block."""
    parts = {name: np.zeros(blocks.shape) for name in gradients.networks}
    for rows in blocks.rows:
        of_rows = gradients(blocks.images[rows], logit)
        for columns in blocks.columns_of(rows):
            of_columns = blocks.known(of_rows, rows, columns)
            if of_columns is None:
                of_columns = gradients(blocks.others[columns], logit)
            for key, factors in of_rows.items():
                part, gram = parts[key[0]], factors.gram(of_columns[key])
                part[rows, columns] += gram
                if blocks.symmetric and columns.start >= rows.stop:
                    part[columns, rows] += gram.T
            after_block()
    return parts


class _Blocks:
    """Rows that are held, and columns that pass by in batches."""

    def __init__(self, images, others, rows, batch):
        self.symmetric = others is None
        self.images = images
        self.others = images if others is None else others
        self.batch = batch
        self.shape = (len(self.images), len(self.others))
        self.rows = _slices(0, len(images), rows)

    @property
    def products(self):
        return sum(len(self.columns_of(rows)) for rows in self.rows)

    def columns_of(self, rows):
        """Batches of columns; of a symmetric matrix, its upper part."""
        if not self.symmetric:
            return _slices(0, self.shape[1], self.batch)
        return [
            *_slices(rows.start, rows.stop, self.batch),
            *_slices(rows.stop, self.shape[1], self.batch),
        ]

    def known(self, of_rows, rows, columns):
        """The columns' gradients if the rows' contain them."""
        if not self.symmetric or columns.start >= rows.stop:
            return None
        within = slice(columns.start - rows.start, columns.stop - rows.start)
        return {key: factors[within] for key, factors in of_rows.items()}


def _slices(start, stop, length):
    return [slice(a, min(a + length, stop)) for a in range(start, stop, length)]


def _block_sizes(gradients, images, memory_gib):
    """Rows that are held, and images of a batch, within the memory.

    Half of it is for the rows, a quarter for a batch, a quarter for the
    products of places.
    """
    memory = memory_gib * GIB - gradients.bytes_within
    # While they are joined, also as they came.
    row, pair = 2 * 8 * gradients.size, 8 * gradients.pairs
    least = max(4 * row, 4 * pair)
    if not least <= memory:
        least = least_gib(least + gradients.bytes_within)
        raise UserError(
            f"Expected memory_gib of at least {least} for the gradients of "
            f"this network. Received: memory_gib={memory_gib}"
        )
    rows = min(images, int(memory / 2 / row))
    pairs = int(memory / 4 / pair)
    batch = min(_MOST_IMAGES, int(memory / 4 / row), max(1, pairs // rows))
    return min(rows, pairs // batch), batch


def _check_logit(logit, classes):
    if logit in ("sum", "each"):
        return
    whole = isinstance(logit, int | np.integer) and not isinstance(logit, bool)
    if not whole or not 0 <= logit < classes:
        raise UserError(
            f"Expected a logit from 0 to {classes - 1}, 'sum' or 'each'. "
            f"Received: {logit!r}"
        )


def _summed(dicts):
    first, *rest = dicts
    for other in rest:
        for key, array in other.items():
            first[key] += array
    return first
