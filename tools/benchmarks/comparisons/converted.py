"""Keras' ResNet50 at 64x64 taken apart: a DLGN's step beside its DNN's.

Batches of 32, whatever --batch_size says.
"""

from benchmarks import trainings
from benchmarks.processes import Worker
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

_BATCH_SIZE = 32


def compare(options):
    from benchmarks.workers.conversion import resnet50
    from dlgn_tf.models.conversion import from_keras

    with Worker(None, "conversion") as worker:
        took, peak = worker.first, worker.peak_gib()
    model = resnet50()

    def job(family):
        own = from_keras(model, family=family, max_pooling="average", seed=0)
        return trainings.own(own, _BATCH_SIZE, options.steps)

    yield Comparison(
        "ResNet50 at 64x64 as a DLGN",
        "as a DNN",
        "images/s",
        options.steps * _BATCH_SIZE,
        by_turns(options.rounds, job("dlgn"), job("dnn")),
        f"conversion to a DLGN in {took:.1f} s, with a peak of "
        f"{peak:.2f} GiB in a process of its own",
    )
