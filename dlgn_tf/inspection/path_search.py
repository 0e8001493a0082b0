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
        connections: Sequence of `Connections`, one per step, with the gates of
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
        held = fan + 2 * self.count * min(fan, self.count)
        within = max(1, _CANDIDATES // held)
        rows, columns = max(1, within // size), min(size, within)
        for g in range(0, groups, rows):
            sources = known.sources[g : g + rows]
            for o in range(0, size, columns):
                block = np.s_[g : g + rows, o : o + columns]
                values[block], choices[block] = self._best(
                    taken, sources, weights[block], shift[block]
                )
        shape = (groups * size, 2 * self.count)
        return values.reshape(shape), choices.reshape(shape)

    def _shift(self, step):
        shift = step.shift if self._biases and step.shift is not None else 0.0
        return np.broadcast_to(np.asarray(shift, "float64"), step.shape)

    def _best(self, taken, sources, weights, shift):
        """The largest and the smallest products of some units, padded by 0.

        Args:
            taken: Array `(units, 2 count)`, products that lead to the sources.
            sources: Integers `(groups, fan)`.
            weights: Array `(groups, size, fan)`.
            shift: Array `(groups, size)`.

        Returns:
            Values and choices, `(groups, size, 2 count)`.
        """
        above, choices = self._largest(taken, sources, weights, shift)
        below, others = self._largest(taken, sources, -weights, -shift)
        return (
            np.concatenate([np.maximum(above, 0), np.minimum(-below, 0)], -1),
            np.concatenate([choices, others], axis=-1),
        )

    def _largest(self, taken, sources, weights, shift):
        """As `_best`, the largest alone: `(groups, size, count)`."""
        slots, fan = 2 * self.count, sources.shape[1]
        # As many products come from no more sources than that, and each of
        # these gives a product that is larger than all of any other source.
        strongest = np.maximum(
            weights * taken[sources, 0][:, None],
            weights * taken[sources, self.count][:, None],
        )
        kept, _ = _descending(strongest, self.count)
        chosen = np.take_along_axis(sources[:, None], kept, axis=-1)
        chosen_weights = np.take_along_axis(weights, kept, axis=-1)
        products = taken[chosen] * chosen_weights[..., None]
        choices = kept[..., None] * slots + np.arange(slots)
        shape = (*shift.shape, -1)
        products = np.concatenate(
            [products.reshape(shape), shift[..., None]], axis=-1
        )
        choices = np.concatenate(
            [choices.reshape(shape), np.full((*shift.shape, 1), fan * slots)],
            axis=-1,
        )
        order, values = _descending(products, self.count)
        missing = [(0, 0), (0, 0), (0, self.count - order.shape[-1])]
        choices = np.take_along_axis(choices, order, axis=-1)
        return np.pad(values, missing), np.pad(choices, missing)

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
        """One connection back: `(weight, tensor, unit, slot)`.

        None if the path starts at a bias here.
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


def _descending(array, count):
    """Where the largest along the last axis are, and what they are.

    As many as there are, at most `count`.
    """
    available = min(count, array.shape[-1])
    leading = np.argpartition(-array, available - 1, axis=-1)[..., :available]
    values = np.take_along_axis(array, leading, axis=-1)
    order = np.argsort(-values, axis=-1)
    return (
        np.take_along_axis(leading, order, axis=-1),
        np.take_along_axis(values, order, axis=-1),
    )
