"""Training steps beside PyTorch, eager and compiled, and stock Keras' `fit`.

ResNet-20, VGG-16 and c4gap, as DNN and as DLGN, with SGD, momentum and weight
decay; each side in a process of its own. PyTorch has its images ready, channels
last; the others draw and augment theirs.
"""

import json

from benchmarks.sides import Side, compared

# Options of each architecture.
NETWORKS = {"resnet20": {}, "vgg16": {}, "c4gap": {}}
FAMILIES = "dnn", "dlgn"


def compare(options):
    for name, model_options in NETWORKS.items():
        for family in FAMILIES:
            yield from _of_network(f"{name}_{family}", model_options, options)


def _of_network(name, model_options, options):
    words = name, options.batch_size, options.steps, json.dumps(model_options)

    def side(label, module, way, python=None, **environment):
        label = f"{name}, {label}"
        return Side(label, module, (way, *words), python, environment)

    python = options.torch_python
    sides = [
        side("own loop", "keras_network", "own"),
        side("PyTorch eager", "torch_network", "eager", python),
        side("PyTorch compiled", "torch_network", "compiled", python),
        *(
            side(f"stock fit on {shown}", "keras_network", "fit", None, **on)
            for shown, on in (
                ("TensorFlow", {"KERAS_BACKEND": "tensorflow"}),
                ("JAX", {"KERAS_BACKEND": "jax"}),
            )
        ),
    ]
    yield from compared(sides, options.rounds, "images/s", with_roof=True)
