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
import typing

import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.command.progress import Progress
from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.inspection.connections import connections_of, scaled
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.logits import logit_of_each
from dlgn_tf.inspection.path_search import Search

if typing.TYPE_CHECKING:
    from dlgn_tf.models.gated import GatedNetwork


KINDS = ("positive", "negative", "absolute")
MOST_CONNECTIONS = 50_000_000


@dataclasses.dataclass(frozen=True)
class Path:
    """A path from the input, or from a bias, to a logit.

    Attributes:
        contribution: Float, feature times value. Contributions of all paths
            sum to the logit.
        feature: Float, neural path feature: what enters at the start, times
            the gates on the path and what averages divide by. A bias enters
            as 1.
        value: Float, neural path value: the product of the weights on the path,
            with the scales of batch normalisations, and of the bias where it
            starts there.
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

    def __init__(
        self,
        model: "GatedNetwork",
        biases: bool = True,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self._view = DualView(model, "float64")
        if self._view.network.not_linear:
            raise UserError(
                "Expected a value network that is linear given its gates; a "
                "VGG is with pooling=average. Received: "
                f"{model.name} with {', '.join(self._view.network.not_linear)}"
            )
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

    def strongest(
        self,
        images: Array,
        logit: int,
        count: int = 10,
        kind: str = "absolute",
        progress: bool = False,
    ) -> list[list[Path]]:
        """The strongest paths of each image to a logit.

        Args:
            images: Array `(n, height, width, channels)`, pixels in [0, 255].
            logit: Integer, or integers `(n,)`.
            count: Integer >= 1, how many.
            kind: `"positive"`, those that add most; `"negative"`, those that
                subtract most; `"absolute"`, the largest of both.
            progress: Boolean. Whether to show it.

        Returns:
            List of n lists of at most `count` `Path`s, strongest first; fewer
            where fewer paths contribute anything.

        Raises:
            UserError: if there is no such logit or kind, not one logit for
                each image, or `count` is < 1.
        """
        _check_request(count, kind)
        classes = self._view.network.classes
        logits = logit_of_each("logit", logit, len(images), classes)
        entering, gates = self._view.entering(images)
        entering = ops.convert_to_numpy(entering)
        gates = {s: ops.convert_to_numpy(gate) for s, gate in gates.items()}
        shown = Progress(
            "strongest paths", 0, len(images), "image", silent=not progress
        )
        paths = []
        for index, target in enumerate(logits):
            search = Search(
                self._steps,
                self._of_image({s: g[index] for s, g in gates.items()}),
                entering[index],
                count,
                self._biases,
            )
            slots = search.slots(int(target), kind)
            paths.append([self._path(search, int(target), s) for s in slots])
            shown.update(index + 1)
        return paths

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
            if step.weighted:
                value *= weight
            else:
                feature *= weight
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


def _check_request(count, kind):
    check_choice("kind", kind, KINDS)
    if count < 1:
        raise UserError(f"Expected count >= 1. Received: count={count}")


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
    weights = getattr(step.linear, "weights", None)
    if weights:
        return np.prod(weights[0].shape[:-1])
    return max(
        1, sum(np.prod(shapes[k]) for k in step.sources) / np.prod(step.shape)
    )
