"""Claims 1, 2, 6, 7, 10 to 14, 16, 22 and 23 of the DLGN paper: the dual view.

The numbers are those of the list of claims that was drawn from the paper
(arXiv 2110.03403) and its predecessor (arXiv 2006.10529).
"""

from dlgn_tf.claims.contrasts import RULE
from dlgn_tf.claims.registry import claim
from dlgn_tf.dual.claims import gated_networks  # noqa: F401
from dlgn_tf.dual.claims import tables  # noqa: F401

_LAW = (
    "slope of the mean error against width, 32 to 512, in [-0.65, -0.35] over "
    "24 draws a width; error < 0.2 at width 512; error of the mean of 400 "
    "draws at width 32 <= 4 standard errors"
)


@claim(
    "dlgn.1",
    scale="seconds",
    statement=(
        "A network's output is the inner product of its neural path feature "
        "and its neural path value, and its paths are as many as the formulas "
        "say."
    ),
    expected=(
        "27 paths (fully connected), 128 in 32 bundles of 4 (convolutional), "
        "36 (residual); max |difference| / max |output| <= 1e-10 in float64"
    ),
)
def output_is_feature_times_value(rng):
    from dlgn_tf.dual.claims import enumeration

    return enumeration.measure_outputs(rng)


@claim(
    "dlgn.2",
    scale="seconds",
    statement=(
        "The neural path kernel without enumeration, product of Gram matrices, "
        "rotation sum and sum over sub-networks, is the inner product of the "
        "enumerated features."
    ),
    expected="max |difference| / max |H| <= 1e-10 in float64, hard and soft",
)
def kernels_are_products_of_features(rng):
    from dlgn_tf.dual.claims import enumeration

    return enumeration.measure_kernels(rng)


@claim(
    "dlgn.6",
    scale="seconds",
    statement=(
        "With circular convolutions and global average pooling, outputs and "
        "kernels do not change as images are rotated, each by its own "
        "rotation; with zero padding or without pooling they do."
    ),
    expected=(
        "max |change| / max <= 1e-10 in float64; > 1e-2 with zero padding and "
        "without pooling"
    ),
)
def circular_networks_are_rotation_invariant(rng):
    from dlgn_tf.dual.claims import invariance

    return invariance.measure_rotations(rng)


@claim(
    "dlgn.7",
    scale="seconds",
    statement=(
        "The neural path kernel of a fully connected network does not depend "
        "on the order of its gate layers; gates of other shapes than their "
        "site's are refused."
    ),
    expected=(
        "max |change| / max <= 1e-10 over all orders, > 1e-2 with one layer "
        "twice instead of another; a UserError where shapes differ"
    ),
)
def order_of_gate_layers_does_not_matter(rng):
    from dlgn_tf.dual.claims import invariance

    return invariance.measure_permutations(rng)


@claim(
    "dlgn.10",
    scale="seconds",
    statement=(
        "As networks grow wide, the value network's tangent kernel converges "
        "to the neural path kernel times the theorems' constants: fully "
        "connected (2.1), convolutional (A.1), residual (B.1)."
    ),
    expected=_LAW,
)
def tangent_kernels_converge(rng):
    from dlgn_tf.dual.claims import convergence

    return convergence.measure_theorems(rng)


@claim(
    "dlgn.11",
    scale="seconds",
    statement=(
        "The same holds for constant input, permuted gate layers, soft gates, "
        "and a residual network without one of its blocks."
    ),
    expected=_LAW,
)
def variants_converge_too(rng):
    from dlgn_tf.dual.claims import convergence

    return convergence.measure_variants(rng)


@claim(
    "dlgn.12",
    scale="seconds",
    statement=(
        "It does not hold where gates depend on the values' weights: the "
        "tangent kernel of a plain ReLU network stays away from the formula."
    ),
    expected=(
        "slope >= -0.1, error >= 0.4 at width 512; error of the mean of 400 "
        "draws > 4 standard errors"
    ),
)
def plain_relu_does_not_converge(rng):
    from dlgn_tf.dual.claims import convergence

    return convergence.measure_control(rng)


@claim(
    "dlgn.13",
    scale="seconds",
    statement=(
        "At random Gaussian weights, <G_l(x), G_l(x')> / width is (pi - angle) "
        "/ (2 pi) in every layer of a linear gating network, and follows the "
        "arc-cosine recursion in one with ReLUs."
    ),
    expected=(
        "max |difference| <= 0.03 at width 4096; > 0.03 from the other's form"
    ),
)
def gate_kernels_have_closed_forms(rng):
    from dlgn_tf.dual.claims import convergence

    return convergence.measure_gate_kernels(rng)


@claim(
    "dlgn.14",
    scale="seconds",
    statement=(
        "Leaving a block out of a residual network takes from its kernel "
        "exactly the sub-networks that contain it; closing the gates of a "
        "fully connected layer takes all."
    ),
    expected=(
        "max |difference| / max <= 1e-10 in float64, of kernels, of outputs "
        "and of a model of the zoo; kernel without a fully connected layer "
        "exactly 0"
    ),
)
def blocks_are_sums_of_sub_networks(rng):
    from dlgn_tf.dual.claims import removal

    return removal.measure(rng)


@claim(
    "dlgn.16",
    scale="minutes",
    statement=(
        "While a ReLU network learns to tell two digits apart, y^T (H / tr "
        "H)^-1 y decreases: its neural path features are learned. (The paper "
        "behind the claim has MNIST's 4 and 7; here scikit-learn's.)"
    ),
    expected=(
        "on 200 training images, after training < before, for each of 3 seeds"
    ),
)
def path_features_are_learned(rng):
    from dlgn_tf.dual.claims import learned_features

    return learned_features.measure(rng)


@claim(
    "dlgn.22",
    scale="minutes",
    statement=(
        "A wide value network trained under fixed gates adds to its outputs "
        "what regression with the neural path kernel adds (theorem 2.1); a "
        "ReLU network beside the kernel of its first gates does not, nor does "
        "regression without gates."
    ),
    expected=(
        "slope of the mean error against width, 64 to 512, in [-0.65, -0.35]; "
        "at width 512 the error of both controls >= 1.5 times as large"
    ),
)
def wide_networks_are_kernel_regression(rng):
    from dlgn_tf.dual.claims import kernel_regression

    return kernel_regression.measure(rng)


@claim(
    "dlgn.23",
    scale="minutes",
    reads_data=True,
    statement=(
        "Gates side by side make a sum of kernels, gates behind one another a "
        "product, and a product of a few layers tells images apart better."
    ),
    expected=(
        "identities by enumeration to 1e-10; random linear gates, infinite "
        "width, ridge regression: products of 2 and of 4 layers > sum of any "
        f"number, draw by draw; {RULE}"
    ),
)
def products_know_more_than_sums(rng, data_dir):
    from dlgn_tf.dual.claims import sums_and_products

    return sums_and_products.measure(rng, data_dir)
