"""Students: locally connected networks of every family.

One layer of `LocallyConnected` for each level of a graph of receptive fields, a
gate site for each, and a linear head on the nodes of the whole input. Written
as the architectures of the zoo are, so that the same student is a DNN, a DGN or
a DLGN. Students take images `(batch, leaves, 1, events)` of pixels 0 and 255,
the one-hot leaves of a teacher.

Source: Tian, arXiv 1809.10829, section 2; sizes are assumed.
"""

from collections.abc import Callable

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.layers import BatchNorm, Gate, LocallyConnected, PixelNormalization
from dlgn_tf.locality.receptive_fields import ReceptiveFields
from dlgn_tf.locality.teachers import Teacher
from dlgn_tf.models import applied, build
from dlgn_tf.models.gated import GatedNetwork
from dlgn_tf.models.head import logits
from dlgn_tf.models.layout import channels_last
from dlgn_tf.models.relu import ReLUNetwork
from dlgn_tf.models.seeds import initial_weights_from

FAMILIES = ("dnn", "dgn", "dlgn")


def local(
    x: keras.KerasTensor,
    site: Callable,
    classes: int,
    fields: ReceptiveFields,
    width: int,
    batch_norm: bool = False,
) -> keras.KerasTensor:
    """One locally connected layer a level, a gate after each, a linear head.

    Of a Keras tensor `(batch, leaves, 1, channels)`: logits `(batch, classes)`.
    The fields are made of windows, the width is that of a region, and with
    `batch_norm` each node of each region is normalised before its gate. For the
    site see `dlgn_tf.models.sites`.
    """
    h = keras.layers.Reshape((fields.leaves, x.shape[-1]), name="leaves")(x)
    for level, children in enumerate(fields.children, start=1):
        name, (regions, window) = f"level{level}", children.shape
        stride = int(children[1, 0]) if regions > 1 else window
        h = LocallyConnected(width, window, stride, name=name)(h)
        if batch_norm:
            h = keras.layers.Reshape((-1,), name=f"{name}_nodes")(h)
            h = BatchNorm(name=f"{name}_norm")(h)
            h = keras.layers.Reshape((regions, width), name=f"{name}_back")(h)
        h = site(h, name)
    h = keras.layers.Flatten(name="flatten")(h)
    return logits(h, classes)


@channels_last()
def create_student(
    family: str,
    fields: ReceptiveFields,
    classes: int = 2,
    width: int = 10,
    events: int = 2,
    batch_norm: bool = False,
    seed: int | None = None,
) -> ReLUNetwork | GatedNetwork:
    """Builds a student of one of `FAMILIES`, see `local`.

    Regions of fewer than 10 nodes may all die as they are drawn. `events` are
    those of a leaf; initial weights follow from the seed, if any.

    Raises:
        UserError: if there is no such family.
    """
    check_choice("family", family, FAMILIES)
    shape, name = (fields.leaves, 1, events), f"student_{family}"
    normalization = PixelNormalization(name="normalization")
    normalization.build((None, *shape))
    options = {"fields": fields, "width": width, "batch_norm": batch_norm}
    apply = applied.Applied(local, shape, classes, options)
    if family == "dnn":
        return build.relu_network(apply, normalization, None, name, None, seed)
    with initial_weights_from(seed):
        gating, value, made = applied.two_networks(apply, family, None, None)
    gate = Gate("soft", name="gate")
    return GatedNetwork(
        gating, value, gate, normalization, made.names, name=name
    )


def images_of(teacher: Teacher, labels: Array | None = None) -> ImageSet:
    """A teacher's inputs as a student takes them.

    Labels are integers `(inputs,)`, by default the teacher's.

    Raises:
        UserError: if the inputs are not equally likely.
    """
    if np.ptp(teacher.probabilities) > 1e-12:
        raise UserError(
            "Expected a teacher whose inputs are equally likely. Received: "
            "probabilities that differ"
        )
    pixels = np.round(255 * teacher.one_hot_leaves()).astype(np.uint8)
    labels = teacher.labels if labels is None else labels
    return ImageSet(pixels[:, :, None], np.asarray(labels, np.int32))
