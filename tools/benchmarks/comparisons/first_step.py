"""ResNet-110 DLGN: from building the model to the end of a first step."""

from benchmarks.processes import Worker
from benchmarks.rows import Comparison

NETWORK = "resnet110"
# Of what takes most of a minute.
_MOST_ROUNDS = 3


def compare(options):
    def seconds_of(*job):
        with Worker(None, "first_step", *job) as worker:
            return worker.first

    seconds = [
        (
            seconds_of("own", f"{NETWORK}_dlgn"),
            seconds_of("stock_fit", f"{NETWORK}_dnn"),
        )
        for _ in range(min(options.rounds, _MOST_ROUNDS))
    ]
    yield Comparison(
        f"{NETWORK} DLGN, own loop",
        f"{NETWORK} DNN, stock Keras fit",
        "first steps/s",
        1,
        seconds,
    )
