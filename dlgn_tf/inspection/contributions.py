"""The dual view: which units a logit is the sum of, exactly.

With the gates held, the logits are an affine function of what any one gate site
puts out. So at every site

    logit = sum over its units of (output of u) * (d logit / d output of u)
          + what the input adds on paths that go around the site
          + what the biases add that do not come through the site,

where the derivative is taken with the gates held. Each of the three is computed
on its own, none as a difference. In a network without skips nothing goes
around; biases before the site are then part of what its units put out.

That is exact for DGN, DLGN and DLGN-SF with any gates, for they do not depend
on the value network. It is exact too for a ReLU network with its own gates,
1 where a ReLU is on: relu(q) = 1{q > 0} q. So it is for other nonlinearities,
whose gate is what they multiply q by.

Source: the DLGN paper (arXiv 2110.03403), section 3: the value network given
its gates.
"""

import dataclasses
import typing
from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.command import startup
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.affine import AffineNetwork, value_inputs
from dlgn_tf.inspection.sites import check_site
from dlgn_tf.models.evaluation import batches
from dlgn_tf.models.graphs import graph_of

if typing.TYPE_CHECKING:
    from dlgn_tf.models.gated import GatedNetwork


# Images times logits that pass through the network at a time.
_BATCH = 50


@dataclasses.dataclass(frozen=True)
class Decomposition:
    """Logits of n images as sums over the units of a gate site.

    Arrays have a last axis of logits, in the order in which they were asked
    for; what `DualView.difference` returns has no such axis.

    Attributes:
        site: Name of the gate site.
        units: Array `(n, height, width, channels, logits)` or `(n, units,
            logits)`: what each unit of the site contributes.
        around: Array `(n, logits)`: what the input (the image or the ones)
            contributes on paths that go around the site. 0 without skips.
        biases: Dict from layer to array `(n, logits)`: what its biases
            contribute on ways that do not come through the site. 0 for layers
            before the site, unless a skip leads around it.
        logits: Array `(n, logits)`, by a forward pass.
    """

    site: str
    units: np.ndarray
    around: np.ndarray
    biases: dict
    logits: np.ndarray

    @property
    def of_units(self) -> Array:
        """What all units contribute together, `(n, logits)`."""
        axes = tuple(range(1, self.units.ndim - self.around.ndim + 1))
        return self.units.sum(axis=axes)

    @property
    def of_biases(self) -> Array:
        """What all biases contribute together, `(n, logits)`."""
        return sum(self.biases.values(), np.zeros_like(self.around))

    @property
    def channels(self) -> Array:
        """Contributions summed over positions, `(n, channels, logits)`."""
        last = self.units.ndim - self.around.ndim
        return self.units.sum(axis=tuple(range(1, last)))

    @property
    def total(self) -> Array:
        """The sum, `(n, logits)`: `logits` but for rounding."""
        return self.of_units + self.around + self.of_biases


