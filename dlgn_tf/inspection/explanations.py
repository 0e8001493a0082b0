"""A decision explained: what each part of an image adds to a logit."""

import dataclasses
import inspect
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import pictures
from dlgn_tf.inspection.attributions import METHODS, Question
from dlgn_tf.inspection.logits import logit_of_each, one_hot
from dlgn_tf.models import evaluation
from dlgn_tf.models import images as image_checks

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """Logits of n images, or differences of two, and where they come from.

    Attributes:
        method: String, a key of `attributions.METHODS`.
        images: Array `(n, height, width, channels)`, stored images.
        maps: Array `(n, height, width, channels)`, of vectors `(n, entries)`:
            what each part of the image adds; of a gate site `(n, *its shape)`,
            what each of its units adds.
        biases: Dict from a layer, or what else there is besides the maps, to an
            array `(n,)`: what it adds.
        logits: Array `(n,)`: what is explained, by a forward pass. Of
            contributions it is the sum of all maps and biases but for rounding.
        targets: Integer array `(n,)`, the logit of each image.
        against: Integer array `(n,)`, the logit that is subtracted, or None.
        site: Name of the gate site that maps are of, None for the image.
        said: String, what is to be known of the maps, or empty.
        options: Dict, what the method was called with.
    """

    method: str
    images: np.ndarray
    maps: np.ndarray
    biases: dict[str, np.ndarray]
    logits: np.ndarray
    targets: np.ndarray
    against: np.ndarray | None = None
    site: str | None = None
    said: str = ""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def bias(self) -> Array:
        """What all but the maps adds, `(n,)`."""
        zeros = np.zeros(len(self.maps), self.maps.dtype)
        return sum(self.biases.values(), zeros)

    @property
    def total(self) -> Array:
        """The sum of maps and biases, `(n,)`."""
        return self.maps.reshape(len(self.maps), -1).sum(axis=1) + self.bias

    @property
    def gap(self) -> Array:
        """How far the sum is from the logits, of the size of all terms, `(n,)`.

        Rounding, for contributions; other methods promise no sum.
        """
        terms = np.abs(self.maps.reshape(len(self.maps), -1)).sum(axis=1)
        terms += sum(map(np.abs, self.biases.values()), np.zeros_like(terms))
        return np.abs(self.total - self.logits) / np.maximum(terms, 1e-30)

    @property
    def channels(self) -> Array:
        """Maps summed over positions, `(n, channels)`."""
        axes = tuple(range(1, self.maps.ndim - 1))
        return self.maps.sum(axis=axes)

    def plot(self, index: int = 0, names: Sequence[str] | None = None) -> Any:
        """An image beside its map: a `matplotlib.figure.Figure`.

        Blue adds to the logit, orange takes from it; white is 0.

        Args:
            index: Integer, which image.
            names: Sequence of strings, the classes. Defaults to their numbers.
        """
        said = _class_name(self.targets[index], names)
        if self.against is not None:
            said += f" rather than {_class_name(self.against[index], names)}"
        return pictures.explained(
            self.images[index],
            self.maps[index],
            f"{self.method.replace('_', ' ')}: {said}",
        )


def explain(
    model: "ImageClassifier",
    images: Array,
    target: int | Sequence[int] | Array | None = None,
    method: str = "contributions",
    *,
    against: int | Sequence[int] | Array | None = None,
    memory_gib: float = 1.0,
    **options: Any,
) -> Explanation:
    """Explains logits: what each pixel, or each unit of a gate site, adds.

    Given its gates a gated network is linear in the image and in every layer,
    so contributions are exact: maps and biases sum to the logit. So they do in
    a ReLU network under the gates that it has at this image.

    Source: the DLGN paper (arXiv 2110.03403), section 3.

    Example:

    >>> found = explain(model, images)
    >>> numpy.abs(found.maps.sum((1, 2, 3)) + found.bias - found.logits).max()

    Args:
        model: Model of the zoo, or of `from_keras`.
        images: Array `(n, height, width, channels)`, pixels in [0, 255], or
            vectors `(n, entries)`.
        target: Integer or integers `(n,)`, the logit. Defaults to that of the
            predicted class of each image. A network that says several numbers
            wants one of them.
        method: A key of `attributions.METHODS`: `"contributions"`, or
            `"gradient"`, `"gradient_x_input"`, `"integrated_gradients"`,
            `"smoothgrad"`, `"grad_cam"`, `"occlusion"`,
            `"excitation_pullback"`, which are no sums.
        against: Integer or integers `(n,)`: explained is the target's logit
            less this one.
        memory_gib: Float > 0. Bound on what a batch holds in the network.
        **options: Of the method, see its function. Of contributions `site`, the
            gate site whose units are explained in place of pixels, and `dtype`,
            `"float32"` or `"float64"`.

    Raises:
        UserError: if there is no such logit, method, option or site, none is
            named where numbers are said, or the model's value network is not
            linear given its gates.
    """
    _check_method(method, options)
    images, flat = _checked(model, images)
    if target is None:
        target = _predicted(model, images, memory_gib)
    count, classes = len(images), model.classes
    targets = logit_of_each("target", target, count, classes)
    others = None
    if against is not None:
        others = logit_of_each("against", against, count, classes)
    directions = one_hot(targets, classes, others)
    question = Question(model, images, directions, memory_gib)
    maps, biases, said, logits = METHODS[method](question, **options)
    site = options.get("site") if method == "contributions" else None
    if site is None and flat:
        maps = maps[:, 0, 0]
    return Explanation(
        method,
        images,
        maps,
        biases,
        question.logits(question.pixels) if logits is None else logits,
        targets,
        others,
        site,
        said,
        options,
    )


def _predicted(model, images, memory_gib):
    """The class of each image; the only number of a network that says one."""
    if model.objective.loss == "squared" and model.classes > 1:
        raise UserError(
            "Expected a target, which of the numbers that the network says is "
            f"explained, 0 to {model.classes - 1}. Received: none"
        )
    rows = evaluation.fitting(model, memory_gib, 100)
    return evaluation.logits(model, images, rows).argmax(axis=-1)


def _class_name(label, names):
    return f"class {label}" if names is None else names[label]


def _check_method(method, options):
    """Raises a `UserError` unless there is such a method with such options."""
    if method not in METHODS:
        raise UserError(
            f"Expected a method, one of {', '.join(METHODS)}. Received: "
            f"method={method!r}"
        )
    _, *known = inspect.signature(METHODS[method]).parameters
    for name in options:
        if name not in known:
            raise UserError(
                f"Expected options of {method}: {', '.join(known) or 'none'}. "
                f"Received: {name}={options[name]!r}"
            )


def _checked(model, images):
    """The images with all axes, and whether they came as vectors."""
    # Keras models of no zoo have neither gates nor a normalisation.
    if not hasattr(model, "of_pixels"):
        raise UserError(
            "Expected a model of the zoo, or of dlgn_tf.from_keras. Received: "
            f"{type(model).__name__} {getattr(model, 'name', '')}"
        )
    flat = np.ndim(images) == 2
    images = np.asarray(image_checks.with_all_axes(model, images))
    image_checks.check_images(model, images)
    return images, flat
