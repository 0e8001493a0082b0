"""ResNet-20: the own loop and layers against stock Keras and `fit`."""

from benchmarks import trainings
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

NETWORK = "resnet20"


def compare(options):
    yield Comparison(
        "own loop",
        "stock Keras fit",
        "images/s",
        options.steps * options.batch_size,
        by_turns(
            options.rounds,
            trainings.of_zoo(trainings.own, f"{NETWORK}_dnn", options),
            trainings.of_zoo(trainings.stock_fit, f"{NETWORK}_dnn", options),
        ),
    )
