"""The gates behind a decision: the strongest as pictures, and what flips."""

import math
from typing import Any

from dlgn_tf.inspection import pictures
from dlgn_tf.inspection.flips import GateFlips
from dlgn_tf.inspection.page import number
from dlgn_tf.inspection.sections.decisions import Decision, in_place
from dlgn_tf.inspection.sections.templates import colours_said
from dlgn_tf.inspection.site_map import standardizes

_STRONGEST, _NEAREST = 6, 20
# Distances to all gates are computed where that takes seconds: numbers of an
# image times units.
_MOST_NUMBERS = 5e7
# The same where each unit has to be tried: units.
_MOST_TRIED = 4096

_STRENGTH = (
    "The strongest gates are those{sites} on which the lead depends most. Over "
    "each picture stand its place, what the lead would be if that gate alone "
    "were on the other side, and how far the image is from the nearest one at "
    "which its pre-activation is 0, in {units} (the length of the change over "
    "all pixels). Left is what the gate looks at (where it is {colours}), "
    "right the part of the image that it sees."
)
_SOFT = (
    "A gate on the other side is that of the opposite pre-activation, which "
    "the image reaches twice as far away."
)
_EXACT = "Distances and templates are exact: each gate is one linear function."
_LOCAL = (
    "Where it says locally, what the gate looks at and the distance hold near "
    "this image, as long as no gate before it flips: a linearisation."
)
_RESPONDING = (
    "The gates of this network are its own: those behind a gate that flips "
    "respond, as they do in the figures here."
)
_POOLING = (
    "What max pooling chooses responds to a gate that flips, as it does in "
    "the figures here."
)


