"""16 C1GAP members as one model against 16 steps of a single one.

Batch 32 and Adam, as published, whatever --batch_size says.
"""

from benchmarks import trainings
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

MEMBERS, BATCH_SIZE = 16, 32


def compare(options):
    def job(members, steps):
        from dlgn_tf.models.build import create_model

        model = create_model("c1gap_dnn", seed=0, members=members)
        return trainings.own(model, BATCH_SIZE, steps, 3e-4, "none", 0.0)

    seconds = by_turns(
        options.rounds,
        job(MEMBERS, options.steps),
        job(1, MEMBERS * options.steps),
    )
    yield Comparison(
        f"{MEMBERS} members as one",
        f"{MEMBERS} separate steps",
        "images/s a member",
        options.steps * BATCH_SIZE,
        seconds,
    )
