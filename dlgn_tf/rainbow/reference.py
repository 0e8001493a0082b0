"""The basis in which networks are compared: of one network, or of their mean.

Source: arXiv 2305.18512, section 2, with the iterations of the authors'
repository.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.command.memory import check_memory
from dlgn_tf.errors import UserError
from dlgn_tf.rainbow import alignment, moments
from dlgn_tf.rainbow.alignment import Alignment
from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.moments import JointMoments


@dataclasses.dataclass(frozen=True)
class Reference:
    """The mean of one or several networks, each turned into one basis.

    Attributes:
        networks: The networks.
        alignments: A dict from label to `Alignment` per network. Labels are
            those of `networks[0]`, in whose basis, or near which, the mean
            lies.
    """

    networks: tuple[LayeredNetwork, ...]
    alignments: tuple[dict[str, Alignment], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.networks[0].labels

    def channels(self, label: str) -> int:
        return len(self.alignments[0][label].matrix)

    def activations(self, images: Array, labels: Sequence[str]) -> list[Array]:
        """What learned layers read of a batch, in the reference basis.

        Networks of another width count as one of the reference's would, see
        `Alignment.scale`.

        Returns:
            One float64 array `(batch, ..., channels)` per label.
        """
        total = [np.zeros(())] * len(labels)
        for network, turns in zip(self.networks, self.alignments, strict=True):
            layers = [_twin(network, self, label) for label in labels]
            for k, own in enumerate(network.read(images, layers)):
                turn = turns[labels[k]]
                total[k] = total[k] + turn.scale * turn.activations(own)
        return [each / len(self.networks) for each in total]

    def mean_weights(self, label: str) -> Array:
        """Mean of the aligned weights, float64 `(neurons, channels, patch)`.

        For the classifier alone: the neurons of other layers differ from
        network to network.
        """
        aligned = [
            turns[label].weights(_twin(network, self, label).weights)
            / turns[label].scale
            for network, turns in zip(
                self.networks, self.alignments, strict=True
            )
        ]
        return np.mean(aligned, axis=0)

    def mean_bias(self, label: str) -> Array | None:
        """Mean of the biases of such a layer, float64 `(neurons,)`, or None."""
        if self.networks[0][label].bias is None:
            return None
        biases = [_twin(net, self, label).bias for net in self.networks]
        return np.mean(biases, axis=0)


def single(network: LayeredNetwork) -> Reference:
    """A network as the `Reference`: its own basis."""
    turns = {
        layer.label: alignment.identity(layer.channels)
        for layer in network.layers
    }
    return Reference((network,), (turns,))


def mean(
    networks: Sequence[LayeredNetwork],
    batches: Iterable[Array],
    num_iters: int = 2,
    memory_gib: float = 1.0,
) -> Reference:
    """The mean network, near the basis of the first.

    All are aligned to the first and their activations averaged; then all are
    aligned to that mean, and so on, `num_iters` >= 0 times in all: 0 is the
    first network, and 2 what the authors' repository has. Batches are gone
    through as often; for `memory_gib` see `align_to`.

    Raises:
        UserError: if they differ in their architecture, or memory does not
            suffice.
    """
    check_comparable(networks)
    reference = single(networks[0])
    if len(networks) == 1:
        return reference
    for _ in range(num_iters):
        measured = align_to(reference, networks, batches, memory_gib)
        turns = turns_of(networks, measured, reference)
        reference = Reference(tuple(networks), turns)
    return reference


def align_to(
    reference: Reference,
    networks: Sequence[LayeredNetwork],
    batches: Iterable[Array],
    memory_gib: float = 1.0,
) -> list[dict]:
    """Moments of what the layers of networks read, with the reference.

    Batches are gone through once; `memory_gib` > 0 bounds all moments together.

    Returns:
        Dicts from label to `JointMoments`, the reference first; one dict per
        network.

    Raises:
        UserError: if the networks are of another architecture than the
            reference, there are no samples, activations are not finite, or
            memory does not suffice.
    """
    check_comparable([reference.networks[0], *networks])
    labels = reference.labels
    sizes = [
        {
            label: (reference.channels(label), layer.channels)
            for label, layer in zip(labels, network.layers, strict=True)
        }
        for network in networks
    ]
    check_memory(
        sum(JointMoments.bytes(*s) for each in sizes for s in each.values()),
        memory_gib,
        f"Moments of {len(networks)} networks",
    )
    measured = [
        {label: JointMoments(*size) for label, size in each.items()}
        for each in sizes
    ]
    for images in batches:
        theirs = reference.activations(images, labels)
        for network, of_network in zip(networks, measured, strict=True):
            own = network.read(images, network.layers)
            for label, first, second in zip(labels, theirs, own, strict=True):
                of_network[label].add(first, second)
    for sums in (x for each in measured for x in each.values()):
        moments.check_moment(sums.cross, sums.count)
    return measured


def turns_of(
    networks: Sequence[LayeredNetwork],
    measured: Sequence[dict],
    reference: Reference,
) -> tuple[dict, ...]:
    """Alignments of networks by label, from moments that `align_to` returned.

    What reads a network's input needs none. A network that alone is the
    reference of the moments has its own: of directions without activations,
    moments would leave them open.
    """

    def turn(layer, sums):
        if layer.reads_input:
            return alignment.identity(layer.channels)
        return alignment.align(sums.cross)

    return tuple(
        reference.alignments[0]
        if reference.networks == (network,)
        else {
            label: turn(layer, sums)
            for layer, (label, sums) in zip(
                network.layers, of_network.items(), strict=True
            )
        }
        for network, of_network in zip(networks, measured, strict=True)
    )


def check_comparable(networks: Sequence[LayeredNetwork]) -> None:
    """Raises a `UserError` unless networks differ in their widths alone."""
    if not networks:
        raise UserError("Expected at least one network. Received: none")
    first = networks[0]
    expected = [layer.signature for layer in first.layers]
    for network in networks[1:]:
        received = [layer.signature for layer in network.layers]
        if received != expected:
            raise UserError(
                "Expected networks of one architecture, which differ in their "
                f"widths alone: {_shown(first)}. Received: {_shown(network)}"
            )
        theirs = network.layers[0].channels, network.layers[-1].neurons
        if theirs != (first.layers[0].channels, first.layers[-1].neurons):
            raise UserError(
                "Expected networks of the same inputs and classes. Received: "
                f"{_shown(first)} and {_shown(network)}"
            )


def check_finite(networks: Sequence[LayeredNetwork]) -> None:
    """Raises a `UserError` if a weight or bias of a network is not finite."""
    for network in networks:
        for part in network.parts:
            if not all(np.isfinite(x).all() for x in part.layer.get_weights()):
                raise UserError(
                    "Expected networks of finite weights. Received: "
                    f"{network.model.name}, {part.label} of which are not"
                )


def _shown(network):
    layers = network.layers
    shown = [
        f"{x.label} ({x.neurons} of {x.channels}x{x.patch})" for x in layers
    ]
    if len(shown) > 6:
        shown = [*shown[:3], "...", shown[-1]]
    return f"{network.model.name} with {len(layers)} layers {', '.join(shown)}"


def _twin(network, reference, label):
    """The layer of a network that stands where another's has this label."""
    return network.layers[reference.labels.index(label)]