class Flipping:
    """What is said and drawn of the gates of a network, image by image.

    Args:
        report: `Report` of a network with a `DualView`.
    """

    def __init__(self, report: Any) -> None:
        self._report, self._task = report, report.task
        task = self._task
        self._flips = GateFlips(
            task.model,
            task.sites,
            task.memory_gib,
            task.dual_view,
            task.affine_sites,
        )
        self._exact = self._flips.exact_sites
        shapes = [task.model.site_shapes[site] for site in self._exact]
        units = sum(map(math.prod, shapes))
        numbers = units * math.prod(task.model.image_shape)
        self._quick = bool(self._exact) and numbers <= _MOST_NUMBERS
        self._tried = not self._flips.responds or units <= _MOST_TRIED

    def how_to_read(self) -> list[str]:
        """Paragraphs on the pictures of gates."""
        task = self._task
        said = [
            _STRENGTH.format(
                units=self._units,
                colours=colours_said(task.model),
                sites=self._among(task.sites),
            ),
            _EXACT if len(self._exact) == len(task.sites) else _LOCAL,
        ]
        if not task.model.hard_gates:
            said.append(_SOFT)
        if self._flips.responds:
            said.append(_POOLING if task.model.gated else _RESPONDING)
        return said

    def explain(self, k: int, title: str, decision: Decision) -> list[dict]:
        """Adds to the page; rows of the table of flips.

        Args:
            k: Integer from 1, the number of the picture.
            title: String, what the image is called.
            decision: `Decision`.
        """
        image = self._task.images.images[decision.index]
        strongest = self._flips.strongest(
            image, decision.predicted, decision.rival, _STRONGEST
        )
        nearest, change = [], None
        if self._quick:
            nearest = self._flips.nearest(image, _NEAREST)
            if self._tried:
                change = self._flips.nearest_class_change(image)
        self._draw(k, image, strongest, decision)
        self._report.page.text(self._nearest_said(nearest, change, decision))
        return [
            self._row(title, why, flip, decision)
            for why, of_kind in (
                ("strongest", strongest),
                ("nearest", nearest),
                ("nearest class change", [change] if change else []),
            )
            for flip in of_kind
        ]

    @property
    def _units(self):
        """Of distances between images, in words."""
        if standardizes(self._task.model.normalization):
            return "units of the standardised image"
        floats = self._task.images.images.dtype.kind == "f"
        return "units of the data" if floats else "grey levels"

    def _among(self, sites):
        """Which sites' gates are meant; nothing where they are all."""
        sites = sites or self._task.sites
        if len(sites) == len(self._task.model.site_names):
            return ""
        *first, last = [f"`{site}`" for site in sites]
        return f" of {', '.join(first)} and {last}" if first else f" of {last}"

    def _row(self, title, why, flip, decision):
        return {
            "image": title,
            "why": why,
            "site": flip.site,
            "unit": ":".join(map(str, flip.unit)),
            "preactivation": flip.preactivation,
            "gate": flip.gate,
            "flipped": flip.flipped,
            "distance": flip.distance,
            "exact": flip.exact,
            "lead": _lead(flip.before, decision),
            "lead_flipped": _lead(flip.after, decision),
            "predicted_flipped": self._says(flip),
        }

    def _says(self, flip):
        return self._task.dataset.names[int(flip.after.argmax())]

    def _draw(self, k, image, strongest, decision):
        """What each of the gates looks at, and what it does."""
        drawing = pictures.looked_at(
            [in_place(flip.template, image)[0] for flip in strongest],
            [self._title(flip, decision) for flip in strongest],
            image.shape[-1] == 1,
        )
        says = [
            self._task.dataset.names[x]
            for x in (decision.predicted, decision.rival)
        ]
        fewer = sum(
            _lead(f.after, decision) < _lead(f.before, decision)
            for f in strongest
        )
        self._report.picture(
            f"explained_{k}_gates",
            drawing,
            f"The gates{self._among(self._task.sites)} that matter most for "
            f"{says[0]} rather than {says[1]}: {fewer} of these "
            f"{len(strongest)} speak for it. Over each stands what the lead "
            "would be if that gate alone flipped, and how far away that is, in "
            f"{self._units}.",
        )

    def _title(self, flip, decision):
        sides = ("on", "off") if flip.preactivation > 0 else ("off", "on")
        leads = [_lead(x, decision) for x in (flip.before, flip.after)]
        near = "" if flip.exact else ", locally"
        return (
            f"{flip.site}\n{_place(flip.unit)}\n"
            f"{' → '.join(sides)}: lead {leads[0]:.3g} → {leads[1]:.3g}\n"
            f"{number(flip.distance)} away{near}"
        )

    def _nearest_said(self, nearest, change, decision):
        """What would flip first, and what would change the decision."""
        among = self._among(self._exact)
        if not self._exact:
            return (
                f"How far the nearest flip is is not known: no gate{among} is "
                "a linear function of the image."
            )
        if not self._quick:
            return (
                "How near the nearest flips are is not computed here: in a "
                "network of this size it takes minutes."
            )
        if not nearest:
            return f"No change of the image flips a gate{among}."
        moves = [
            abs(_lead(f.after, decision) - _lead(f.before, decision))
            for f in nearest
        ]
        first, last = nearest[0], nearest[-1]
        said = (
            f"The gate{among} that is nearest to flipping, "
            f"{_place(first.unit)} of `{first.site}`, is "
            f"{number(first.distance)} {self._units} away. Of the "
            f"{len(nearest)} nearest, up to {number(last.distance)} away, "
            f"none changes the lead by more than {number(max(moves))}, each "
            "alone. "
        )
        if not self._tried:
            return said + (
                "Whether one of them changes the decision is not tried here: "
                "in a network of this size it takes minutes."
            )
        if change is None:
            return said + f"No single gate{among} changes the decision."
        return said + (
            f"The nearest single gate{among} that changes the decision, "
            f"{_place(change.unit)} of `{change.site}`, is "
            f"{number(change.distance)} away; with it flipped the network says "
            f"{self._says(change)}."
        )


def _lead(logits, decision):
    return float(logits[decision.predicted] - logits[decision.rival])


def _place(unit):
    *place, channel = unit
    if not place:
        return f"unit {channel}"
    row, column = place
    return f"row {row}, column {column}, channel {channel}"
