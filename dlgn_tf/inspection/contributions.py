"""The dual view: which units a logit is the sum of, exactly.

With the gates held, the logits are an affine function of what any one gate site
puts out. So at every site

    logit = sum over its units of (output of u) * (d logit / d output of u)
          + what the input adds on paths that go around the site
          + what the biases add that do not come through the site,

where the derivative is taken with the gates held. Each of the three is computed
on its own, none as a difference. In a network without skips nothing goes
around; biases before the site are then part of what its units put out. The
input is a site too, the first one, around which nothing goes.

That is exact for DGN, DLGN and DLGN-SF with any gates, for they do not depend
on the value network. It is exact too for a ReLU network with its own gates,
1 where a ReLU is on: relu(q) = 1{q > 0} q. So it is for other nonlinearities,
whose gate is what they multiply q by. What max pooling chooses is held as gates
are: it is its own derivative (Euler), so sums stay what they were.

Source: the DLGN paper (arXiv 2110.03403), section 3: the value network given
its gates.
"""

import dataclasses
import functools
import typing
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.command.memory import GIB, check_memory
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.affine import AffineNetwork, value_inputs
from dlgn_tf.inspection.autodiff import double_precision, gradients
from dlgn_tf.inspection.logits import checked_logits, logit_of_each, one_hot
from dlgn_tf.inspection.sites import check_site
from dlgn_tf.models.evaluation import batches

if typing.TYPE_CHECKING:
    from dlgn_tf.models.gated import GatedNetwork


# Images times logits that pass through the network at a time, at most.
_BATCH = 50