class DualView:
    """A model seen as a sum: contributions of units to logits.

    Building one copies the value network; keep it for several calls.

    Example:

    >>> view = DualView(model)
    >>> found = view.contributions(images, "conv2")
    >>> numpy.abs(found.total - found.logits).max()

    Args:
        model: `GatedNetwork` or `ReLUNetwork`, on the TensorFlow backend.
        dtype: `"float32"` or `"float64"`: how the value network computes.
            Gates are those of the model in either case, in its own precision.

    Attributes:
        site_shapes: Dict from gate site to its shape, from input to output.
        network: `AffineNetwork`.

    Raises:
        UserError: if the model is an ensemble, has layers beside its gates that
            are not linear (max pooling), or runs on another backend.
    """

    def __init__(self, model: "GatedNetwork", dtype: str = "float32") -> None:
        startup.tensorflow()
        self.model = model
        self.network = AffineNetwork(model, dtype)
        if self.network.not_linear:
            raise UserError(
                "Expected a value network that is linear given its gates; a "
                "VGG is with pooling=average. Received: "
                f"{model.name} with {', '.join(self.network.not_linear)}"
            )
        self.site_shapes = dict(model.site_shapes)
        self._gradients = _compiled(self.network)

    def entering(self, images: Array) -> Array:
        """What the value network sees of stored images, and its gates by site.

        Tensors `(n, ...)` of the view's dtype.
        """
        return value_inputs(self.model, images, self.network.dtype)

    def logits(self, images: Array) -> Array:
        """Logits `(n, classes)` as the view computes them, with held gates."""
        pixels, gates = self.entering(images)
        return ops.convert_to_numpy(
            self.network(pixels, lambda site, _: gates[site])
        )

    def contributions(
        self, images: Array, site: str, logits: Sequence[int] | None = None
    ) -> Decomposition:
        """Decomposes logits at a gate site.

        The result holds n * units * logits numbers, and each logit is a pass
        through the network.

        Args:
            images: Array `(n, height, width, channels)`, pixels in [0, 255].
            site: Name of a gate site.
            logits: Sequence of integers, which logits. Defaults to all.

        Raises:
            UserError: if there is no such site or logit.
        """
        check_site(site, self.site_shapes)
        classes = self.network.classes
        chosen = list(range(classes) if logits is None else logits)
        check_logits(chosen, classes)
        directions = np.eye(classes)[chosen]
        return self._along(
            images, site, np.tile(directions, (len(images), 1, 1))
        )

    def difference(
        self, images: Array, site: str, right: int, wrong: int
    ) -> Decomposition:
        """Decomposes the difference of two logits of each image.

        What makes a network prefer one class: `right - wrong`, each an integer
        or integers `(n,)`, in one pass. Arrays of the result have no axis of
        logits; images, site and errors are as for `contributions`.
        """
        check_site(site, self.site_shapes)
        classes, of_images = self.network.classes, np.zeros(len(images), int)
        for given in (right, wrong):
            check_logits(np.ravel(given), classes)
        one_hot = np.eye(classes)
        directions = one_hot[right + of_images] - one_hot[wrong + of_images]
        along = self._along(images, site, directions[:, None])
        return Decomposition(
            site,
            along.units[..., 0],
            along.around[..., 0],
            {name: each[..., 0] for name, each in along.biases.items()},
            along.logits[..., 0],
        )

    def _along(self, images, site, directions):
        """Decomposes scalar products of the logits with given vectors.

        Those are `directions`, `(n, k, classes)`; the result's last axis has
        the k products.
        """
        size = max(1, _BATCH // directions.shape[1])
        parts = [
            self._of_batch(images[batch], site, directions[batch])
            for batch in batches(len(images), size)
        ]
        units, around, biases, logits = (
            np.concatenate(part) for part in zip(*parts, strict=True)
        )
        named = {
            name: biases[:, column]
            for column, name in enumerate(self.network.biases)
        }
        return Decomposition(site, units, around, named, logits)

    def _of_batch(self, images, site, directions):
        """Arrays `(n, ..., k)`: of the units, around, of the biases, logits.

        Logits are affine in the gates of a site. Where those are all 0 they are
        linear in the input and the biases' factors, so the derivatives there,
        each times what it is taken in, are the parts.
        """
        count, k, classes = directions.shape
        entering, gates = self.entering(images)
        logits = self.network(entering, lambda name, _: gates[name])
        # Each image as often as it has directions: one pass for all of them.
        closed = {name: ops.repeat(g, k, axis=0) for name, g in gates.items()}
        closed[site] = ops.zeros_like(closed[site])
        along = ops.cast(directions, self.network.dtype)
        of_input, of_gates, of_biases = self._gradients(
            ops.repeat(entering, k, axis=0),
            closed,
            ops.reshape(along, (count * k, classes)),
        )

        def last(tensor):
            """The directions as the last axis."""
            array = ops.convert_to_numpy(tensor)
            return np.moveaxis(array.reshape(count, k, *array.shape[1:]), 1, -1)

        gate, entering = map(ops.convert_to_numpy, (gates[site], entering))
        around = last(of_input) * entering[..., None]
        return (
            last(of_gates[site]) * gate[..., None],
            around.sum(axis=(1, 2, 3)),
            last(of_biases),
            ops.convert_to_numpy(ops.einsum("nc,nkc->nk", logits, along)),
        )


def check_logits(logits: Sequence[int] | Array, classes: int) -> None:
    """Raises a `UserError` unless all are logits of so many classes."""
    for logit in logits:
        if logit != int(logit) or not 0 <= logit < classes:
            raise UserError(
                f"Expected logits from 0 to {classes - 1}. Received: {logit}"
            )


def _compiled(network):
    """Derivatives in the input, the gates and the biases' factors."""
    tf = startup.tensorflow()

    def gradients(entering, gates, direction):
        factors = tf.ones(
            (tf.shape(entering)[0], len(network.biases)), network.dtype
        )
        variables = (entering, gates, factors)
        with tf.GradientTape() as tape:
            tape.watch(variables)
            logits = network(entering, lambda site, _: gates[site], factors)
            along = tf.reduce_sum(logits * direction)
        return tape.gradient(
            along,
            variables,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )

    return graph_of(gradients, reduce_retracing=True)
