"""Claims 7, 8 and 12 to 17 of the SMASO paper: what the layers compute."""

from dlgn_tf.claims.registry import claim


@claim(
    "smaso.7",
    scale="seconds",
    statement=(
        "beta-VQ layers are right from linear to hard, with large inputs and "
        "in 16 bits."
    ),
    expected=(
        "value and derivative in z from the closed form by <= 1e-4 (float32), "
        "4e-3 (float16), 3e-2 (bfloat16), derivative in u finite: beta from 0 "
        "to 1 - 1e-9 and 1, z in +-1e4 and 0; where eta is beta / (1 - beta) "
        "in float32, right at 1/2 and not at 1 - 1e-9; error > 1e-2 where log "
        "eta is cut off at -8"
    ),
)
def beta_vq_is_stable(rng):
    from dlgn_tf.splines.claims import beta_layers

    return beta_layers.measure_stability(rng)


@claim(
    "smaso.8",
    scale="seconds",
    statement="Gradients of beta-VQ layers in z, A, B and u are right.",
    expected=(
        "rel. difference from central differences <= 1e-6 in float64, also of "
        "the closed form of the input Jacobian; > 1e-2 with constant gates"
    ),
)
def beta_vq_has_right_gradients(rng):
    from dlgn_tf.splines.claims import beta_layers

    return beta_layers.measure_gradients(rng)


@claim(
    "smaso.12",
    scale="seconds",
    statement=(
        "The penalty is the sum of squared inner products of different "
        "filters, with gradient 4 (G - diag G) W, and 0 for orthogonal filters "
        "alone; more filters than inputs cannot reach 0."
    ),
    expected=(
        "rel. difference <= 1e-10 from a loop over pairs, dense and "
        "convolutional, three slopes, and of the gradient; orthogonal <= "
        "1e-20; 96 unit filters of 27 inputs: >= 245.33, reached by a tight "
        "frame to 1e-10"
    ),
)
def penalty_is_what_it_says(rng):
    from dlgn_tf.splines.claims import penalty

    return penalty.measure(rng)


@claim(
    "smaso.13",
    scale="seconds",
    statement=(
        "The fast orthogonalisation finds what the Gram-Schmidt process finds, "
        "and so does a QR decomposition, in value and gradient; its three "
        "scales are as said."
    ),
    expected=(
        "rel. difference <= 1e-12 in float64, of the scales and of their "
        "gradients, too; |Q Q' - I| <= 2e-6 in float32 "
        "for all shapes of largecnn with no more filters than inputs; > 1e-2 "
        "with the filters in reverse order"
    ),
)
def fast_orthogonalisation_is_gram_schmidt(rng):
    from dlgn_tf.splines.claims import orthogonal_filters

    return orthogonal_filters.measure_gram_schmidt(rng)


@claim(
    "smaso.14",
    scale="seconds",
    statement=(
        "Newton-Schulz iterations lead to the polar factor: orthogonal, and "
        "not what Gram-Schmidt finds."
    ),
    expected=(
        "|Q Q' - I| and difference from the SVD's U V' <= 1e-6 in float32; "
        "> 1e-2 from Gram-Schmidt"
    ),
)
def newton_schulz_is_the_polar_factor(rng):
    from dlgn_tf.splines.claims import orthogonal_filters

    return orthogonal_filters.measure_newton_schulz(rng)


@claim(
    "smaso.15",
    scale="seconds",
    statement=(
        "With more filters than inputs, a tight frame, groups of orthogonal "
        "filters, plain filters or an error, as asked."
    ),
    expected=(
        "max |W' W - (K / D) I| <= 1e-5 and groups' max |cosine| <= 1e-5 in "
        "float32, skip exactly plain, error raises; without: > 0.1"
    ),
)
def more_filters_than_inputs(rng):
    from dlgn_tf.splines.claims import orthogonal_filters

    return orthogonal_filters.measure_overcomplete(rng)


@claim(
    "smaso.16",
    scale="seconds",
    statement=(
        "Orthogonal filters folded into plain kernels compute the same, and so "
        "does a model that was saved and loaded."
    ),
    expected=(
        "max |difference of logits| / max |logits| <= 1e-6, no orthogonal "
        "layer left; > 1e-2 with the raw kernels"
    ),
)
def folded_filters_compute_the_same(rng):
    from dlgn_tf.splines.claims import folding

    return folding.measure(rng)


@claim(
    "smaso.17",
    scale="minutes",
    statement=(
        "A gradient through the fast orthogonalisation takes a tenth of the "
        "time of one through the Gram-Schmidt loop, run step by step as "
        "written, or less."
    ),
    expected=(
        "192x1728, 96x864 and 192x192 in float32, value and gradient, neither "
        "compiled: loop / ours >= 10, slowest / fastest run of the loop < 10; "
        "compiled ones are told"
    ),
)
def orthogonalisation_is_fast(rng):
    from dlgn_tf.splines.claims import cost

    return cost.measure(rng)