@dataclasses.dataclass(frozen=True)
class Decomposition:
    """Logits of n images as sums over the units of a gate site.

    Arrays have a last axis of logits, in the order in which they were asked
    for; what `DualView.difference` returns has no such axis.

    Attributes:
        site: Name of the gate site, None of the input.
        units: Array `(n, height, width, channels, logits)` or `(n, units,
            logits)`: what each unit of the site contributes.
        around: Array `(n, logits)`: what the input (the image or the ones)
            contributes on paths that go around the site. 0 without skips.
        biases: Dict from layer to array `(n, logits)`: what its biases
            contribute on ways that do not come through the site. 0 for layers
            before the site, unless a skip leads around it.
        logits: Array `(n, logits)`, by a forward pass.
    """

    site: str | None
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
        model: `GatedNetwork` or `ReLUNetwork`.
        dtype: `"float32"` or `"float64"`: how the value network computes.
            Gates are those of the model in either case, in its own precision.
        memory_gib: Float > 0. Bound on what the images and logits of a batch
            hold in the network; what is returned comes on top.

    Attributes:
        site_shapes: Dict from gate site to its shape, from input to output.
        rows: Integer, images times logits that pass at a time.
        network: `AffineNetwork`.

    Raises:
        UserError: if the model is an ensemble, has layers beside its gates that
            are neither linear nor homogeneous (as max pooling is), runs on
            another backend than TensorFlow and JAX, or memory does not suffice
            for one image.
    """

    def __init__(
        self,
        model: "GatedNetwork",
        dtype: str = "float32",
        memory_gib: float = 1.0,
    ) -> None:
        self.model = model
        with double_precision():
            self.network = AffineNetwork(model, dtype)
        if self.network.not_additive:
            raise UserError(
                "Expected a value network that is linear given its gates. "
                f"Received: {model.name} with "
                f"{', '.join(self.network.not_additive)}"
            )
        self.site_shapes = dict(model.site_shapes)
        each = self.network.row_bytes
        check_memory(each, memory_gib, f"An image in {model.name} takes")
        self.rows = min(_BATCH, int(memory_gib * GIB // each))
        self._gradients = gradients(self._products)

    def entering(
        self, images: Array, gates: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """What the value network sees of stored images, and its gates by site.

        Tensors `(n, ...)` of the view's dtype. `gates` are those of the model,
        where they are there already.
        """
        with double_precision():
            return value_inputs(self.model, images, self.network.dtype, gates)

    def logits(
        self, images: Array, gates: dict[str, Any] | None = None
    ) -> Array:
        """Logits `(n, classes)` as the view computes them, with held gates.

        For `gates` see `entering`.
        """
        with double_precision():
            pixels, gates = self.entering(images, gates)
            return ops.convert_to_numpy(
                self.network(pixels, lambda site, _: gates[site])
            )

    def contributions(
        self,
        images: Array,
        site: str | None,
        logits: Sequence[int] | None = None,
    ) -> Decomposition:
        """Decomposes logits at a gate site.

        The result holds n * units * logits numbers, and each logit is a pass
        through the network.

        Args:
            images: Array `(n, height, width, channels)`, pixels in [0, 255].
            site: Name of a gate site, or None for the input, whose units are
                the pixels as the network sees them, normalised, or ones.
            logits: Sequence of integers, which logits. Defaults to all.

        Raises:
            UserError: if there is no such site or logit.
        """
        classes = self.network.classes
        chosen = checked_logits(
            range(classes) if logits is None else logits, classes
        )
        directions = np.eye(classes)[chosen]
        return self.along(
            images, site, np.tile(directions, (len(images), 1, 1))
        )

    def difference(
        self, images: Array, site: str | None, right: int, wrong: int
    ) -> Decomposition:
        """Decomposes the difference of two logits of each image.

        What makes a network prefer one class: `right - wrong`, each an integer
        or integers `(n,)`, in one pass. Arrays of the result have no axis of
        logits; images, site and errors are as for `contributions`.
        """
        classes = self.network.classes
        targets, others = (
            logit_of_each(name, given, len(images), classes)
            for name, given in (("right", right), ("wrong", wrong))
        )
        return self.along(images, site, one_hot(targets, classes, others))

    def along(
        self, images: Array, site: str | None, directions: Array
    ) -> Decomposition:
        """Decomposes scalar products of the logits with given vectors.

        Args:
            images: See `contributions`.
            site: See `contributions`.
            directions: Array `(n, k, classes)`. The last axis of the result
                has the k products. Or `(n, classes)`, one product of each
                image: then the result has no such axis.
        """
        if site is not None:
            check_site(site, self.site_shapes)
        single = directions.ndim == 2
        parts = self._in_batches(
            functools.partial(self._of_batch, site),
            images,
            directions[:, None] if single else directions,
        )
        units, around, biases, logits = (
            part[..., 0] if single else part for part in parts
        )
        named = {
            name: biases[:, column]
            for column, name in enumerate(self.network.biases)
        }
        return Decomposition(site, units, around, named, logits)

    def gate_derivatives(self, images: Array, directions: Array) -> dict:
        """What the logits would gain if a gate were larger by one, exactly.

        The derivatives of scalar products of the logits in every gate, the
        others held and what max pooling chooses: so logits are affine in the
        gates of a site.

        Args:
            images: See `contributions`.
            directions: See `along`.

        Returns:
            Dict from gate site to array `(n, *shape of the site, k)`.
        """

        def of_batch(images, directions):
            seen = self.entering(images)
            _, of_gates, _ = self._derivatives(seen, directions, None)
            return [of_gates[site] for site in self.site_shapes]

        derivatives = self._in_batches(of_batch, images, directions)
        return dict(zip(self.site_shapes, derivatives, strict=True))

    def _in_batches(self, function, images, directions):
        """A function's arrays `(n, ..., k)`, joined over batches of both."""
        count, k, _ = directions.shape
        with double_precision():
            of_images = [
                _joined(
                    [
                        function(images[some], directions[some, chosen])
                        for chosen in batches(k, self.rows)
                    ],
                    -1,
                )
                for some in batches(count, max(1, self.rows // k))
            ]
        return _joined(of_images, 0)

    def _of_batch(self, site, images, directions):
        """Arrays `(n, ..., k)`: of the units, around, of the biases, logits.

        Together logits are homogeneous in the input and the biases' factors,
        and so they are where what leaves a site is held and what it is
        multiplied by is one more factor. The derivatives, each times what it is
        taken in, are the parts.
        """
        entering, gates = seen = self.entering(images)
        logits = self.network(entering, lambda name, _: gates[name])
        along = ops.cast(directions, self.network.dtype)
        of_input, of_gates, biases = self._derivatives(seen, directions, site)
        entering = ops.convert_to_numpy(entering)[..., None]
        units, around = of_input * entering, np.zeros(directions.shape[:2])
        if site is not None:
            around = units.sum(axis=(1, 2, 3))
            gate = ops.convert_to_numpy(gates[site])
            units = of_gates[site] * gate[..., None]
        products = ops.einsum("nc,nkc->nk", logits, along)
        return units, around, biases, ops.convert_to_numpy(products)

    def _derivatives(self, seen, directions, held):
        """In the input, in gates by site and in the biases' factors.

        Of what `entering` returned. Arrays `(n, ..., k)`; of a site that is
        `held` derivatives go no further than to its gates.
        """
        count, k, classes = directions.shape
        dtype = self.network.dtype
        # Each image as often as it has directions: one pass for all of them.
        entering, gates = keras.tree.map_structure(
            lambda x: ops.repeat(x, k, axis=0), seen
        )
        factors = ops.ones((count * k, len(self.network.biases)), dtype)
        along = ops.reshape(ops.cast(directions, dtype), (count * k, classes))
        stops = {
            site: ops.cast(float(site == held), dtype)
            for site in self.site_shapes
        }
        derivatives = self._gradients((entering, gates, factors), along, stops)

        def last(tensor):
            """The directions as the last axis."""
            array = ops.convert_to_numpy(tensor)
            return np.moveaxis(array.reshape(count, k, *array.shape[1:]), 1, -1)

        return keras.tree.map_structure(last, derivatives)

    def _products(self, variables, along, stops):
        """What `gradients` derives: logits times directions.

        Where the stop of a site is 1 what enters it is a constant, where it is
        0 it is not. So all sites are one graph.
        """
        entering, gates, factors = variables

        def leaving(site, entered, product):
            constant = ops.stop_gradient(entered) * gates[site]
            return product + stops[site] * (constant - product)

        logits = self.network(
            entering, lambda site, _: gates[site], factors, leaving
        )
        return logits * along


def _joined(parts, axis):
    """Lists of arrays, the first ones concatenated, and so on."""
    return [np.concatenate(each, axis) for each in zip(*parts, strict=True)]
