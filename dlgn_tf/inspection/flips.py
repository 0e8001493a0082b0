"""Why gates are as they are: what would flip them, and what that would change.

The gate of a unit is on one side of q = 0 or on the other. Where q = <T, x> + b
for all images (a DLGN, a DLGN-SF, the first site of every family), |q| / |T| is
how far the image x is from the nearest one at which q = 0, exactly: just behind
it a hard gate has flipped. A soft gate flipped is that of -q, which the image
reaches twice as far away. T is that of stored images, and so distances are
lengths of a change in grey levels, or in the units of a vector; of a model that
standardises each image, that of the standardised one. Elsewhere T is the
derivative at the image: a local linearisation, exact as long as nothing before
the unit flips.

What the logits would be with one gate flipped is computed with the gate forced,
exactly in every network. In a gated one all other gates are held, and logits
are affine in the gates of a site, unless there is max pooling, which then
chooses anew. In a ReLU network, whose gates are its own, what lies behind the
unit responds.

Source: the DLGN paper (arXiv 2110.03403), section 3 (the primal view).
"""

import dataclasses
import functools
import typing
from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import templates as primal
from dlgn_tf.inspection.affine import gate_function
from dlgn_tf.inspection.autodiff import double_precision
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.derivative import lengths
from dlgn_tf.inspection.interventions import switched_logits
from dlgn_tf.inspection.site_map import SiteMap
from dlgn_tf.inspection.sites import chosen_sites
from dlgn_tf.inspection.units import by_site, check_units, least
from dlgn_tf.models.evaluation import batches
from dlgn_tf.models.images import check_images

if typing.TYPE_CHECKING:
    from dlgn_tf.models.gated import GatedNetwork

# Classes, and units, that are looked at in one pass.
_CLASSES, _UNITS = 10, 64
# A pre-activation just above 0, in 16 bits too.
_ABOVE = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Flip:
    """One gate of an image, and what happens when it alone flips.

    Attributes:
        site: Name of the gate site.
        unit: Tuple `(row, column, channel)`, or `(unit,)` at a dense site.
        preactivation: Float, q.
        gate: Float, what the unit is multiplied by.
        flipped: Float, what it would be multiplied by on the other side.
        distance: Float, |q| / |T|: how far the image is from q = 0.
        exact: Boolean. Whether T holds for all images; else it is the local
            linearisation at this one.
        template: float64 array `(height, width, channels)`, T of stored images.
        before: Array `(classes,)`, logits as they are.
        after: Array `(classes,)`, logits with this gate flipped.
    """

    site: str
    unit: tuple[int, ...]
    preactivation: float
    gate: float
    flipped: float
    distance: float
    exact: bool
    template: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @property
    def changes_class(self) -> bool:
        """Whether the network says another class with the gate flipped."""
        return bool(self.before.argmax() != self.after.argmax())

    def moved(self, image: Array, beyond: float = 1e-3) -> Array:
        """The nearest image at which q = 0, and a little beyond.

        Args:
            image: Array `(height, width, channels)`, the stored image; of a
                model that standardises each image, the standardised one.
            beyond: Float, share of the distance. Pixels may leave [0, 255].
        """
        step = (1 + beyond) * self.preactivation * self.template
        return image - step / (self.template**2).sum()


