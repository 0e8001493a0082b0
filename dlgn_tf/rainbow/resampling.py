"""New networks that work, drawn from the covariances of trained ones.

Layer by layer, from input to output: Gaussian weights of a layer's covariance
are turned into the basis of the new network, in which the layer before them was
drawn already, and normalisations are measured anew.

Source: arXiv 2305.18512, section 2 (definition of a Gaussian rainbow network),
with the order of the authors' repository.
"""

import dataclasses
import typing
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.rainbow import alignment, drawn_weights
from dlgn_tf.rainbow.covariance import WeightCovariances
from dlgn_tf.rainbow.learned_layers import LayeredNetwork, Normalization
from dlgn_tf.rainbow.moments import check_moment, joint_moments
from dlgn_tf.rainbow.reference import check_comparable, check_finite

if typing.TYPE_CHECKING:
    import keras


WEIGHTS = ("covariance", "white", "rows")


@dataclasses.dataclass(frozen=True)
class Options:
    """How a network is resampled.

    Attributes:
        layers: Labels of the layers that are drawn anew. Defaults to `None`:
            all but the classifier.
        aligned: Whether layers are turned to what they read.
        orthogonal: Whether a random orthogonal matrix stands in place of the
            Gaussian one.
        weights: `"covariance"`, or `"white"`: what was learned is left out, and
            Gaussian weights of the same energy drawn; or `"rows"`: rows of the
            trained weights are drawn with replacement, with the biases of
            their neurons and the scales and offsets of a normalisation of
            these alone, so that neurons have the trained ones' own law.
        joint: Whether the weights of a unit in the gating and in the value
            network are drawn together where both are, from their covariance as
            one row or as rows of one neuron. Apart, as by default, gates know
            nothing of the values that they multiply.
        memory_gib: Float > 0. Bound on the moments of activations.
    """

    layers: tuple[str, ...] | None = None
    aligned: bool = True
    orthogonal: bool = False
    weights: str = "covariance"
    joint: bool = False
    memory_gib: float = 1.0


def resample(
    model: "keras.Model",
    covariances: WeightCovariances,
    batches: Iterable[Array],
    seed: int | Sequence[int],
    network: str | None = None,
    **options: Any,
) -> "keras.Model":
    """Draws a network from weight covariances.

    Layers that are not drawn keep the trained weights of `model`, turned to
    what they read now; the classifier has the mean of the reference's trained
    classifiers, and of their biases. Other biases, and scales and offsets of
    normalisations, belong to neurons: those of new neurons are drawn, with
    replacement, from the trained ones (assumed: the paper's networks have
    none). A layer whose covariance is zero gets weights of zero.

    Example:

    >>> covariances = weight_covariances([model], batches, reference=0)
    >>> drawn = resample(model, covariances, batches, seed=0)

    Args:
        model: Of the architecture of the covariances' networks; its width may
            be another. It stays as it is.
        covariances: Those that are drawn from.
        batches: Arrays of training images, gone through once or twice for each
            layer.
        seed: See `numpy.random.default_rng`.
        network: `"gating"` or `"value"` where the covariances are of one
            network of a gated model alone. The other network then stays.
        **options: Of `Options`.

    Raises:
        UserError: if the model is of another architecture, there is no such
            layer or option, or memory does not suffice.
    """
    drawing = Options(**options)
    first = covariances.reference.networks[0]
    trained = LayeredNetwork(model, network, first.whole_maps)
    drawn = trained.copy()
    _check(trained, covariances, drawing)
    work = _Resampling(trained, drawn, covariances, batches, seed, drawing)
    for part in drawn.parts:
        if isinstance(part, Normalization):
            work.normalize(part)
        else:
            work.fill(part)
    return drawn.model


