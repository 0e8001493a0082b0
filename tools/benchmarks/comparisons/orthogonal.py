"""Orthogonal filters, forward and back, and what they add to a step.

Against the Gram-Schmidt process as published, column by column, and
against `tf.linalg.qr`, all as graphs on float32 kernels as Glorot's
initialisation makes them. The step is that of largecnn, batch 50 and Adam,
whatever --batch_size says.
"""

from benchmarks import trainings
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

# Filters and their inputs.
SHAPES = (192, 1728), (96, 864), (192, 192)
# Of what takes milliseconds, in a round.
_CALLS = 20
_BATCH_SIZE = 50


def compare(options):
    for filters, inputs in SHAPES:
        yield from _orthogonalizations(filters, inputs, options.rounds)
    yield Comparison(
        "largecnn, Gram-Schmidt",
        "largecnn, plain kernels",
        "images/s",
        options.steps * _BATCH_SIZE,
        by_turns(
            options.rounds,
            _largecnn_job(options.steps, True),
            _largecnn_job(options.steps, False),
        ),
    )


def _orthogonalizations(filters, inputs, rounds):
    """Ours against the loop and against a QR decomposition."""
    import numpy as np
    import tensorflow as tf

    from dlgn_tf.layers import orthogonalization

    rng = np.random.default_rng(0)
    limit = (6 / (inputs + filters)) ** 0.5
    kernel = rng.uniform(-limit, limit, (inputs, filters)).astype("float32")
    kernel = tf.constant(kernel)
    upstream = rng.normal(size=kernel.shape).astype("float32")

    def ours(matrix):
        return orthogonalization.gram_schmidt(matrix, "residual")

    def qr(matrix):
        q, r = tf.linalg.qr(matrix)
        return q * tf.linalg.diag_part(r)

    def there_and_back(function):
        @tf.function
        def run(matrix):
            with tf.GradientTape() as tape:
                tape.watch(matrix)
                value = function(matrix)
            return tape.gradient(value, matrix, upstream)

        def calls():
            # A single one is over before the machine is at its pace.
            for _ in range(_CALLS - 1):
                run(kernel)
            run(kernel).numpy()

        return calls

    found = orthogonalization.gram_schmidt(kernel).numpy().astype("float64")
    error = np.abs(found.T @ found - np.eye(filters)).max()
    for name, other in (
        ("the loop of the authors' code", orthogonalization.gram_schmidt_loop),
        ("tf.linalg.qr", qr),
    ):
        yield Comparison(
            f"Gram-Schmidt, {filters} filters of {inputs}",
            name,
            "forward and back/s",
            _CALLS,
            by_turns(rounds, there_and_back(ours), there_and_back(other)),
            f"largest |Q'Q - I| {error:.1e}",
        )


def _largecnn_job(steps, orthogonal):
    """A function that trains largecnn (SMASO paper, appendix D)."""
    from dlgn_tf.models.build import create_model
    from dlgn_tf.models.orthogonal_options import OrthogonalFilters

    filters = OrthogonalFilters() if orthogonal else None
    model = create_model("largecnn_dnn", seed=0, orthogonal=filters)
    return trainings.own(model, _BATCH_SIZE, steps, 5e-4, "none", 0.0)
