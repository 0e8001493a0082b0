"""Claims 1 to 13 on rainbow networks.

The numbers are those of the list of claims that was drawn from "A Rainbow in
Deep Network Black Boxes" (arXiv 2305.18512). Claims 6 to 12 are measured on
small networks 64-w-w-10 without biases, trained on a synthetic task.
"""

from dlgn_tf.claims import contrasts
from dlgn_tf.claims.registry import claim


@claim(
    "rainbow.1",
    scale="seconds",
    statement=(
        "The kernel of d1 random ReLU features converges to its closed form at "
        "the rate 1 / d1 (theorem 1)."
    ),
    expected=(
        "slope of log E|khat - k|^2 over log d1, 16 to 2048, in [-1.15, "
        "-0.85]; d1 times the error within 15 % of Var(relu relu)"
    ),
)
def kernels_converge(rng):
    from dlgn_tf.rainbow.claims import one_layer

    return one_layer.measure_kernel_rate(rng)


@claim(
    "rainbow.2",
    scale="seconds",
    statement=(
        "The singular value decomposition of the cross moment gives the best "
        "orthogonal alignment."
    ),
    expected=(
        "relative gap to the closed form < 1e-10, better than 100 random "
        "orthogonal maps, |A^T A - I| < 1e-6; own dimensions as many, more, "
        "fewer"
    ),
)
def alignment_is_optimal(rng):
    from dlgn_tf.rainbow.claims import one_layer

    return one_layer.measure_procrustes(rng)


@claim(
    "rainbow.3",
    scale="seconds",
    statement=(
        "Aligned random features converge to the exact ones, at least as fast "
        "as their spectrum's decay alpha bounds it (theorem 1)."
    ),
    expected=(
        "error falls at every doubling of d1, 16 to 1024; slope <= -(alpha - "
        "1) / (2 alpha - 1)"
    ),
)
def features_converge(rng):
    from dlgn_tf.rainbow.claims import one_layer

    return one_layer.measure_feature_rate(rng)


@claim(
    "rainbow.4",
    scale="seconds",
    statement=(
        "The kernel of a rainbow network of two layers converges with the "
        "width, and does not without alignment (theorem 2)."
    ),
    expected=(
        "|K2hat - K2|^2 / |K2|^2 at d = 512 < 0.05 and < 1/5 of d = 32; with a "
        "random rotation > 0.8 at every d"
    ),
)
def deep_kernels_converge(rng):
    from dlgn_tf.rainbow.claims import two_layers

    return two_layers.measure_kernel(rng)


@claim(
    "rainbow.5",
    scale="seconds",
    statement=(
        "So does its output, with an error of at most |theta|^2 times that of "
        "the aligned features."
    ),
    expected="error falls at every doubling of d, 32 to 512; no draw above",
)
def outputs_converge(rng):
    from dlgn_tf.rainbow.claims import two_layers

    return two_layers.measure_readout(rng)


@claim(
    "rainbow.6",
    scale="seconds",
    statement=(
        "Networks trained from two seeds have the same leading weight "
        "directions once what they read is aligned."
    ),
    expected=(
        "overlap of top-5 eigenspaces of layer 2 < 0.2 raw, > 0.6 aligned; of "
        "layer 1 > 0.8 unaligned; explained fractions of test inputs >= 0.8; "
        "untrained networks are told apart"
    ),
)
def weights_share_directions(rng):
    from dlgn_tf.rainbow.claims import covariances

    return covariances.measure_overlap(rng)


@claim(
    "rainbow.7",
    scale="minutes",
    statement=(
        "Weight covariances converge with the number of networks and, up to "
        "their scale, with their width."
    ),
    expected=(
        "operator-norm error of both hidden layers falls: 1, 2, 4 networks "
        "against 6 others; widths 64, 128, 256 of standardised networks "
        "against 512, each covariance over its first eigenvalue, to less than "
        "half of the error of white weights"
    ),
)
def covariances_converge(rng):
    from dlgn_tf.rainbow.claims import covariances

    return covariances.measure_convergence(rng)


@claim(
    "rainbow.8",
    scale="seconds",
    statement=(
        "Spectra of activations fall as a power law; those of weights fall "
        "exponentially at first and keep their random bulk."
    ),
    expected=(
        "activations: slopes in [-1.8, -0.6]; weights of both hidden layers, "
        "beside the start rescaled to the median of their last half: R^2 of "
        "the log-linear fit on the top 20 > 0.85, e-folding less than half the "
        "start's, top > 2 x the Marchenko-Pastur edge, medians of the other "
        "three quarters within a factor of 1.25; weights before training are "
        "told apart"
    ),
)
def spectra_have_laws(rng):
    from dlgn_tf.rainbow.claims import spectra

    return spectra.measure_spectra(rng)


@claim(
    "rainbow.9",
    scale="seconds",
    statement="A layer needs few directions of its weights' covariance.",
    expected=(
        "layer 2 at rank 10 % of 128: loses <= 6 points in the basis of the "
        "weights, <= 8 in that of activations, > 25 in a random one"
    ),
)
def layers_are_low_rank(rng):
    from dlgn_tf.rainbow.claims import spectra

    return spectra.measure_clipping(rng)


@claim(
    "rainbow.10",
    scale="seconds",
    statement=(
        "Whitened by the covariance of other networks, weights look random "
        "and Gaussian."
    ),
    expected=(
        "share of eigenvalues outside the Marchenko-Pastur edges falls to half "
        "or less; Kolmogorov-Smirnov p > 0.01 on most ranks >= 6"
    ),
)
def whitened_weights_are_random(rng):
    from dlgn_tf.rainbow.claims import spectra

    return spectra.measure_whitening(rng)


@claim(
    "rainbow.11",
    scale="minutes",
    statement=(
        "Networks drawn from weight covariances work, if they are aligned, and "
        "because of the covariances."
    ),
    expected=(
        "widths 64 to 512: aligned > 3 x chance and rising (+-2 points), not "
        "aligned < 2.5 x chance, a new head no worse than the aligned one, and "
        ">= 10 points above white weights with a new head"
    ),
)
def drawn_networks_work(rng):
    from dlgn_tf.rainbow.claims import resampled

    return resampled.measure_resampling(rng)


@claim(
    "rainbow.12",
    scale="seconds",
    statement=(
        "Training amplifies few directions of the weights and keeps much of "
        "their random start."
    ),
    expected="layer 2, last epoch: a_1 >= 2 x median a_r; median c_r >= 0.7",
)
def training_amplifies(rng):
    from dlgn_tf.rainbow.claims import training_dynamics

    return training_dynamics.measure_dynamics(rng)


@claim(
    "rainbow.13",
    scale="minutes",
    statement=(
        "A plain CNN of two layers on CIFAR-10 in grey, and a network drawn "
        "from the covariances of its weights alone, are as accurate as the "
        "authors' tutorial prints them."
    ),
    expected=(
        "mean over the runs: trained 57.4 %, drawn 40.3 %, each within 6 "
        f"points; not aligned is told apart ({contrasts.RULE})"
    ),
    reads_results=True,
)
def plain_networks_are_drawn(rng, results_dir):
    from dlgn_tf.rainbow.claims import plain_cnn

    return plain_cnn.measure(rng, results_dir)
