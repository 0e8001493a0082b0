"""Students: locally connected networks of every family.

One layer of `LocallyConnected` for each level of a graph of receptive fields, a
gate site for each, and a linear head on the nodes of the whole input. Written
as the architectures of the zoo are, so that the same student is a DNN, a DGN or
a DLGN. Students take images `(batch, leaves, 1, events)` of pixels 0 and 255,
the one-hot leaves of a teacher.

Source: Tian, arXiv 1809.10829, section 2; sizes are assumed.
"""

import keras
import numpy as np

from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError
from dlgn_tf.layers import BatchNorm
from dlgn_tf.layers import Gate
from dlgn_tf.layers import LocallyConnected
from dlgn_tf.layers import PixelNormalization
from dlgn_tf.models import sites
from dlgn_tf.models.build import initial_weights_from
from dlgn_tf.models.gated import GatedNetwork
from dlgn_tf.models.head import logits
from dlgn_tf.models.relu import ReLUNetwork
from dlgn_tf.models.sites import relu_layer

FAMILIES = ("dnn", "dgn", "dlgn")
_GATING_SITES = {
    "dgn": sites.RecordAndActivate,
    "dlgn": sites.RecordAndPass,
}


def local(x, site, classes, fields, width, batch_norm=False):
    """One locally connected layer a level, a gate after each, a linear head.

    Args:
        x: Keras tensor `(batch, leaves, 1, channels)`.
        site: Gate site, see `dlgn_tf.models.sites`.
        classes: Integer.
        fields: `ReceptiveFields` made of windows.
        width: Integer, nodes of a region.
        batch_norm: Boolean. Whether each node of each region is normalised
            before its gate.

    Returns:
        Keras tensor `(batch, classes)`.
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


def create_student(
    family, fields, classes=2, width=10, events=2, batch_norm=False, seed=None
):
    """Builds a student.

    Args:
        family: One of `FAMILIES`.
        fields: `ReceptiveFields` made of windows.
        classes: Integer.
        width: Integer, nodes of a region. Fewer than 10 may all die as they
            are drawn.
        events: Integer, events of a leaf.
        batch_norm: Boolean, see `local`.
        seed: Integer from which the initial weights follow, or None.

    Returns:
        `ReLUNetwork` or `GatedNetwork`, the latter with soft gates.

    Raises:
        UserError: if there is no such family.
    """
    if family not in FAMILIES:
        raise UserError(
            f"Expected a student of family {', '.join(FAMILIES)}. Received: "
            f"{family}"
        )
    shape = (fields.leaves, 1, events)
    normalization = PixelNormalization(name="normalization")
    normalization.build((None, *shape))

    def apply(site):
        image = keras.Input(shape, name="image")
        options = (classes, fields, width, batch_norm)
        return image, local(image, site, *options)

    with initial_weights_from(seed):
        if family == "dnn":
            site = sites.Activate()
            network = keras.Model(*apply(site), name="network")
            return ReLUNetwork(
                network, normalization, site.names, name="student_dnn"
            )
        gating_site, value_site = (
            _GATING_SITES[family](),
            sites.MultiplyByGate(),
        )
        image, _ = apply(gating_site)
        gating = keras.Model(
            image, gating_site.preactivations, name="gating_network"
        )
        image, output = apply(value_site)
        value = keras.Model(
            [image, *value_site.gates], output, name="value_network"
        )
        return GatedNetwork(
            gating,
            value,
            Gate("soft", name="gate"),
            normalization,
            value_site.names,
            name=f"student_{family}",
        )


def images_of(teacher, labels=None):
    """A teacher's inputs as a student takes them.

    Args:
        teacher: `Teacher` of inputs that are equally likely.
        labels: Integer array `(inputs,)`. Defaults to `None`: the teacher's.

    Returns:
        `ImageSet`.
    """
    if np.ptp(teacher.probabilities) > 1e-12:
        raise UserError(
            "Expected a teacher whose inputs are equally likely. Received: "
            "probabilities that differ"
        )
    pixels = np.round(255 * teacher.one_hot_leaves()).astype(np.uint8)
    labels = teacher.labels if labels is None else labels
    return ImageSet(pixels[:, :, None], np.asarray(labels, np.int32))


def responses(model, images, batch=2048):
    """What the nodes of every level do: gates, values and their products.

    Args:
        model: A student.
        images: uint8 array `(n, leaves, 1, events)`.
        batch: Integer, images at once.

    Returns:
        Dict of `"gates"`, `"values"` (what is multiplied by the gates; in a
        ReLU network the pre-activation), `"outputs"` and, of gated networks,
        `"preactivations"` (what gates are made of): lists of float32 arrays
        `(n, regions, nodes)`, one a level upwards. `"logits"`: one array.
    """
    reader = _reader(model)
    parts = [
        reader(images[start : start + batch])
        for start in range(0, len(images), batch)
    ]
    joined = {
        name: [
            np.concatenate([part[name][i] for part in parts])
            for i in range(len(model.site_names))
        ]
        for name in parts[0]
        if name != "logits"
    }
    joined["logits"] = np.concatenate([part["logits"] for part in parts])
    return joined


def _reader(model):
    """A function from images to one batch's responses."""
    gated = isinstance(model, GatedNetwork)
    if gated:
        network = model.value_network
        multiplied = [
            network.get_layer(f"{name}_galu") for name in model.site_names
        ]
        values = [layer.input[0] for layer in multiplied]
        outputs = [layer.output for layer in multiplied]
    else:
        network = model.network
        activations = [
            network.get_layer(relu_layer(name)) for name in model.site_names
        ]
        values = [layer.input for layer in activations]
        outputs = [layer.output for layer in activations]
    inside = keras.Model(network.inputs, [*values, *outputs, network.output])
    sites_count = len(values)

    def read(images):
        pixels = model.normalization(images)
        if gated:
            made = model.preactivations(images)
            gates = list(model.gates_of(model.routed(made)).values())
            found = inside([pixels, *gates], training=False)
        else:
            found = inside(pixels, training=False)
            gates = [v > 0 for v in found[:sites_count]]
        arrays = [np.asarray(x) for x in found]
        answer = {
            "gates": [np.asarray(g, np.float32) for g in gates],
            "values": arrays[:sites_count],
            "outputs": arrays[sites_count:-1],
            "logits": arrays[-1],
        }
        if gated:
            answer["preactivations"] = [np.asarray(q) for q in made.values()]
        return answer

    return read
