"""Claims 1 to 13 on locally connected networks.

The numbers are those of the list of claims that was drawn from Tian's paper
(arXiv 1809.10829), for 12 from "Luck Matters" (arXiv 1905.13405) and for 13
from "Student Specialization" (arXiv 1909.13458). Thresholds with a star were
not in the papers: they were chosen between the figures of pilots.
"""

from dlgn_tf.claims.contrasts import RULE
from dlgn_tf.claims.registry import claim


@claim(
    "tian.1",
    scale="seconds",
    statement=(
        "The gradient of a node, averaged over everything outside a receptive "
        "field, obeys the tower rule, the gated sum over parents and the "
        "update, whatever the distribution of the pixels (theorem 1)."
    ),
    expected=(
        "max |difference| < 1e-10 in float64, all 256 inputs, tree and "
        "overlapping windows, 5 seeds; the update > 1e-2 under another P(x)"
    ),
)
def marginal_gradients_are_exact(rng):
    from dlgn_tf.locality.claims import exact

    return exact.measure_marginal_gradients(rng)


@claim(
    "tian.2",
    scale="seconds",
    statement=(
        "E[f g] of a node is the sum of weight times update over its incoming "
        "and over its outgoing weights; batch normalisation behind the ReLU "
        "makes it 0 and so keeps the incoming energy."
    ),
    expected=(
        "identities < 1e-10; with batch normalisation |E[f g]| < 1e-6 "
        "(float64, eps 1e-12) and energy drifts < 0.2 % over 200 steps of "
        "rate 0.01, > 20 times less than without"
    ),
)
def energy_is_balanced(rng):
    from dlgn_tf.locality.claims import batch_norm

    return batch_norm.measure_energy(rng)


@claim(
    "tian.3",
    scale="seconds",
    statement=(
        "Where an event tells all about its region, the matrix form on events "
        "with the prior folded in is back-propagation (theorems 2 to 4)."
    ),
    expected=(
        "|DW - DW of back-propagation| / |DW| < 1e-10 (float64), > 1e-2 "
        "without the prior"
    ),
)
def matrix_form_is_back_propagation(rng):
    from dlgn_tf.locality.claims import exact

    return exact.measure_matrix_form(rng)


@claim(
    "tian.4",
    scale="seconds",
    statement=(
        "With a lossy teacher the matrix form is an approximation that gets "
        "better as the teacher keeps more."
    ),
    expected=(
        "mean relative gap of DW over 20 tables falls over (2, 2), (3, 4), (3, "
        "8) and (4, 16) nested codes of pairs and of regions of four pixels, "
        "by > 20 % * before the last, which is lossless; by < 20 % with events "
        "of other inputs"
    ),
)
def lossy_teachers_approximate(rng):
    from dlgn_tf.locality.claims import exact

    return exact.measure_lossy_teachers(rng)


@claim(
    "tian.5",
    scale="seconds",
    statement=(
        "Batch normalisation projects the gradient onto what is orthogonal to "
        "1 and to the activations (theorem 5, corrected for eps > 0), as the "
        "package's own layer computes it."
    ),
    expected=(
        "|autodiff - projector| < 1e-5 in float32, < 1e-10 in float64, not "
        "so where eps > 0 is left out; |1^T g| < 1e-6 of upstream gradients "
        "of norm 1; relative |f^T g| <= eps / v; J symmetric, of rank N - 2 "
        "at eps = 0 and N - 1 otherwise"
    ),
)
def batch_norm_projects(rng):
    from dlgn_tf.locality.claims import batch_norm

    return batch_norm.measure_projection(rng)


@claim(
    "tian.6",
    scale="seconds",
    statement=(
        "Where every row of P_ab is a vertex of the hull of all, a ReLU layer "
        "maps the rows to I; a linear one cannot (theorem 6)."
    ),
    expected=(
        "circle of m = 4 to 64 rows: ReLU loss < 1e-10, affine m - 3 within "
        "1e-6; tree of AND gates of s = 2 to 8 pixels: 0 and 2^s - s - 1; "
        "linear programs find all rows to be vertices, the circle's centre "
        "to be none"
    ),
)
def relus_tell_vertices_apart(rng):
    from dlgn_tf.locality.claims import linear_and_relu

    return linear_and_relu.measure_constructions(rng)


