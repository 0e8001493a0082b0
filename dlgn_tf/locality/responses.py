"""What the nodes of a student do on images: gates, values, their products."""

import keras
import numpy as np

from dlgn_tf.models.gated import GatedNetwork
from dlgn_tf.models.sites import galu_layer

KINDS = ("gates", "values", "outputs", "preactivations")
_BATCH = 2048


class Responses:
    """Reads the nodes of every level of a student.

    Args:
        model: See `dlgn_tf.locality.student.create_student`. It may be trained
            on; what is read is always its present state.

    Call arguments:
        images: uint8 array `(n, leaves, 1, events)`.

    Returns:
        Dict of `"gates"`, `"values"` (what is multiplied by the gates; in a
        ReLU network the pre-activation), `"outputs"` (the products) and, of
        gated networks, `"preactivations"` (what gates are made of): lists of
        arrays `(n, regions, nodes)`, one a level upwards; and `"logits"`, one
        array `(n, classes)`.
    """

    def __init__(self, model):
        self._model = model
        self._gated = isinstance(model, GatedNetwork)
        network = model.value_network if self._gated else model.network
        layers = [
            network.get_layer(galu_layer(name))
            if self._gated
            else model.layer_at(name)
            for name in model.site_names
        ]
        # A GaLU takes value and gate, an activation the value alone.
        values = [
            layer.input[0] if self._gated else layer.input for layer in layers
        ]
        outputs = [layer.output for layer in layers]
        self._inside = keras.Model(
            network.inputs, [*values, *outputs, network.output]
        )

    def __call__(self, images):
        parts = [
            self._of_batch(images[start : start + _BATCH])
            for start in range(0, len(images), _BATCH)
        ]
        joined = {
            kind: [np.concatenate(x) for x in zip(*of_parts, strict=True)]
            for kind in KINDS
            if (of_parts := [part[kind] for part in parts if kind in part])
        }
        joined["logits"] = np.concatenate([part["logits"] for part in parts])
        return joined

    def _of_batch(self, images):
        pixels = self._model.normalization(images)
        inputs, made = [pixels], {}
        if self._gated:
            made = self._model.preactivations(images)
            gates = self._model.gates_of(self._model.routed(made))
            inputs += gates.values()
        found = [np.asarray(x) for x in self._inside(inputs, training=False)]
        levels = len(self._model.site_names)
        values = found[:levels]
        answer = {
            "gates": [np.asarray(gate) for gate in inputs[1:]],
            "values": values,
            "outputs": found[levels:-1],
            "logits": found[-1],
        }
        if self._gated:
            answer["preactivations"] = [np.asarray(q) for q in made.values()]
        else:
            answer["gates"] = [(q > 0).astype(q.dtype) for q in values]
        return answer
