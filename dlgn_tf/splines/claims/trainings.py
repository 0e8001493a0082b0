"""Claims 18 and 21 of the SMASO paper: what short trainings lead to."""

from dlgn_tf.claims.registry import claim


@claim(
    "smaso.18",
    scale="minutes",
    statement=(
        "After training, filters are the nearer to orthogonal with the "
        "penalty, and orthogonal with Gram-Schmidt. (Here: a small network on "
        "scikit-learn's digits.)"
    ),
    expected=(
        "from orthogonal kernels, mean |cosine| of different filters, layers "
        "of no more filters than inputs, each of 2 seeds: plain > penalty > "
        "Gram-Schmidt, and that <= 1e-6, all of accuracy >= 60 %; with the "
        "penalty from kernels as drawn, which learns less, it would not count"
    ),
)
def penalty_and_reparametrisation_orthogonalise(rng):
    from dlgn_tf.splines.claims import digit_trainings

    return digit_trainings.measure_cosines(rng)


@claim(
    "smaso.21",
    scale="minutes",
    statement=(
        "Beta can be learned with the weights, and eta stays near 1, as is "
        "told of swish. (Here: a small network on scikit-learn's digits.)"
    ),
    expected=(
        "from beta = 1/2, 2 seeds, steps that could take eta to 6: every beta "
        "moves, none reaches 0 or 1, median eta of each layer between 1/2 and "
        "2; not so where activations are to be those at eta = 8"
    ),
)
def beta_is_learned(rng):
    from dlgn_tf.splines.claims import digit_trainings

    return digit_trainings.measure_betas(rng)
