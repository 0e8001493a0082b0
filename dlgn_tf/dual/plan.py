"""What the covariance of a value network is computed by, and in which order."""

import dataclasses
import functools
from typing import Any

from dlgn_tf.dual.masks import PositionMap
from dlgn_tf.dual.position_maps import Window
from dlgn_tf.dual.terms import CONSTANT, Pair


@dataclasses.dataclass(frozen=True, eq=False)
class WeightLayer:
    """What makes a base: a sum over channels and over a window.

    Attributes:
        name: String.
        pairs: Tuple of `dlgn_tf.dual.terms.Pair` of what enters.
        space: Tuple `(height, width)` that it comes from.
        after: Tuple `(height, width)` that it leads to.
        window: `Window`, or None where what enters is flat, and all of it is
            summed over.
        variance: Float, of the weights.
        base: Integer, the id of what it makes.
        learned: Boolean. Whether these are weights of the network; else it is
            the mean over logits, at the end.
    """

    name: str
    pairs: tuple[Pair, ...]
    space: tuple[int, int]
    after: tuple[int, int]
    window: Window | None
    variance: float
    base: int
    learned: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """What the kernel of a network is computed by.

    Attributes:
        layers: Tuple of `WeightLayer`, the last of which makes the kernel.
        shapes: Dict from the name of each array that masks are made of to its
            `(sites, channels)`: of gate sites, inputs and choices.
        inputs: Dict of Keras tensors by name, what does not depend on weights.
        choices: Dict by name: a Keras tensor that enters a max pooling, and its
            `PositionMap`.
        variances: Dict from the name of a layer of the network to those of its
            weights, several of a separable convolution.
    """

    layers: tuple[WeightLayer, ...]
    shapes: dict[str, tuple[int, int]]
    inputs: dict[str, Any]
    choices: dict[str, tuple[Any, PositionMap]]
    variances: dict[str, list[float]]

    def __getstate__(self):
        # Blocks that go to other processes need nothing of the network.
        return self.__dict__ | {"inputs": {}, "choices": {}}

    @functools.cached_property
    def steps(self) -> tuple["Step", ...]:
        """For each layer what is added up before it and let go after it."""
        sums, known = [], {(CONSTANT,)}
        for layer in self.layers:
            sums.append(_sums(layer, known))
            known.add((layer.base,))
        return tuple(
            Step(layer, made, gone, masks)
            for layer, made, gone, masks in zip(
                self.layers,
                sums,
                _last_uses(self.layers, sums),
                _last_masks(self.layers),
                strict=True,
            )
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """A layer and what is held for it.

    Attributes:
        sums: Tuple of pairs of tuples of bases: covariances that are added up
            first, of the first and of each of the second.
        gone: Set of tuples of bases whose covariance nothing needs afterwards.
        masks: Set of `Mask` that nothing needs afterwards.
    """

    layer: WeightLayer
    sums: tuple
    gone: frozenset
    masks: frozenset


def _sums(layer, known):
    """Sums of bases that a layer needs and `known` lacks, which gets them."""
    made = []
    for pair in layer.pairs:
        bases = pair.bases
        if bases in known:
            continue
        # Of streams that skips go on in, all but the last are there.
        shorter = (bases[:k] for k in range(len(bases) - 1, 0, -1))
        first = next(x for x in shorter if x in known)
        made.append((first, bases[len(first) :]))
        known.add(bases)
    return tuple(made)


def _last_uses(layers, sums):
    """For each layer the sums and bases that it is the last to use."""
    last = {}
    for index, (layer, made) in enumerate(zip(layers, sums, strict=True)):
        last[(layer.base,)] = index
        for first, rest in made:
            last |= dict.fromkeys([first, *((x,) for x in rest)], index)
        last |= {pair.bases: index for pair in layer.pairs}
    last[(layers[-1].base,)] = len(layers)
    del_at = [
        frozenset(x for x, k in last.items() if k == index)
        for index in range(len(layers))
    ]
    return del_at


def _last_masks(layers):
    """For each layer the masks that it is the last to need."""
    met, last = set(), {}

    def visit(mask, index):
        last[mask] = index
        if mask not in met:
            met.add(mask)
            for source in mask.sources:
                visit(source, index)

    for index, layer in enumerate(layers):
        for pair in layer.pairs:
            for term in (pair.left, pair.right):
                if term.mask is not None:
                    visit(term.mask, index)
    return [
        frozenset(x for x, k in last.items() if k == index)
        for index in range(len(layers))
    ]
