"""Claims 1 to 6, 9 to 11 and 22 of the SMASO paper: splines and mixtures.

The numbers are those of the list of claims that was drawn from the paper (arXiv
1810.09274); the others are in layers.py, trainings.py and tables.py.
"""

from dlgn_tf.claims.registry import claim
from dlgn_tf.splines.claims import layers  # noqa: F401
from dlgn_tf.splines.claims import tables  # noqa: F401
from dlgn_tf.splines.claims import trainings  # noqa: F401


@claim(
    "smaso.1",
    scale="seconds",
    statement=(
        "Dense layers, convolutions (apodised and orthogonal ones, too), batch "
        "normalisation, pooling, maxout and skip connections with ReLU, leaky "
        "ReLU or absolute value compute the largest of affine maps, and so do "
        "blocks of them: pooling after a nonlinearity, a skip before one."
    ),
    expected=(
        "max |difference| <= 1e-12 in float64, 1e-5 in float32; > 1e-2 where "
        "the bias is left out"
    ),
)
def layers_are_largest_affine_maps(rng):
    from dlgn_tf.splines.claims import evaluation

    return evaluation.measure(rng)


@claim(
    "smaso.2",
    scale="seconds",
    statement=(
        "With B = -|A|^2 / 2 the region of a point is that of the nearest "
        "centroid; with any B the regions are a power diagram, also those of a "
        "whole layer."
    ),
    expected="100 % of 10,000 points; < 99 % without the bias or the radii",
)
def regions_are_cells_of_a_power_diagram(rng):
    from dlgn_tf.splines.claims import geometry

    return geometry.measure_cells(rng)


@claim(
    "smaso.3",
    scale="seconds",
    statement=(
        "The selected region is the most likely one of the Gaussian mixture "
        "whose prior follows from A and B (Theorem 2)."
    ),
    expected=(
        "100 % of 10,000 points at variance 0.1, 1 and 10; < 99 % with the "
        "prior read at ten times the variance"
    ),
)
def selected_region_is_most_likely(rng):
    from dlgn_tf.splines.claims import geometry

    return geometry.measure_map(rng)


@claim(
    "smaso.4",
    scale="seconds",
    statement=(
        "softmax(eta v), eta = beta / (1 - beta), maximises beta <t, v> + (1 - "
        "beta) H(t) over the simplex."
    ),
    expected=(
        "five betas: best point of a grid within one step of 1/400 (R = 2), "
        "two (R = 3), none above by > 1e-12; value (1 - beta) logsumexp(eta v) "
        "to 1e-9; further away with softmax(beta v)"
    ),
)
def selection_maximises_the_objective(rng):
    from dlgn_tf.splines.claims import variational

    return variational.measure(rng)


@claim(
    "smaso.5",
    scale="seconds",
    statement=(
        "Soft choices give SiGLU, softmax pooling, the sigmoid, softmax and "
        "tanh (Propositions 3 to 6), and beta-VQ gives swish (7)."
    ),
    expected=(
        "max |difference| <= 1e-12 from Keras, and of the layers BetaVQ and "
        "BetaVQPooling from the choice between affine maps; > 1e-2 at another "
        "beta"
    ),
)
def known_nonlinearities_are_soft_choices(rng):
    from dlgn_tf.splines.claims import identities

    return identities.measure_identities(rng)


@claim(
    "smaso.6",
    scale="seconds",
    statement=(
        "beta-VQ is linear at beta = 0 (average pooling for max-pooling), SVQ "
        "at 1/2 and the hard function at 1, from which it differs by at most a "
        "constant over eta."
    ),
    expected=(
        "limits <= 1e-12, also of the layers BetaVQ and BetaVQPooling; "
        "constants 0.278465 (ReLU, leaky, abs) and 0.603546 (2x2 max-pooling) "
        "to 1e-3"
    ),
)
def beta_goes_from_linear_to_hard(rng):
    from dlgn_tf.splines.claims import identities

    return identities.measure_limits(rng)


@claim(
    "smaso.9",
    scale="seconds",
    statement=(
        "Where the units' means are orthogonal, the regions of all units are "
        "independent given x, and the most likely ones jointly are those that "
        "each unit selects (Theorem 4, Corollary 1); elsewhere they are not."
    ),
    expected=(
        "orthogonal: the same in all of 300 draws, |p(c|x) - product of "
        "marginals| < 1e-12; Gaussian rows, rows of a common direction, "
        "overlapping convolution: < 0.7 of the draws"
    ),
)
def orthogonal_units_are_inferred_one_by_one(rng):
    from dlgn_tf.splines.claims import joint

    return joint.measure(rng)


@claim(
    "smaso.10",
    scale="seconds",
    statement=(
        "Inference unit by unit takes time linear in the units K; enumeration "
        "of all regions at once takes time exponential in them."
    ),
    expected=(
        "log2 seconds of enumeration grow by 0.7 to 1.5 a unit (K = 8 to 16); "
        "seconds per unit as K to the power 0.5 to 1.5 (K = 64 to 512)"
    ),
)
def enumeration_is_exponential(rng):
    from dlgn_tf.splines.claims import joint

    return joint.measure_runtime(rng)


@claim(
    "smaso.11",
    scale="seconds",
    statement=(
        "Patches under a window whose shifted copies sum to 1 add up to the "
        "image; the window may be moved into the filter; and what models leave "
        "of the patches bounds what they leave of the image."
    ),
    expected=(
        "five windows, strides 1 and 2: <= 1e-12; > 0.1 for a 3x3 window "
        "merely scaled at stride 2; filter swap <= 1e-12; bound with N = 9 "
        "holds in 200 draws"
    ),
)
def windowed_patches_add_up(rng):
    from dlgn_tf.splines.claims import patches

    return patches.measure(rng)


@claim(
    "smaso.22",
    scale="seconds",
    statement=(
        "At Glorot's initial weights the active region of a ReLU unit has "
        "prior sigmoid(c / (c + K)) for c channels and K filters, whatever the "
        "window; an absolute value's regions are equally likely."
    ),
    expected="within 2 % for layers of over 10,000 weights; abs exactly 1/2",
)
def prior_at_initial_weights(rng):
    from dlgn_tf.splines.claims import initial_prior

    return initial_prior.measure(rng)
