"""What a DLGN costs beside a DNN, with gates that are fixed, on constants."""

from benchmarks import trainings
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

NETWORK = "resnet20"
_REGIMES = "frozen_random", "frozen_learned"


def compare(options):
    def job(family, **model_options):
        name = f"{NETWORK}_{family}"
        return trainings.of_zoo(trainings.own, name, options, **model_options)

    dnn, image = job("dnn"), job("dlgn")
    # The ratio of speeds is the inverse of the ratio of costs.
    pairs = [
        ("DLGN(x, x)", image, "DNN", dnn),
        ("DLGN(x, 1)", job("dlgn", value_input="ones"), "DLGN(x, x)", image),
        *(
            (f"DLGN, gates {x}", job("dlgn", gate_regime=x), "DNN", dnn)
            for x in _REGIMES
        ),
    ]
    for ours, run_ours, other, run_other in pairs:
        yield Comparison(
            f"{NETWORK} {ours}",
            f"{NETWORK} {other}",
            "images/s",
            options.steps * options.batch_size,
            by_turns(options.rounds, run_ours, run_other),
        )
