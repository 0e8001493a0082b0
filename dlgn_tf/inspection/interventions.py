"""What a network does with some of its gates switched.

Gates are an input of the value network, so switching one is exact: nothing else
changes but what is computed from it. In a ReLU network the gate of a unit is
what its ReLU multiplies the pre-activation by, 1 or 0; it is replaced there and
all ReLUs behind it respond, as in a network with such a ReLU.
"""

import dataclasses

import numpy as np

SETTINGS = ("on", "off", "mean")


@dataclasses.dataclass(frozen=True)
class Switch:
    """Gates that are set, all of a site unless there is more to say.

    Attributes:
        site: Name of the gate site.
        to: `"on"`, 1 (the largest a soft gate can be, 1 + epsilon);
            `"off"`, 0; `"mean"`, each gate's mean over a set of images.
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

    Attributes:
        site: As in `Switch`.
        channel: As in `Switch`.
        position: As in `Switch`.
        to: As in `Switch`.
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
    model, images, switches, *, batch_size=100, reference=None, progress=False
):
    """Evaluates a model with each of several switches, one at a time.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        images: `data.images.ImageSet`, with labels.
        switches: Sequence of `Switch`.
        batch_size: Integer >= 1, images at a time.
        reference: Array `(n, height, width, channels)` of the images whose
            mean gates `"mean"` sets. Defaults to those that are evaluated.
        progress: Boolean. Whether to show it.

    Returns:
        List of `Effect`, in the order of the switches.

    Raises:
        UserError: if the model is an ensemble, or there is no such site,
            channel, position or setting; its text lists what there is.
    """
    ...


def of_sites(model, to="off"):
    """A `Switch` of each whole gate site, from input to output."""
    ...


def of_channels(model, site, to="off"):
    """A `Switch` of each channel of a site (unit, of a dense layer)."""
    ...


def table(effects):
    """A list of `Effect` as the text of a CSV file with a header.

    A position is written as row:column.
    """
    ...
