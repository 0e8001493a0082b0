"""Orthogonal filters beside other ways to have them, and what a step costs.

Against the Gram-Schmidt process as published, column by column, QR
decompositions, which find the same matrix, and parametrisations by others, all
on float32 kernels as Glorot's initialisation makes them, each in a process of
its own. The step is that of largecnn, batch 50 and Adam, whatever --batch_size
says.
"""

from benchmarks import trainings
from benchmarks.rows import Comparison, LeftOut
from benchmarks.sides import Side, compared
from benchmarks.turns import by_turns

# Filters and their inputs.
SHAPES = (192, 1728), (96, 864), (192, 192), (50, 30_000)
NETWORK = "largecnn_dnn"
_BATCH_SIZE = 50
# Those that hold a square of as many rows as there are inputs hold GiB beyond.
_MOST_INPUTS = 5_000
_OTHERS = (
    ("the loop of the authors' code", "keras", "loop"),
    ("tf.linalg.qr", "keras", "qr"),
    ("torch.linalg.qr", "torch", "qr"),
    ("PyTorch, householder", "torch", "householder"),
    ("PyTorch, matrix_exp", "torch", "matrix_exp"),
    ("PyTorch, cayley", "torch", "cayley"),
    ("geotorch", "torch", "geotorch"),
)
_SQUARE = "matrix_exp", "cayley", "geotorch"


def compare(options):
    for filters, inputs in SHAPES:
        for gradient, unit in enumerate(("forward", "forward and back")):
            yield from _orthogonalizations(
                (filters, inputs, gradient), unit, options
            )
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


def _orthogonalizations(words, unit, options):
    filters, inputs, _ = words
    name = f"Gram-Schmidt, {filters} filters of {inputs}"
    sides = [Side(name, "orthogonal_keras", ("ours", *words))]
    for other, library, way in _OTHERS:
        if way in _SQUARE and inputs > _MOST_INPUTS:
            square = f"it holds squares of {inputs} by {inputs}"
            yield LeftOut(f"{other}, {filters} filters, {unit}", square)
            continue
        python = options.torch_python if library == "torch" else None
        module = f"orthogonal_{library}"
        sides.append(Side(other, module, (way, *words), python))
    yield from compared(sides, options.rounds, f"{unit}/s")


def _largecnn_job(steps, orthogonal):
    """A function that trains largecnn (SMASO paper, appendix D)."""
    from dlgn_tf.models.build import create_model
    from dlgn_tf.models.orthogonal_options import OrthogonalFilters

    filters = OrthogonalFilters() if orthogonal else None
    model = create_model(NETWORK, seed=0, orthogonal=filters)
    return trainings.own(model, _BATCH_SIZE, steps, 5e-4, "none", 0.0)