class GateFlips:
    """The gates of a model, image by image: nearest, strongest.

    Building one copies the value network; keep it for several images. Lengths
    of templates are computed once for each site, by a pass for every number of
    an image.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        sites: Names of the gate sites that are looked at. Defaults to all.
        memory_gib: Float > 0. Bound on what passes hold at a time.
        view: `DualView` of the model, where there is one already.
        affine_sites: What `templates.affine_sites` returned of the model, where
            it is there already.

    Attributes:
        view: That `DualView`, in float64 where it is made here.

    Raises:
        UserError: as `DualView`, or if there is no such site.
    """

    def __init__(
        self,
        model: "GatedNetwork",
        sites: Sequence[str] | None = None,
        memory_gib: float = 1.0,
        view: DualView | None = None,
        affine_sites: set[str] | None = None,
    ) -> None:
        self.sites = list(chosen_sites(model, sites))
        self.model = model
        self._memory_gib = memory_gib
        self.view = view or DualView(model, "float64", memory_gib)
        self._affine_sites = affine_sites
        self._site_maps: dict[str, SiteMap] = {}
        self._lengths: dict[str, Array] = {}

    @functools.cached_property
    def exact_sites(self) -> list[str]:
        """Those of `sites` whose gates are affine in the image."""
        affine = self._affine_sites
        if affine is None:
            affine = primal.affine_sites(self.model)
        return [s for s in self.sites if self.model.gate_source(s) in affine]

    @property
    def responds(self) -> bool:
        """Whether anything responds to a gate that is forced.

        Gates behind it in a ReLU network, and what max pooling chooses.
        """
        return not self.model.gated or bool(self.view.network.not_linear)

    def nearest(self, image: Array, count: int = 20) -> list[Flip]:
        """The gates that the image is nearest to flipping, nearest first.

        Among the units of `exact_sites`.

        Args:
            image: Array `(height, width, channels)`, a stored image.
            count: Integer >= 1, how many.

        Raises:
            UserError: if no site is exact.
        """
        state = self._state(image)
        return self._flips(state, least(self._distances(state), count))

    def strongest(
        self,
        image: Array,
        target: int | None = None,
        against: int | None = None,
        count: int = 20,
    ) -> list[Flip]:
        """The gates that a logit depends on most, strongest first.

        By how much the logit changes when the gate alone flips. Where anything
        `responds` they are chosen by what they would change if nothing did.

        Args:
            image: See `nearest`.
            target: Integer, the logit. Defaults to that of the predicted class.
            against: Integer, a logit that is subtracted, or None.
            count: Integer >= 1, how many.
        """
        state = self._state(image)
        direction = np.zeros(self.model.classes)
        direction[state.before.argmax() if target is None else target] = 1
        if against is not None:
            direction[against] -= 1
        changes = self._changes(state, direction[None])
        sizes = {s: -np.abs(changes[s][..., 0]) for s in self.sites}
        return self._flips(state, least(sizes, count))

    def nearest_class_change(self, image: Array) -> Flip | None:
        """The nearest flip of one gate with which the network says otherwise.

        The network itself says so; None if no single gate of `exact_sites`
        does it. Where anything `responds` all of them are tried in turn, which
        may take long.

        Args:
            image: See `nearest`.
        """
        state = self._state(image)
        found = self._distances(state)
        predicted = int(state.before.argmax())
        if self.model.classes == 1:
            return None
        if not self.responds:
            found = self._with_which_another_leads(state, predicted, found)
        units = least(found, sum(x.size for x in found.values()))
        for some in batches(len(units), _UNITS) if units else ():
            after = self._forced(state, units[some], state.flipped)
            for unit, logits in zip(units[some], after, strict=True):
                if logits.argmax() != predicted:
                    return self._flips(state, [unit])[0]
        return None

    def _with_which_another_leads(self, state, predicted, distances):
        """Distances, those infinite of flips that leave the class as it is."""
        others = np.delete(np.arange(self.model.classes), predicted)
        does = {site: np.zeros(x.shape, bool) for site, x in distances.items()}
        for some in batches(len(others), _CLASSES):
            directions = np.eye(self.model.classes)[others[some]]
            directions[:, predicted] = -1
            leads = state.before[predicted] - state.before[others[some]]
            changes = self._changes(state, directions)
            for site in does:
                does[site] |= (changes[site] > leads).any(axis=-1)
        return {
            site: np.where(does[site], each, np.inf)
            for site, each in distances.items()
        }

    def flips(self, image: Array, units: Sequence[tuple]) -> list[Flip]:
        """What happens when gates flip, each alone.

        Args:
            image: See `nearest`.
            units: Sequence of pairs of a site and a unit, see `Flip`.
        """
        check_units(units, self.model.site_shapes)
        return self._flips(self._state(image), units)

    def _flips(self, state, units):
        after = self._forced(state, units, state.flipped)
        templates = self._templates(state, units)
        flips = []
        for row, (site, unit) in enumerate(units):
            template, q = templates[row]
            length = float(np.sqrt((template**2).sum()))
            flips.append(
                Flip(
                    site,
                    unit,
                    q,
                    float(state.gates[site][unit]),
                    float(state.flipped[site][unit]),
                    abs(q) / length if length else np.inf,
                    site in self.exact_sites,
                    template,
                    state.before,
                    after[row],
                )
            )
        return flips

    def _templates(self, state, units):
        """Of each unit its template and pre-activation: dict by row."""
        templates = {}
        for site, rows in by_site(units).items():
            exact = site in self.exact_sites
            made = primal.of_units(
                self.model,
                self.model.gate_source(site),
                [units[k][1] for k in rows],
                None if exact else state.images[0],
                self._memory_gib,
                self._site_map(site),
            )
            seen = state.seen if made.standardized else state.images
            q = made.preactivations(seen)[0]
            pairs = zip(made.weights, q.tolist(), strict=True)
            templates |= dict(zip(rows, pairs, strict=True))
        return templates

    def _distances(self, state):
        """|q| / |T| of each unit: dict from site to arrays of its shape."""
        if not self.exact_sites:
            raise UserError(
                "Expected gate sites that are affine in the image, as those of "
                f"a DLGN are. Received: {', '.join(self.sites)} of "
                f"{self.model.name}"
            )
        distances = {}
        for site in self.exact_sites:
            source = self._site_map(site)
            if site not in self._lengths:
                of_units = lengths(source, self._memory_gib)
                self._lengths[site] = of_units.reshape(source.shape)
            q = np.abs(source.values(source.normalized(state.images))[0])
            distances[site] = np.full(q.shape, np.inf)
            length, out = self._lengths[site], distances[site]
            np.divide(q, length, out=out, where=length > 0)
        return distances

    def _site_map(self, site):
        """The `SiteMap` of what makes the gates of a site."""
        if site not in self._site_maps:
            source = self.model.gate_source(site)
            self._site_maps[site] = SiteMap(self.model, source)
        return self._site_maps[site]

    def _state(self, image):
        """The `_State` of an image."""
        check_images(self.model, images := np.asarray(image)[None])
        q = self.model.routed(self.model.preactivations(images))
        made = self.model.gates_of(q)
        other = self.model.gates_of({s: _mirrored(x) for s, x in q.items()})
        gates, flipped = (
            {s: ops.convert_to_numpy(x)[0] for s, x in each.items()}
            for each in (made, other)
        )
        seen = ops.convert_to_numpy(self.model.normalization(images))
        before = self.view.logits(images, made)[0]
        entering = self.view.entering(images, made)
        return _State(images, seen, entering, gates, flipped, before)

    def _changes(self, state, directions):
        """What flips change under held gates: site to `(*shape, k)`."""
        derivatives = self.view.gate_derivatives(state.images, directions[None])
        return {
            site: (state.flipped[site] - state.gates[site])[..., None]
            * derivatives[site][0]
            for site in self.sites
        }

    def forced(
        self, image: Array, units: Sequence[tuple], gate: float
    ) -> Array:
        """Logits with each of some gates forced, one at a time, by the network.

        Args:
            image: See `nearest`.
            units: See `flips`.
            gate: Float, what it is forced to.

        Returns:
            Array `(units, classes)`.
        """
        check_units(units, self.model.site_shapes)
        settings = {site: np.full((), gate) for site, _ in units}
        return self._forced(self._state(image), units, settings)

    def _forced(self, state, units, settings):
        """The same, of settings by site that fit its shape."""
        after = np.empty((len(units), self.model.classes))
        network = self.view.network
        with double_precision():
            entering, gates = state.entering
            gate = gate_function(self.model, gates)
            for site, rows in by_site(units).items():
                for part in batches(len(rows), self.view.rows):
                    some = rows[part]
                    chosen = np.zeros((len(some), *state.gates[site].shape))
                    for mask, k in zip(chosen, some, strict=True):
                        mask[units[k][1]] = 1
                    after[some] = switched_logits(
                        network,
                        ops.repeat(entering, len(some), axis=0),
                        gate,
                        site,
                        ops.cast(chosen, network.dtype),
                        ops.cast(settings[site], network.dtype),
                    )
        return after


class _State(typing.NamedTuple):
    """An image in the network: gates by site, and what they would be flipped.

    `images` is the stored image in a batch of one, `seen` as the network sees
    it, `entering` what `DualView.entering` returned, `before` has its logits.
    """

    images: Array
    seen: Array
    entering: tuple
    gates: dict
    flipped: dict
    before: Array


def _mirrored(q):
    """Pre-activations on the other side of 0; 0 itself counts as below."""
    return ops.where(q == 0, _ABOVE, -q)
