"""Ways to say which parts of an image a logit comes from: exact, and others.

Each is a function of a `Question`, with options of its own, that returns an
`Answer`. What is called contributions is exact: parts and biases sum to the
logit. The others are those in use elsewhere, for comparison; they are taken in
the image as the network sees it, normalised, in which 0 is the mean pixel where
the normalisation subtracts it.

Sources: gradient, Simonyan et al. (arXiv 1312.6034); gradient x input,
Shrikumar et al. (arXiv 1605.01713); integrated gradients, Sundararajan et al.
(arXiv 1703.01365); SmoothGrad, Smilkov et al. (arXiv 1706.03825); Grad-CAM,
Selvaraju et al. (arXiv 1610.02391); occlusion, Zeiler and Fergus (arXiv
1311.2901); excitation pullback, soft gates in the backward pass alone, after
Satkiewicz (arXiv 2507.22832).
"""

import dataclasses
import itertools
import typing

import keras
import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf import choices
from dlgn_tf.command.memory import GIB, check_memory
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.affine import (
    AffineNetwork,
    gate_function,
    value_inputs,
)
from dlgn_tf.inspection.autodiff import gradients
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.sites import check_has_sites, check_site
from dlgn_tf.models.evaluation import batches, passing_bytes

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier

# Images that pass at a time, at most, and tensors of each layer that one holds.
_BATCH = 64
AROUND, CONSTANT = "input around the site", "constant input"
ZEROS = "logit of an image of zeros"


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """What is to be explained.

    Attributes:
        model: `ImageClassifier`.
        images: Array `(n, height, width, channels)`, stored images.
        directions: Array `(n, classes)`; explained is its scalar product with
            the logits: a logit, or one less another.
        memory_gib: Float > 0. Bound on what a batch holds in the network.
    """

    model: "ImageClassifier"
    images: Array
    directions: Array
    memory_gib: float = 1.0

    @property
    def pixels(self) -> Array:
        """The images as the network sees them, in 32 bits or more."""
        seen = self.model.normalization(self.images)
        dtype = keras.backend.result_type(seen.dtype, "float32")
        return ops.convert_to_numpy(ops.cast(seen, dtype))

    @property
    def rows(self) -> int:
        """How many images pass at a time; a `UserError` if not one may."""
        each = passing_bytes(self.model)
        what = f"An image in {self.model.name} takes"
        check_memory(each, self.memory_gib, what)
        return min(_BATCH, int(self.memory_gib * GIB // each))

    def logits(self, pixels: Array, directions: Array | None = None) -> Array:
        """What is explained, of normalised images: `(n,)`."""
        along = self.directions if directions is None else directions
        made = [
            ops.convert_to_numpy(_of_pixels(self.model, pixels[some]))
            for some in batches(len(pixels), self.rows)
        ]
        return (np.concatenate(made) * along).sum(axis=1)


class Answer(typing.NamedTuple):
    """Which parts of the images, or of a site, it comes from.

    Attributes:
        maps: Array `(n, height, width, channels)`, or of a site `(n, *shape)`.
        biases: Dict from what else adds to it to arrays `(n,)`.
        said: String, what is to be known of the maps, or empty.
        logits: Array `(n,)` of the maps' precision, what is explained; None
            where it is the model's own.
    """

    maps: Array
    biases: dict[str, Array] = {}
    said: str = ""
    logits: Array | None = None


def contributions(
    question: Question,
    site: str | None = None,
    dtype: str = "float32",
    view: DualView | None = None,
) -> Answer:
    """What each part adds, exactly; see `contributions.DualView`.

    Args:
        question: `Question`.
        site: Name of a gate site, whose units are the parts. Defaults to the
            image: pixels.
        dtype: See `DualView`.
        view: `DualView` of the model, where there is one already.
    """
    model = question.model
    view = view or DualView(model, dtype, question.memory_gib)
    found = view.along(question.images, site, question.directions)
    maps, biases, said = found.units, dict(found.biases), ""
    if site is not None:
        biases[AROUND] = found.around
    elif model.value_input == "ones":
        biases[CONSTANT] = maps.sum(axis=(1, 2, 3))
        maps = np.zeros_like(maps)
        said = (
            "The value network sees a constant: no pixel adds anything by "
            "itself, all that the image does it does through the gates. "
            "Contributions of the units of a gate site say which."
        )
    return Answer(maps, biases, said, found.logits)


def gradient(question: Question) -> Answer:
    """The derivative in each pixel."""
    derivative = _pixel_gradients(question)
    return Answer(derivative(question.pixels, question.directions))


def gradient_x_input(question: Question) -> Answer:
    """The derivative in each pixel times the pixel."""
    return Answer(gradient(question).maps * question.pixels)


def integrated_gradients(question: Question, steps: int = 32) -> Answer:
    """Mean derivative on the way from 0 to the image, times the image.

    With what an image of zeros has they sum to the logit, but for the midpoint
    rule, where the logit is continuous; where hard gates make it jump they do
    not.

    Args:
        question: `Question`.
        steps: Integer >= 1, midpoints at which derivatives are taken.
    """
    check_count("steps", steps)
    derivative, pixels = _pixel_gradients(question), question.pixels
    total = sum(
        derivative((k + 0.5) / steps * pixels, question.directions)
        for k in range(steps)
    )
    start = question.logits(np.zeros_like(pixels))
    return Answer(total / steps * pixels, {ZEROS: start})


def smoothgrad(
    question: Question, samples: int = 16, noise: float = 0.1, seed: int = 0
) -> Answer:
    """Mean derivative at images with noise.

    Args:
        question: `Question`.
        samples: Integer >= 1, how many noisy images.
        noise: Float >= 0, standard deviation as a share of the range of each
            normalised image.
        seed: Integer, of the noise.
    """
    check_count("samples", samples)
    derivative, pixels = _pixel_gradients(question), question.pixels
    rng = np.random.default_rng(seed)
    scale = noise * np.ptp(pixels, axis=(1, 2, 3), keepdims=True)
    total = sum(
        derivative(
            (pixels + scale * rng.normal(size=pixels.shape)).astype("float32"),
            question.directions,
        )
        for _ in range(samples)
    )
    return Answer(total / samples)


def grad_cam(question: Question, site: str | None = None) -> Answer:
    """Channels of a site, weighted by their mean derivative; what adds alone.

    Args:
        question: `Question`.
        site: Name of a gate site with positions. Defaults to the last one.
    """
    model = question.model
    check_has_sites(model)
    places = [s for s, shape in model.site_shapes.items() if len(shape) == 3]
    if site is not None:
        check_site(site, places)
    elif not places:
        raise UserError(
            "Expected a network with a convolution at a gate site for "
            f"grad_cam. Received: {model.name}"
        )
    site = site or places[-1]
    network, outputs = AffineNetwork(model), []

    def products(added, pixels, gates, along):
        def leaving(name, _, product):
            return product + added if name == site else product

        gate = gate_function(model, gates)
        return network(pixels, gate, leaving=leaving) * along

    def keep(name, _, product):
        outputs.extend([product] if name == site else [])
        return product

    derivative, maps = gradients(products), []
    for some in batches(len(question.images), question.rows):
        pixels, gates = value_inputs(model, question.images[some], "float32")
        network(pixels, gate_function(model, gates), leaving=keep)
        made = outputs.pop()
        along = ops.cast(question.directions[some], "float32")
        found = derivative(ops.zeros_like(made), pixels, gates, along)
        weights = ops.mean(found, axis=(1, 2), keepdims=True)
        heat = ops.relu(ops.sum(weights * made, axis=-1, keepdims=True))
        maps.append(_resized(heat, model.image_shape))
    return Answer(np.concatenate(maps))


def occlusion(
    question: Question, window: int | None = None, stride: int | None = None
) -> Answer:
    """What is lost where a window of the image is set to 0.

    A pixel has the mean over the windows that cover it. Entries of a vector are
    taken one by one.

    Args:
        question: `Question`.
        window: Integer >= 1, its side in pixels. Defaults to an eighth of the
            image's shorter side, at least 2.
        stride: Integer from 1 to `window`, from one window to the next.
            Defaults to half of the window.
    """
    pixels = question.pixels
    windows = _windows(pixels.shape[1:], window, stride)
    whole, maps = question.logits(pixels), np.zeros(pixels.shape)
    covered = np.zeros(pixels.shape[1:])
    for each in windows:
        covered[each] += 1
    parts = batches(len(windows), question.rows)
    for (index, image), part in itertools.product(enumerate(pixels), parts):
        some = windows[part]
        without = np.repeat(image[None], len(some), axis=0)
        for row, each in zip(without, some, strict=True):
            row[each] = 0
        along = np.repeat(question.directions[index, None], len(some), axis=0)
        lost = whole[index] - question.logits(without, along)
        for each, loss in zip(some, lost, strict=True):
            maps[index][each] += loss
    # The channels of a pixel go together.
    shared = 1 if pixels.shape[1:3] == (1, 1) else pixels.shape[-1]
    return Answer(maps / covered / shared)


def excitation_pullback(question: Question, beta: float = 10 / 3) -> Answer:
    """The derivative in each pixel with soft gates on the way back alone.

    Args:
        question: `Question`.
        beta: Float > 0, steepness: the gate of a unit with pre-activation q is
            sigmoid(beta q) (0.3 is the temperature of the source).
    """
    model = question.model
    check_has_sites(model)
    _check_positive("beta", beta)
    network = AffineNetwork(model)

    def products(pixels, gates, soft, along):
        def leaving(site, entered, product):
            softly = entered * ops.cast(soft[site], entered.dtype)
            return softly + ops.stop_gradient(product - softly)

        made = network(pixels, lambda site, _: gates[site], leaving=leaving)
        return made * along

    derivative, maps = gradients(products), []
    for some in batches(len(question.images), question.rows):
        images = question.images[some]
        pixels, gates = value_inputs(model, images, "float32")
        made = model.routed(model.preactivations(images))
        soft = {site: ops.sigmoid(beta * q) for site, q in made.items()}
        along = ops.cast(question.directions[some], "float32")
        found = derivative(pixels, gates, soft, along)
        maps.append(ops.convert_to_numpy(found))
    return Answer(np.concatenate(maps))


METHODS = {name: globals()[name] for name in choices.ATTRIBUTIONS}


def _of_pixels(model, pixels):
    """Logits of normalised images, a tensor."""
    pixels = ops.cast(pixels, model.normalization.compute_dtype)
    return model.prediction(model.of_pixels(pixels, training=False))


def _pixel_gradients(question):
    """A function of normalised images and directions: derivatives in pixels."""
    model, rows = question.model, question.rows

    def products(pixels, along):
        made = _of_pixels(model, pixels)
        return made * ops.cast(along, made.dtype)

    derivative = gradients(products)

    def in_batches(pixels, directions):
        return np.concatenate(
            [
                ops.convert_to_numpy(
                    derivative(
                        ops.convert_to_tensor(pixels[some], "float32"),
                        ops.convert_to_tensor(directions[some], "float32"),
                    )
                )
                for some in batches(len(pixels), rows)
            ]
        )

    return in_batches


def _resized(heat, image_shape):
    """Maps `(n, h, w, 1)` as maps of an image, shared among its channels."""
    height, width, channels = image_shape
    large = ops.image.resize(heat, (height, width), data_format="channels_last")
    return np.repeat(ops.convert_to_numpy(large), channels, -1) / channels


def _windows(image_shape, window, stride):
    """Of each the index of its part of an image."""
    height, width, channels = image_shape
    if height == width == 1:
        return [(0, 0, channel) for channel in range(channels)]
    window = max(2, min(height, width) // 8) if window is None else window
    check_count("window", window)
    stride = max(1, window // 2) if stride is None else stride
    check_count("stride", stride)
    if stride > window:
        raise UserError(
            f"Expected a stride from 1 to {window}, the window, so that each "
            f"pixel is covered. Received: stride={stride}"
        )
    return [
        (slice(top, top + window), slice(left, left + window))
        for top in _starts(height, window, stride)
        for left in _starts(width, window, stride)
    ]


def _starts(side, window, stride):
    """Where windows begin, so that the last one ends with the side."""
    last = max(side - window, 0)
    return [*range(0, last, stride), last]


def check_count(name: str, value: int) -> None:
    """Raises a `UserError` unless a value is an integer >= 1."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise UserError(
            f"Expected {name} to be an integer >= 1. Received: {name}={value}"
        )


def _check_positive(name, value):
    if not value > 0:
        raise UserError(f"Expected {name} > 0. Received: {name}={value}")
