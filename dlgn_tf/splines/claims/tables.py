"""Claims 19 and 20 of the SMASO paper, read from tools/reproduce.py.

Each comparison is judged as `dlgn_tf.claims.contrasts` says.
"""

from dlgn_tf.claims.contrasts import RULE
from dlgn_tf.claims.registry import claim

_EVIDENCE = (
    "not decided by cells below 5,000 steps, nor by those that are not above "
    "twice chance"
)


@claim(
    "smaso.19",
    scale="minutes",
    reads_results=True,
    statement="The orthogonality penalty makes largecnn more accurate.",
    expected=(
        "table smaso.2, last evaluations, each data set that was run at three "
        "learning rates: penalty > baseline (published: in 9 of 9 cells); "
        f"{_EVIDENCE}; {RULE}"
    ),
)
def penalty_is_more_accurate(rng, results_dir):
    from dlgn_tf.splines.claims import accuracies

    return accuracies.penalty(results_dir)


@claim(
    "smaso.20",
    scale="minutes",
    reads_results=True,
    statement=(
        "Gram-Schmidt makes largecnn more accurate on CIFAR-100 whatever the "
        "nonlinearity. (At second hand: 61.2 with swish, 43.6 with neither; "
        "here both are told apart, with and without batch normalisation.)"
    ),
    expected=(
        "table smaso.2, last evaluations: Gram-Schmidt > plain for ReLU and "
        f"swish, with and without batch normalisation; {_EVIDENCE}; {RULE}"
    ),
)
def gram_schmidt_is_more_accurate(rng, results_dir):
    from dlgn_tf.splines.claims import accuracies

    return accuracies.gram_schmidt(results_dir)
