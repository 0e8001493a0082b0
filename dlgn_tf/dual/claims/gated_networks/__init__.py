"""Claims 3, 4, 5, 8 and 9 of the DLGN paper: what the zoo's networks are.

The numbers are those of the list of claims that was drawn from the paper
(arXiv 2110.03403) and its predecessor (arXiv 2006.10529).
"""

from dlgn_tf.claims.registry import claim


@claim(
    "dlgn.3",
    scale="seconds",
    statement=(
        "A DGN with tied weights and hard gates computes the ReLU network: "
        "also through batch normalisation in evaluation mode, average "
        "pooling, and the blocks of ResNet v1 and v2."
    ),
    expected=(
        "max |difference of logits| / max |logits| <= 1e-5 in float32, 1e-10 "
        "in float64; > 1e-2 while the gating weights alone differ"
    ),
)
def tied_gates_equal_relu(rng):
    from dlgn_tf.dual.claims.gated_networks import tied_gates

    return tied_gates.measure(rng)


@claim(
    "dlgn.4",
    scale="seconds",
    statement=(
        "Every pre-activation of a DLGN's gating network is affine in the "
        "image in evaluation mode; in a DGN, or with max pooling, some are not."
    ),
    expected=(
        "max |q(ax + (1-a)x') - aq(x) - (1-a)q(x')| / max |q(x) - q(x')| <= "
        "1e-10 in float64 for DLGNs, > 1e-2 for DGNs and max pooling, each at "
        "its worst site"
    ),
)
def gating_network_of_dlgn_is_affine(rng):
    from dlgn_tf.dual.claims.gated_networks import linearity

    return linearity.measure(rng)


@claim(
    "dlgn.5",
    scale="seconds",
    statement=(
        "With a constant into the value network, (x, 1), the logits depend on "
        "the image through the gates alone: equal gates give equal logits, and "
        "no gradient reaches the image but through the gating network."
    ),
    expected=(
        "(x, 1): differences and gradients past the gates exactly 0, through "
        "the gates > 0; (x, x): all > 0"
    ),
)
def constant_input_leaves_only_the_gates(rng):
    from dlgn_tf.dual.claims.gated_networks import constant_input

    return constant_input.measure(rng)


@claim(
    "dlgn.8",
    scale="seconds",
    statement=(
        "Training on frozen gates, random or learned, leaves the gating "
        "network as it was; the dependent initialisation starts with gating "
        "weights equal to value weights; soft gates pass a gradient to every "
        "gating kernel; the head has no counterpart."
    ),
    expected=(
        "frozen gating weights bit-identical, value weights changed; soft "
        "gates: every kernel's max |gradient| > 0, gating weights changed; "
        "logits the only layer without counterpart"
    ),
)
def frozen_gates_stay_and_soft_gates_learn(rng):
    from dlgn_tf.dual.claims.gated_networks import frozen_gates

    return frozen_gates.measure(rng)


@claim(
    "dlgn.9",
    scale="seconds",
    statement=(
        "The networks have the numbers of parameters and gates that follow "
        "from the published layers, and ResNet-110 the published learning rate."
    ),
    expected="every figure exactly (learning rates to float32)",
)
def counts_are_as_published(rng):
    from dlgn_tf.dual.claims.gated_networks import published_figures

    return published_figures.measure(rng)
