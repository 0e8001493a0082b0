"""The search behind the strongest paths: dynamic programming over units.

Multiplied by a positive weight the largest products stay the largest, and by a
negative one they become the smallest. So the `count` largest and the `count`
smallest products that lead to a unit come from those of the units before it,
and nothing else needs to be kept.
"""

import numpy as np

# Products that are compared at a time: 16 MiB.
_CANDIDATES = 2**21


class Search:
    """The strongest partial products that lead to every unit, for one image.

    `values[t]` is `(units, 2 count)` of tensor t: in the first half the largest
    positive products, in the second the most negative ones, each strongest
    first; 0 where there are fewer. `choices[t]` says where each came from: the
    position among the unit's sources times 2 count, plus the slot there; one
    past the last of them stands for the unit's bias.

    Args:
        steps: Sequence of `affine.Step`.
        connections: Sequence of `Connections`, one a step, with the gates of
            the image at gate sites.
        entering: float64 array `(height, width, channels)`.
        count: Integer >= 1.
        biases: Boolean. Whether paths start at biases too.
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
        # Units of several tensors are counted through.
        taken = self.steps[tensor - 1].sources
        ends = np.cumsum([len(self.values[k]) for k in taken])
        which = int(np.searchsorted(ends, source, side="right"))
        first = int(ends[which]) - len(self.values[taken[which]])
        return weight, taken[which], source - first, slot

    def bias(self, tensor, unit):
        """The bias that a unit of a tensor starts paths with."""
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
