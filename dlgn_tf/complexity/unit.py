"""The unit in which nets learn a feature: each channel centred, variance 1.

Adam moves a weight by about its learning rate in a step, so how far a short
training gets would depend on how large a feature is, and whatever is measured
of its components with it. Shares of variance know neither scale nor constant;
in this unit nor does the training, and an error is a share of the variance.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.complexity.covariance import PartCovariance
from dlgn_tf.complexity.features import Feature, image_batches
from dlgn_tf.errors import UserError

# A feature counts as constant where its variance is rounding.
_ROUNDING = 1e-12
# Images of which nets' trainings take a feature's unit.
MEASURED = 1000


@dataclasses.dataclass(frozen=True)
class Unit:
    """Centre and scale of a feature: f = centre + scale * what a net gives.

    Assumed: the authors' nets learn f itself.

    Attributes:
        centre: The mean of each channel over images and positions: where a
            mean differs from position to position, that stays.
        scale: > 0, root of the mean variance of the coordinates.
    """

    centre: tuple[float, ...]
    scale: float

    def of(self, f: Array) -> Array:
        """A feature, array `(..., channels)`, in this unit: float32."""
        centre = np.asarray(self.centre, "float32")
        return (f - centre) / np.float32(self.scale)

    def feature(self, feature: Feature) -> Feature:
        """A feature in this unit, for nets to learn."""
        return dataclasses.replace(
            feature, read=lambda images: self.of(feature.trunk(images))
        )

    def back(self, values: Array, name: str | None = None) -> Any:
        """A Keras tensor `(..., channels)` of this unit as the feature."""
        return keras.layers.Rescaling(
            self.scale, offset=list(self.centre), name=name
        )(values)


def unit_of(feature: Feature, images: Array) -> Unit:
    """The unit of a feature over images.

    Args:
        feature: What is measured.
        images: Array `(n, height, width, channels)`, as they are: nets may
            learn from augmented ones.

    Raises:
        UserError: if the feature is constant over the images.
    """
    stream = PartCovariance(1)
    for batch in image_batches(images):
        stream.add([feature.trunk(images[batch])])
    variance = stream.matrix()[0, 0]
    check_varies(feature.name, variance, stream)
    centre = stream.means.reshape(-1, feature.shape[-1]).mean(axis=0)
    return Unit(
        tuple(float(c) for c in centre),
        float(np.sqrt(variance / feature.size)),
    )


def check_varies(name: str, variance: float, stream: PartCovariance) -> None:
    """Raises a `UserError` if a feature is constant over images.

    Args:
        name: The feature's, for people.
        variance: Var[f].
        stream: Of f or of parts that sum to it.
    """
    # Parts that cancel leave the rounding of the parts.
    square = np.square(stream.means.sum(axis=0)).sum()
    size = square + np.trace(stream.matrix())
    if not variance > _ROUNDING * size:
        raise UserError(
            "Expected a feature that varies: a constant one has no components. "
            f"Received: {name}, the same for all of {stream.count} images"
        )