class _Resampling:
    """A network that is half drawn.

    Weights of `trained` are kept where none are drawn; `drawn`, a copy of it,
    is changed from input to output.
    """

    def __init__(self, trained, drawn, covariances, batches, seed, options):
        self._trained, self._drawn = trained, drawn
        self._covariances, self._reference = covariances, covariances.reference
        self._batches, self._options = batches, options
        self._rng = np.random.default_rng(seed)
        self._new = set(_chosen(drawn, options))
        self._changed = False
        # By label of a layer: rows of the value network that were drawn with
        # the gates', and numbers of the trained neurons that rows are of.
        self._rows: dict = {}
        self._taken: dict = {}

    def fill(self, layer):
        """Gives a learned layer its weights."""
        label = self._reference.labels[self._drawn.labels.index(layer.label)]
        if layer.label == self._drawn.classifier not in self._new:
            if self._changed:
                mean = self._reference.mean_weights(label)
                layer.assign(self._turned(mean, layer, label))
                if layer.bias is not None:
                    layer.layer.bias.assign(self._reference.mean_bias(label))
        elif layer.label in self._new:
            rows = self._draw(layer, label)
            channels = self._reference.channels(label)
            weights = rows.reshape(len(rows), channels, layer.patch)
            layer.assign(self._turned(weights, layer, label))
            self._redraw_bias(layer, label)
            self._changed = True
        elif self._changed and self._turns(layer):
            layer.assign(self._turned_from_trained(layer))

    def _draw(self, layer, label):
        """Rows of a layer, or those that were drawn with its gates'."""
        if label in self._rows:
            return self._rows.pop(label)
        labels = [label]
        partner = paired(label)
        if self._options.joint and partner in self._new:
            labels.append(partner)
        covariances, options = self._covariances, self._options
        if options.weights == "rows":
            trained = drawn_weights.stacked_rows(covariances, labels)
            taken = self._rng.integers(len(trained), size=layer.neurons)
            self._taken |= dict.fromkeys((layer.label, *labels[1:]), taken)
            rows = trained[taken]
        else:
            rows = drawn_weights.draw_rows(
                covariances,
                labels,
                layer.neurons,
                self._rng,
                white=options.weights == "white",
                orthogonal=options.orthogonal,
            )
        own = covariances.weights[label][0].shape[1]
        if len(labels) > 1:
            self._rows[partner] = rows[:, own:]
        return rows[:, :own]

    def _turns(self, layer):
        """Whether a layer is turned to what it reads.

        A layer that is drawn, be it the first one, comes in the reference's
        basis, which need not be that of what was trained before it.
        """
        return self._options.aligned and not layer.reads_input

    def normalize(self, part):
        """Measures a normalisation anew, if what it reads has changed."""
        if not self._changed or not part.neurons_of:
            return
        if self._new.intersection(part.neurons_of):
            self._redraw_affine(part)
        count, total, squares = 0, 0.0, 0.0
        for images in self._batches:
            (x,) = self._drawn.read(images, [part])
            x = x.reshape(-1, x.shape[-1]).astype(np.float64)
            count += len(x)
            total = total + x.sum(axis=0)
            squares = squares + (x**2).sum(axis=0)
        check_moment(squares, count)
        mean = total / count
        part.layer.moving_mean.assign(mean)
        part.layer.moving_variance.assign(
            np.maximum(squares / count - mean**2, 0.0)
        )

    def _turned(self, weights, layer, label):
        """Weights in the reference basis, turned to the new network's."""
        if not self._turns(layer):
            return weights
        turn = self._turn(
            lambda images: self._reference.activations(images, [label])[0],
            layer,
        )
        return turn.scale * turn.weights_back(weights)

    def _turned_from_trained(self, layer):
        """The trained weights of a layer, turned to what it reads now."""
        twin = self._trained[layer.label]
        turn = self._turn(
            lambda images: self._trained.read(images, [twin])[0], layer
        )
        return turn.weights_back(twin.weights)

    def _turn(self, reference, layer):
        """`Alignment` of what a layer reads with what a function returns."""
        pairs = (
            (reference(images), self._drawn.read(images, [layer])[0])
            for images in self._batches
        )
        moments = joint_moments(pairs, self._options.memory_gib, squares=False)
        return alignment.align(moments.cross)

    def _redraw_bias(self, layer, label):
        if layer.bias is None:
            return
        trained = np.concatenate(self._covariances.biases[label])
        taken = self._neurons((layer.label,), trained, layer.neurons)
        layer.layer.bias.assign(trained[taken])

    def _redraw_affine(self, part):
        position = self._drawn.parts.index(part)
        trained = [
            net.parts[position].layer for net in self._covariances.networks
        ]
        names = [
            n for n in ("gamma", "beta") if getattr(part.layer, n) is not None
        ]
        if not names:
            return
        columns = [
            np.concatenate([np.asarray(getattr(x, name)) for x in trained])
            for name in names
        ]
        # Scale and offset of one neuron stay together.
        channels = getattr(part.layer, names[0]).shape[0]
        taken = self._neurons(part.neurons_of, columns[0], channels)
        for name, column in zip(names, columns, strict=True):
            getattr(part.layer, name).assign(column[taken])

    def _neurons(self, owners, trained, count):
        """Numbers of the trained neurons of one layer, else drawn ones."""
        if len(owners) == 1 and owners[0] in self._taken:
            return self._taken[owners[0]]
        return self._rng.integers(len(trained), size=count)


def paired(label: str) -> str | None:
    """Label of the layer of values that a layer's gates multiply, or None."""
    network, _, name = label.partition("/")
    return f"value/{name}" if network == "gating" else None


def check_pairs(labels: Sequence[str]) -> None:
    """Raises a `UserError` if no gates and values of a unit are among layers.

    Without a pair of them there is nothing to draw together.
    """
    if not any(paired(label) in labels for label in labels):
        raise UserError(
            "Expected layers of both networks of a gated model, such as "
            "gating/conv1 and value/conv1, to draw them jointly. Received: "
            f"{', '.join(labels)}"
        )


def _chosen(network, options):
    if options.layers is not None:
        return options.layers
    return network.hidden


def _check(trained, covariances, options):
    first = covariances.reference.networks[0]
    check_comparable([first, trained])
    check_finite([trained])
    if _of_neurons(first) != _of_neurons(trained):
        raise UserError(
            "Expected a network with the biases and normalisations of those of "
            f"the covariances. Received: {trained.model.name}, which has others"
        )
    check_choice("weights", options.weights, WEIGHTS)
    chosen = _chosen(trained, options)
    for label in chosen:
        trained[label]
    if options.joint:
        check_pairs(chosen)
    same = all(
        layer.channels == covariances.reference.channels(label)
        for layer, label in zip(
            trained.layers, covariances.reference.labels, strict=True
        )
    )
    if not same and not options.aligned:
        raise UserError(
            "Expected aligned layers in a network of another width than that "
            "of the covariances. Received: aligned=False"
        )


def _of_neurons(network):
    """What belongs to neurons beside their weights, part by part."""
    return [
        (part.layer.center, part.layer.scale)
        if isinstance(part, Normalization)
        else part.layer.use_bias
        for part in network.parts
    ]
