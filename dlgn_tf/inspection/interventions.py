"""What a network does with some of its gates switched.

Gates are an input of the value network, so switching one is exact: nothing else
changes but what is computed from it. In a ReLU network the gate of a unit is
what its ReLU multiplies the pre-activation by, 1 or 0; it is replaced there and
all ReLUs behind it respond, as in a network with such a ReLU.
"""

import dataclasses
import math
import typing
from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.command.progress import Progress
from dlgn_tf.dual.kernel_learning import check_labels
from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.inspection.affine import (
    AffineNetwork,
    gate_function,
    value_inputs,
)
from dlgn_tf.inspection.sites import check_site
from dlgn_tf.inspection.units import places_of, within
from dlgn_tf.models import objectives
from dlgn_tf.models.evaluation import batches

if typing.TYPE_CHECKING:
    from dlgn_tf.data.images import ImageSet
    from dlgn_tf.models.classifier import ImageClassifier
    from dlgn_tf.models.gated import GatedNetwork


SETTINGS = ("on", "off", "mean")


@dataclasses.dataclass(frozen=True)
class Switch:
    """Gates that are set, all of a site unless there is more to say.

    Attributes:
        site: Name of the gate site.
        to: `"on"`, the largest that a gate of the site can be; `"off"`, 0;
            `"mean"`, each gate's mean over a set of images.
        channel: Integer, or None for all: of a dense layer, the unit.
        position: Tuple `(row, column)`, or None for all. With `channel` it is
            one unit of a convolution.
    """

    site: str
    to: str = "off"
    channel: int | None = None
    position: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a switch did; one line of the table.

    `site`, `channel`, `position` and `to` are those of the `Switch`.

    Attributes:
        images: Integer, how many were evaluated.
        baseline_accuracy: Float in [0, 1], of the network as it is.
        accuracy: The same after the switch.
        changed_predictions: Float in [0, 1], share of images that are
            classified otherwise.
        mean_logit_change: Float, of the true class's logit: after minus before.
        mean_absolute_logit_change: Float, of all logits.
    """

    site: str
    channel: int | None
    position: tuple[int, int] | None
    to: str
    images: int
    baseline_accuracy: float
    accuracy: float
    changed_predictions: float
    mean_logit_change: float
    mean_absolute_logit_change: float


def interventions(
    model: "GatedNetwork",
    images: "ImageSet",
    switches: Sequence[Switch],
    *,
    batch_size: int = 100,
    reference: Array | None = None,
    progress: bool = False,
) -> list[Effect]:
    """Evaluates a model with each of several switches, one at a time.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`. It computes in float32.
        images: `data.images.ImageSet`, with labels.
        switches: Sequence of `Switch`.
        batch_size: Integer >= 1, images at a time.
        reference: Array `(n, height, width, channels)` of the images whose
            mean gates `"mean"` sets. Defaults to those that are evaluated.
        progress: Boolean. Whether to show it.

    Returns:
        List of `Effect`, in the order of the switches.

    Raises:
        UserError: if the model is an ensemble or tells no classes apart, there
            are no images, a label is none of a class, or there is no such site,
            channel, position or setting; its text lists what there is.
    """
    network = AffineNetwork(model)
    objectives.check_classes(model.objective.loss, model.name)
    shapes = model.site_shapes
    chosen = [_chosen(switch, shapes) for switch in switches]
    parts = batches(len(images), batch_size)
    check_labels(images.labels, model.classes)
    settings = _settings(model, images, switches, batch_size, reference)
    sums = np.zeros((len(switches), 5))
    shown = Progress(
        "interventions",
        0,
        len(parts) * len(switches),
        "evaluation",
        silent=not progress,
    )
    for done, batch in enumerate(parts):
        labels = images.labels[batch]
        entering, gates = value_inputs(model, images.images[batch], "float32")
        seen = network, entering, gate_function(model, gates)
        before = switched_logits(*seen)
        for k, switch in enumerate(switches):
            after = switched_logits(*seen, switch.site, chosen[k], settings[k])
            sums[k] += _sums(before, after, labels)
            shown.update(done * len(switches) + k + 1)
    return [
        _effect(switch, sums_of, len(images), before.shape[1])
        for switch, sums_of in zip(switches, sums, strict=True)
    ]


def rows(effects: Sequence[Effect]) -> list[dict]:
    """Effects as rows of a table; a position is row:column."""
    table = [dataclasses.asdict(effect) for effect in effects]
    for row in table:
        if row["position"] is not None:
            row["position"] = "{}:{}".format(*row["position"])
    return table


def switched_logits(
    network: AffineNetwork,
    entering: typing.Any,
    gate: typing.Any,
    site: str | None = None,
    chosen: Array | int = 0,
    setting: Array | int = 0,
) -> Array:
    """Logits `(batch, classes)` with some gates of a site, or None, switched.

    Where `chosen` is 1 gates are set to `setting`, arrays of the site's shape
    or `(batch, *shape)`. `gate` is what `affine.gate_function` returns.
    """

    def switched(name, preactivation):
        unchanged = gate(name, preactivation)
        if name != site:
            return unchanged
        return unchanged * (1 - chosen) + setting * chosen

    return ops.convert_to_numpy(network(entering, switched))


def _settings(model, images, switches, batch_size, reference):
    """What each switch sets gates to, float32 arrays of its site's shape."""
    shapes, means = model.site_shapes, {}
    if any(switch.to == "mean" for switch in switches):
        of_images = images.images if reference is None else reference
        means = mean_gates(model, of_images, batch_size)
    settings = []
    for switch in switches:
        if switch.to == "mean":
            settings.append(means[switch.site])
            continue
        level = _most(model, switch.site) if switch.to == "on" else 0.0
        settings.append(np.full(shapes[switch.site], level, "float32"))
    return settings


def _most(model, site):
    gate = model.gate_at(site)
    if not math.isfinite(gate.most):
        raise UserError(
            "Expected gates with an upper bound, to which to=on sets them. "
            f"Received: gate site {site!r}, gates {gate.formula}"
        )
    return gate.most


def mean_gates(
    model: "ImageClassifier", images: Array, batch_size: int = 100
) -> dict:
    """The mean over stored images of the gate of every unit.

    A dict from site to float32 array of the site's shape.
    """
    sums = {site: np.zeros(s) for site, s in model.site_shapes.items()}
    for batch in batches(len(images), batch_size):
        gates = model.gates(images[batch])
        for site, gate in gates.items():
            sums[site] += ops.convert_to_numpy(gate).sum(0, dtype="float64")
    return {s: (x / len(images)).astype("float32") for s, x in sums.items()}


def _sums(before, after, labels):
    """Over a batch, in the order in which `_effect` takes them."""
    rows = np.arange(len(labels))
    change = after.astype("float64") - before
    classes = before.argmax(1), after.argmax(1)
    return [
        np.sum(classes[0] == labels),
        np.sum(classes[1] == labels),
        np.sum(classes[0] != classes[1]),
        change[rows, labels].sum(),
        np.abs(change).sum(),
    ]


def _effect(switch, sums, images, classes):
    means = [float(s) / images for s in sums]
    return Effect(
        switch.site,
        switch.channel,
        switch.position,
        switch.to,
        images,
        *means[:-1],
        means[-1] / classes,
    )


def _chosen(switch, shapes):
    """Which gates a switch sets, a float32 array of its site: 1, others 0.

    A `UserError` if there is not what it sets.
    """
    check_choice("to", switch.to, SETTINGS)
    check_site(switch.site, shapes)
    *sides, count = shapes[switch.site]
    place, channel = [...], slice(None)
    if switch.position is not None:
        (place,) = places_of(switch.site, sides, [switch.position])
    if switch.channel is not None:
        name = f"channels of {switch.site}"
        ((channel,),) = within(name, [switch.channel], (count,))
    chosen = np.zeros(shapes[switch.site], "float32")
    chosen[(*place, channel)] = 1
    return chosen
