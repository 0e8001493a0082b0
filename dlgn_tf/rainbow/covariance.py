"""Covariances of the weights of trained networks, in one basis.

Covariances are not centred, and are taken over all neurons of a layer of all
networks.

Source: arXiv 2305.18512, section 2 and figures 4 and 5.
"""

import dataclasses
import math
import typing
from collections.abc import Iterable, Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf import factorizations
from dlgn_tf.errors import UserError
from dlgn_tf.rainbow import alignment
from dlgn_tf.rainbow import reference as references
from dlgn_tf.rainbow.alignment import Alignment
from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.reference import Reference

if typing.TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class WeightCovariances:
    """Aligned weights of networks, their covariances, and how well they align.

    Lists have an entry per network; keys of dicts are labels of layers.

    Attributes:
        reference: In whose basis all is.
        weights: Dict of lists of float64 arrays `(neurons, dimension)`. Those
            of a network of another width are multiplied by sqrt(own dimension /
            reference dimension), because covariances are compared times the
            dimension: of initial weights the variance falls as one over it.
        matrices: Dict of float64 arrays `(dimension, dimension)`, channels
            before positions of the patch.
        explained: List of dicts of `explained_fraction`, with what networks
            were aligned to last; of images that were held out, if any were.
        errors: List of dicts of `relative_error`, likewise.
        activations: List of dicts of float64 arrays `(channels, channels)`: the
            second moment of what the layer reads, in the network's own basis.
        alignments: Dicts of `Alignment`.
        networks: The `LayeredNetwork`s themselves, a tuple.
    """

    reference: Reference
    weights: dict[str, list[np.ndarray]]
    matrices: dict[str, np.ndarray]
    explained: list[dict[str, float]]
    errors: list[dict[str, float]]
    activations: list[dict[str, np.ndarray]]
    alignments: tuple[dict[str, Alignment], ...] = ()
    networks: tuple[LayeredNetwork, ...] = ()

    @property
    def labels(self) -> tuple:
        return tuple(self.matrices)

    @property
    def biases(self) -> dict[str, list]:
        """Dict of lists of float64 arrays `(neurons,)`, or of None.

        None where layers have no biases.
        """
        return {
            label: [network.layers[k].bias for network in self.networks]
            for k, label in enumerate(self.labels)
        }


def weight_covariances(
    networks: "Sequence[LayeredNetwork | keras.Model]",
    batches: Iterable[Array],
    reference: str | int | Reference = "mean",
    num_iters: int = 2,
    memory_gib: float = 1.0,
    held_out: Iterable[Array] | None = None,
) -> WeightCovariances:
    """Covariances of the weights of every learned layer.

    With one network all is in its own basis, and its covariances have at most
    as many dimensions as it has neurons. A network that is the reference is not
    turned, even where its activations leave a choice.

    Example:

    >>> covariances = weight_covariances(models, in_batches(images))
    >>> covariances.matrices["conv2"].shape
    (800, 800)

    Args:
        networks: `LayeredNetwork`s or models of one architecture; widths may
            differ.
        batches: Arrays of images, gone through several times.
        reference: `"mean"`, the mean network; the index of a network; or a
            `Reference` of networks that need not be among these.
        num_iters: Integer >= 1, how often networks are aligned to find their
            mean: first to network 0, then to the mean that was found before.
            Defaults to 2, as in the authors' repository.
        memory_gib: Float > 0. Bound on the moments of activations.
        held_out: Arrays of images that no alignment is fitted to. Defaults to
            `None`: agreement is that of `batches`, which flatters; of as few
            images as channels it is perfect, whatever the networks.

    Raises:
        UserError: if the networks are of different architectures, there is no
            such reference, there are no samples, weights or activations are
            not finite, or memory does not suffice.
    """
    networks = [
        x if isinstance(x, LayeredNetwork) else LayeredNetwork(x)
        for x in networks
    ]
    references.check_comparable(networks)
    references.check_finite(networks)
    chosen = _reference(networks, batches, reference, num_iters, memory_gib)
    measured = references.align_to(chosen, networks, batches, memory_gib)
    turns = references.turns_of(networks, measured, chosen)
    weights = {
        label: [
            _aligned(network.layers[k], of_network[label])
            for network, of_network in zip(networks, turns, strict=True)
        ]
        for k, label in enumerate(chosen.labels)
    }
    scored = measured
    if held_out is not None:
        scored = references.align_to(chosen, networks, held_out, memory_gib)
    if reference == "mean":
        chosen = Reference(tuple(networks), turns)
    return WeightCovariances(
        reference=chosen,
        weights=weights,
        matrices={k: covariance(rows) for k, rows in weights.items()},
        explained=_scores(alignment.explained_fraction, scored, turns),
        errors=_scores(alignment.relative_error, scored, turns),
        activations=[
            {label: sums.second for label, sums in each.items()}
            for each in measured
        ],
        alignments=turns,
        networks=tuple(networks),
    )


def covariance(weights: Sequence[Array]) -> Array:
    """E[w w^T] over all neurons of all networks.

    Weights are arrays `(neurons, dimension)`, one per network.

    Returns:
        float64 array `(dimension, dimension)`.

    Raises:
        UserError: if there are no neurons.
    """
    weights = [np.asarray(rows, np.float64) for rows in weights]
    neurons = sum(map(len, weights))
    if not neurons:
        raise UserError(
            "Expected weights of at least one neuron. Received: none"
        )
    return sum(rows.T @ rows for rows in weights) / neurons


def operator_norm_error(estimate: Array, reference: Array) -> float:
    """Largest singular value of the difference over that of the reference.

    Of matrices of one shape; 0 where both are zero, inf where only the
    reference is.
    """
    gap = factorizations.singular_values(np.asarray(estimate) - reference)[0]
    size = factorizations.singular_values(reference)[0]
    if size == 0:
        return 0.0 if gap == 0 else math.inf
    return float(gap / size)


def leading_overlap(first: Array, second: Array, count: int) -> float:
    """Overlap |U1^T U2|_F^2 / count of leading eigenspaces, in [0, 1].

    Of two covariances `(dimension, dimension)`; `count` eigenvectors span each
    space.
    """
    u1, u2 = (factorizations.eigh(c)[1][:, -count:] for c in (first, second))
    return float(np.sum((u1.T @ u2) ** 2) / count)


def _reference(networks, batches, reference, num_iters, memory_gib):
    if isinstance(reference, Reference):
        return reference
    if reference == "mean" and num_iters >= 1:
        # The last alignment is that of the weights.
        return references.mean(networks, batches, num_iters - 1, memory_gib)
    whole = isinstance(reference, int) and not isinstance(reference, bool)
    if whole and 0 <= reference < len(networks):
        return references.single(networks[reference])
    raise UserError(
        "Expected reference 'mean' and num_iters >= 1, or a reference of 0 to "
        f"{len(networks) - 1}. Received: reference={reference!r}, "
        f"num_iters={num_iters}"
    )


def _aligned(layer, turn):
    turned = turn.weights(layer.weights) / turn.scale
    return turned.reshape(layer.neurons, -1)


def _scores(function, measured, turns):
    return [
        {label: function(sums, turn[label]) for label, sums in each.items()}
        for each, turn in zip(measured, turns, strict=True)
    ]