@claim(
    "tian.7",
    scale="seconds",
    statement=(
        "Training finds what claim 6 constructs where all outputs start alive; "
        "without ReLUs it stops."
    ),
    expected=(
        "4 pixels, 3000 steps, 20 networks, top weights from 0.01 of He's: "
        "loss < 1e-3 of each; without ReLUs 2^s - s - 1 = 11.0 (within 0.05); "
        "not of each from He's own, where outputs die"
    ),
)
def training_tells_vertices_apart(rng):
    from dlgn_tf.locality.claims import linear_and_relu

    return linear_and_relu.measure_training(rng)


@claim(
    "tian.8",
    scale="seconds",
    statement=(
        "A disentangled representation stays so through a decomposable P_ab "
        "and separable weights, with ReLU and with batch normalisation "
        "(theorem 8)."
    ),
    expected=(
        "disentanglement error < 1e-12; in every draw > 1e-2 with one weight "
        "outside of the sets (the place where it tells most), or a P_ab that "
        "does not decompose"
    ),
)
def disentanglement_is_kept(rng):
    from dlgn_tf.locality.claims import disentanglement

    return disentanglement.measure_forward(rng)


@claim(
    "tian.9",
    scale="seconds",
    statement=(
        "Gradients that are disentangled and centred keep separable weights "
        "separable (theorem 9)."
    ),
    expected=(
        "DW outside of the sets < 1e-12 centred, > 1e-2 not centred; weights "
        "outside of the sets < 1e-10 over 300 steps, > 1e-2 not centred"
    ),
)
def updates_stay_separable(rng):
    from dlgn_tf.locality.claims import disentanglement

    return disentanglement.measure_update(rng)


@claim(
    "tian.10",
    scale="seconds",
    statement=(
        "A student that is trained on the root of a latent tree finds the "
        "latents in between, of which it was told nothing."
    ),
    expected=(
        "for each of 3 trees: accuracy within 2 points of the best possible "
        "guess, mean selectivity of the top two levels rises by >= 0.1 over "
        "initialisation, that of the lowest changes by < 0.05"
    ),
)
def students_find_latents(rng):
    from dlgn_tf.locality.claims import students

    return students.measure_latent_tree(rng)


@claim(
    "tian.11",
    scale="seconds",
    statement="With permuted training labels it does not.",
    expected=(
        "mean selectivity of the top two levels rises by less than 0.1 over "
        "initialisation, and by less than with true labels on the same tree "
        f"from the same weights; 5 trees, {RULE}"
    ),
)
def permuted_labels_teach_nothing(rng):
    from dlgn_tf.locality.claims import students

    return students.measure_permuted_labels(rng)


@claim(
    "tian.12",
    scale="seconds",
    statement=(
        "Nodes of an over-parameterised student become nodes of the teacher, "
        "the lowest layer first."
    ),
    expected=(
        "mean best correlation of a [10, 15] teacher > 0.99 and > 0.95; four "
        "layers after 60 epochs: layer 1 > 0.99, layer 2 > 0.9, the lower two "
        "ahead of the upper two in order"
    ),
)
def students_specialize(rng):
    from dlgn_tf.locality.claims import specialized

    return specialized.measure_depth(rng)


@claim(
    "tian.13",
    scale="seconds",
    statement="It takes a student that is wider than the teacher.",
    expected=(
        "[10, 15] teacher whose nodes are on for half of the inputs (biases "
        "at the median), 12 epochs, each of 3 seeds: mean best correlation of "
        "layer 2 < 0.97 * at the teacher's width, > 0.97 * at 2, 5 and 10 "
        "times it"
    ),
)
def width_makes_specialization(rng):
    from dlgn_tf.locality.claims import specialized

    return specialized.measure_width(rng)
