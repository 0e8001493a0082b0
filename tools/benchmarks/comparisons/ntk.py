"""Empirical tangent kernels beside `torch.func` and neural-tangents.

Of one logit, the sum of all, of fc and c4gap as DNN with the same weights and
images on all sides, which must find the same kernel. Ours multiplies gradients
in float64, the others in float32.
"""

import json
import pathlib
import tempfile

from benchmarks.sides import Side, compared
from benchmarks.trainings import random_images
from benchmarks.workers.kernel_files import write

# Images, their shape, and options of the architecture.
NETWORKS = {
    "fc": (200, (8, 8, 1), {"depth": 5, "width": 512}),
    "c4gap": (100, (32, 32, 3), {"width": 32}),
}
_IMPLEMENTATIONS = "JACOBIAN_CONTRACTION", "STRUCTURED_DERIVATIVES"


def compare(options):
    for architecture, (count, shape, model_options) in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "network.npz")
            _write(path, architecture, count, shape, model_options)
            sides = _sides(
                path, architecture, count, json.dumps(model_options), options
            )
            yield from compared(sides, options.rounds, "kernels/s")


def _write(path, architecture, count, shape, model_options):
    from dlgn_tf.models.build import create_model

    model = create_model(f"{architecture}_dnn", shape, seed=0, **model_options)
    write(path, random_images(count, shape).images, model.get_weights())


def _sides(path, architecture, count, model_options, options):
    ours = f"{architecture} {model_options}, {count} images, empirical_ntk"
    words = path, architecture
    return [
        Side(ours, "ntk_keras", (*words, model_options)),
        Side("torch.func", "ntk_torch", words, options.torch_python),
        *(
            Side(
                f"neural-tangents, {each.lower().replace('_', ' ')}",
                "ntk_neural_tangents",
                (*words, each),
                options.neural_tangents_python,
            )
            for each in _IMPLEMENTATIONS
        ),
    ]
