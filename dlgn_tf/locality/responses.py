"""What the nodes of a student do on images: gates, values, their products."""

import keras
import numpy as np

KINDS = (
    "gates",
    "values",
    "values_of_gates",
    "values_of_inputs",
    "outputs",
    "preactivations",
)
_BATCH = 2048


class Responses:
    """Reads the nodes of every level of a student.

    The model, see `student.create_student`, may be trained on; what is read is
    always its present state. Called with images, uint8 `(n, leaves, 1,
    events)`, it returns a dict of `"gates"`, `"values"` (what is multiplied by
    the gates; in a ReLU network the pre-activation), `"outputs"` (the
    products): lists of arrays `(n, regions, nodes)`, one per level upwards; and
    `"logits"`, one array `(n, classes)`. Of gated networks also
    `"preactivations"`, what gates are made of, and, as a value is made of gated
    values below it, what it is with one of its two sources silenced:
    `"values_of_gates"`, the value network's inputs being ones, and
    `"values_of_inputs"`, its gates being those of other images (half of them
    further on).
    """

    def __init__(self, model):
        self._model = model
        network = model.logits_network
        values = [model.value_at(name) for name in model.site_names]
        outputs = [model.layer_at(name).output for name in model.site_names]
        self._inside = keras.Model(
            network.inputs, [*values, *outputs, network.output]
        )

    def __call__(self, images):
        # Of even sizes: none is so small that it has no other images.
        count = -(-len(images) // _BATCH)
        parts = [self._of_batch(x) for x in np.array_split(images, count)]
        joined = {
            kind: [np.concatenate(x) for x in zip(*of_parts, strict=True)]
            for kind in KINDS
            if (of_parts := [part[kind] for part in parts if kind in part])
        }
        joined["logits"] = np.concatenate([part["logits"] for part in parts])
        return joined

    def _of_batch(self, images):
        pixels = np.asarray(self._model.normalization(images))
        if not self._model.gated:
            answer = self._network_on([pixels])
            gates = [(q > 0).astype(q.dtype) for q in answer["values"]]
            return {**answer, "gates": gates}
        made = self._model.preactivations(images)
        gates = self._model.gates_of(self._model.routed(made)).values()
        gates = [np.asarray(gate) for gate in gates]
        others = [np.roll(gate, len(images) // 2, axis=0) for gate in gates]
        ones = np.ones_like(pixels)
        return {
            **self._network_on([pixels, *gates]),
            "gates": gates,
            "values_of_gates": self._network_on([ones, *gates])["values"],
            "values_of_inputs": self._network_on([pixels, *others])["values"],
            "preactivations": [np.asarray(q) for q in made.values()],
        }

    def _network_on(self, inputs):
        found = [np.asarray(x) for x in self._inside(inputs, training=False)]
        levels = len(self._model.site_names)
        return {
            "values": found[:levels],
            "outputs": found[levels:-1],
            "logits": found[-1],
        }
