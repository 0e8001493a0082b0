"""What a DLGN costs beside a DNN, and a constant beside the image."""

from benchmarks import trainings
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

NETWORK = "resnet20"


def compare(options):
    dnn = trainings.of_zoo(f"{NETWORK}_dnn", options)
    image = trainings.of_zoo(f"{NETWORK}_dlgn", options)
    ones = trainings.of_zoo(f"{NETWORK}_dlgn", options, value_input="ones")
    pairs = (
        # The ratio of speeds is the inverse of the ratio of costs.
        (f"{NETWORK} DLGN(x, x)", image, f"{NETWORK} DNN", dnn),
        (f"{NETWORK} DLGN(x, 1)", ones, f"{NETWORK} DLGN(x, x)", image),
    )
    amount = options.steps * options.batch_size
    for ours, run_ours, other, run_other in pairs:
        seconds = by_turns(options.rounds, run_ours, run_other)
        yield Comparison(ours, other, "images/s", amount, seconds)
