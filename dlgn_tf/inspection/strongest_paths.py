"""The strongest paths of an image to a logit, without enumerating all.

A path contributes what enters where it starts, times the gates on it (its
neural path feature), times the weights on it (its neural path value). The k
largest products that lead to a unit are among the k largest and the k smallest
that lead to the units before it, so they are found layer by layer (dynamic
programming) among any number of paths, exactly.

Source: the DLGN paper (arXiv 2110.03403), section 2, for paths, their features
and values; `dlgn_tf.dual.paths` enumerates them.
"""

import dataclasses

import numpy as np
from keras import ops

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.connections import connections_of
from dlgn_tf.inspection.connections import scaled
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.contributions import check_logits

KINDS = ("positive", "negative", "absolute")
MOST_CONNECTIONS = 50_000_000
# Products that are compared at a time: 16 MiB.
_CANDIDATES = 2**21


@dataclasses.dataclass(frozen=True)
class Path:
    """A path from the input, or from a bias, to a logit.

    Attributes:
        contribution: Float, feature times value. Contributions of all paths
            sum to the logit.
        feature: Float, neural path feature: what enters at the start, times
            the gates on the path. 1 times the gates where a bias is the start.
        value: Float, neural path value: the product of the weights on the path,
            with the scales of batch normalisations and averages, and of the
            bias where it starts there.
        start: `"input"`, or the name of the layer whose bias it starts at.
        start_unit: Tuple of integers, the index in the input, `(row, column,
            channel)`, or in what that layer puts out.
        units: Tuple of pairs `(site, index)`, the units it passes at gate
            sites, from input to output; index is a tuple of integers.
    """

    contribution: float
    feature: float
    value: float
    start: str
    start_unit: tuple[int, ...]
    units: tuple[tuple[str, tuple[int, ...]], ...]


class PathFinder:
    """Finds the strongest paths of a small network.

    Every network whose value network is linear given its gates will do, as long
    as it is small: time and memory grow with the number of paths asked for
    times the number of connections between units (of a convolution: positions
    times window times input times output channels).

    Args:
        model: `GatedNetwork` or `ReLUNetwork`, see `contributions.DualView`.
        biases: Boolean. Whether paths start at biases too, so that all paths
            sum to the logit; without them they sum to the part without biases.
        most_connections: Integer, of which networks are refused as too large.

    Raises:
        UserError: as `DualView`, or if the network is too large.
    """

    def __init__(self, model, biases=True, most_connections=MOST_CONNECTIONS):
        self._view = DualView(model, "float64")
        self._biases = biases
        self._steps = self._view.network.steps
        self._shapes = [model.image_shape, *(s.shape for s in self._steps)]
        _check_size(model, self._steps, self._shapes, most_connections)
        self._connections = [
            None
            if step.site is not None
            else connections_of(step, [self._shapes[k] for k in step.sources])
            for step in self._steps
        ]

    def strongest(self, images, logit, count=10, kind="absolute"):
        """The strongest paths of each image to a logit.

        Args:
            images: Array `(n, height, width, channels)`, pixels in [0, 255].
            logit: Integer, or integers `(n,)`.
            count: Integer >= 1, how many.
            kind: `"positive"`, those that add most; `"negative"`, those that
                subtract most; `"absolute"`, the largest of both.

        Returns:
            List of n lists of at most `count` `Path`s, strongest first; fewer
            where fewer paths contribute anything.

        Raises:
            UserError: if there is no such logit or kind, or `count` is < 1.
        """
        if kind not in KINDS:
            raise UserError(
                f"Expected paths of a kind of {', '.join(KINDS)}. Received: "
                f"kind={kind!r}"
            )
        if count < 1:
            raise UserError(f"Expected count >= 1. Received: count={count}")
        logits = np.broadcast_to(logit, len(images))
        check_logits(logits, self._view.network.classes)
        found = []
        entering, gates = self._view.entering(images)
        entering = ops.convert_to_numpy(entering)
        gates = {s: ops.convert_to_numpy(gate) for s, gate in gates.items()}
        for index, target in enumerate(logits):
            search = _Search(
                self._steps,
                self._of_image({s: g[index] for s, g in gates.items()}),
                entering[index],
                count,
                self._biases,
            )
            slots = search.slots(int(target), kind)
            found.append([self._path(search, int(target), s) for s in slots])
        return found

    def _of_image(self, gates):
        """Connections of every step, those of gate sites as they are open."""
        return [
            scaled(gates[step.site]) if step.site is not None else known
            for step, known in zip(self._steps, self._connections, strict=True)
        ]

    def _path(self, search, unit, slot):
        """Follows a path from the logit back to where it starts."""
        contribution = float(search.values[-1][unit, slot])
        feature, value, units = 1.0, 1.0, []
        tensor = len(self._steps)
        while tensor > 0:
            step = self._steps[tensor - 1]
            if step.site is not None:
                index = np.unravel_index(unit, self._shapes[tensor])
                units.append((step.site, tuple(map(int, index))))
            source = search.before(tensor, unit, slot)
            if source is None:
                value *= float(search.bias(tensor, unit))
                break
            weight, tensor, unit, slot = source
            feature *= weight if step.site is not None else 1.0
            value *= weight if step.site is None else 1.0
        else:
            feature *= float(search.entering[unit])
        start_unit = np.unravel_index(unit, self._shapes[tensor])
        return Path(
            contribution,
            feature,
            value,
            self._steps[tensor - 1].name if tensor else "input",
            tuple(map(int, start_unit)),
            tuple(reversed(units)),
        )


class _Search:
    """The strongest partial products that lead to every unit, for one image.

    `values[t]` is `(units, 2 count)` of tensor t: in the first half the largest
    positive products, in the second the most negative ones, each strongest
    first; 0 where there are fewer. `choices[t]` says where each came from: the
    position among the unit's sources times 2 count, plus the slot there; one
    past the last of them stands for the unit's bias.
    """

    def __init__(self, steps, connections, entering, count, biases):
        self.steps, self.connections = steps, connections
        self.entering = entering.ravel()
        self.count, self._biases = count, biases
        self.values, self.choices = [self._start()], [None]
        for step, known in zip(steps, connections, strict=True):
            taken = np.concatenate([self.values[k] for k in step.sources])
            values, choices = self._extended(taken, step, known)
            self.values.append(values)
            self.choices.append(choices)

    def _start(self):
        values = np.zeros((len(self.entering), 2 * self.count))
        values[:, 0] = np.maximum(self.entering, 0)
        values[:, self.count] = np.minimum(self.entering, 0)
        return values

    def _extended(self, taken, step, known):
        """Products one step further on, and where they came from."""
        # What is beyond an edge, -1, is the last row: nothing.
        taken = np.concatenate([taken, np.zeros_like(taken[:1])])
        groups, fan = known.sources.shape
        size = known.weights.shape[1]
        weights = np.broadcast_to(known.weights, (groups, size, fan))
        shift = self._shift(step).reshape(groups, size)
        values = np.zeros((groups, size, 2 * self.count))
        choices = np.zeros(values.shape, "int64")
        within = max(1, _CANDIDATES // (fan * 2 * self.count))
        rows, columns = max(1, within // size), min(size, within)
        for g in range(0, groups, rows):
            sources = taken[known.sources[g : g + rows]][:, None]
            for o in range(0, size, columns):
                block = np.s_[g : g + rows, o : o + columns]
                products = weights[block][..., None] * sources
                products = products.reshape(*products.shape[:2], -1)
                candidates = np.concatenate(
                    [products, shift[block][..., None]], axis=-1
                )
                values[block], choices[block] = self._best(candidates)
        shape = (groups * size, 2 * self.count)
        return values.reshape(shape), choices.reshape(shape)

    def _shift(self, step):
        shift = step.shift if self._biases and step.shift is not None else 0.0
        return np.broadcast_to(np.asarray(shift, "float64"), step.shape)

    def _best(self, candidates):
        """The largest and the smallest along the last axis, padded by 0."""
        found = [_largest(sign * candidates, self.count) for sign in (1, -1)]
        (above, choices), (below, others) = found
        return (
            np.concatenate([np.maximum(above, 0), np.minimum(-below, 0)], -1),
            np.concatenate([choices, others], axis=-1),
        )

    def slots(self, unit, kind):
        """Slots of the output's strongest paths, strongest first."""
        values = self.values[-1][unit]
        slots = {
            "positive": np.arange(self.count),
            "negative": np.arange(self.count, 2 * self.count),
            "absolute": np.argsort(-np.abs(values), kind="stable"),
        }[kind]
        return [int(s) for s in slots[: self.count] if values[s] != 0]

    def before(self, tensor, unit, slot):
        """One connection back; None if the path starts at a bias here.

        Returns:
            Tuple `(weight, tensor, unit, slot)`.
        """
        known = self.connections[tensor - 1]
        choice = self.choices[tensor][unit, slot]
        position, slot = divmod(int(choice), 2 * self.count)
        if position == known.sources.shape[1]:
            return None
        weight = float(known.weight(unit, position))
        source = int(known.source(unit, position))
        for taken in self.steps[tensor - 1].sources:
            if source < len(self.values[taken]):
                return weight, taken, source, slot
            source -= len(self.values[taken])
        raise AssertionError("a source beyond the tensors of its step")

    def bias(self, tensor, unit):
        return self._shift(self.steps[tensor - 1]).ravel()[unit]


def _largest(array, count):
    """The largest along the last axis, descending, and their indices.

    Where there are fewer than `count`, zeros.
    """
    available = min(count, array.shape[-1])
    found = np.argpartition(-array, available - 1, axis=-1)[..., :available]
    values = np.take_along_axis(array, found, axis=-1)
    order = np.argsort(-values, axis=-1)
    missing = [(0, 0)] * (array.ndim - 1) + [(0, count - available)]
    return tuple(
        np.pad(np.take_along_axis(each, order, axis=-1), missing)
        for each in (values, found)
    )


def _check_size(model, steps, shapes, most):
    """Raises a `UserError` before what cannot be held is made."""
    connections = sum(
        np.prod(step.shape, dtype=float) * _fan(step, shapes) for step in steps
    )
    if connections > most:
        raise UserError(
            f"Expected a network of at most {most:,} connections "
            f"between units. Received: {model.name} with {int(connections):,}"
        )


def _fan(step, shapes):
    """How many units each unit of a step takes from, roughly."""
    weights = step.linear.get_weights() if step.linear is not None else []
    if weights:
        return np.prod(weights[0].shape[:-1])
    return max(
        1, sum(np.prod(shapes[k]) for k in step.sources) / np.prod(step.shape)
    )
