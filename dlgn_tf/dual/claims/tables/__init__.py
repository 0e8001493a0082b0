"""Claims 15 and 17 to 21 of the DLGN paper: what its tables show.

They are read from the results of tools/reproduce.py, each comparison judged as
`dlgn_tf.claims.contrasts` says; the numbers are those of gated_networks.
"""

from dlgn_tf.claims.contrasts import RULE
from dlgn_tf.claims.registry import claim


@claim(
    "dlgn.15",
    scale="minutes",
    reads_results=True,
    statement=(
        "On fully connected networks, frozen-learned gates lie between "
        "frozen-random gates and the ReLU network."
    ),
    expected=(
        "table npk.1, SGD and Adam: FRNPF(II), FRNPF(DI) < FLNPF < ReLU; at "
        "scale full also FLNPF - FRNPF(II) > 1 and |II - DI| < 0.3 points; "
        f"{RULE}"
    ),
)
def frozen_learned_gates_lie_between(rng, results_dir):
    from dlgn_tf.dual.claims.tables import orders

    return orders.frozen_learned_on_fc(results_dir)


@claim(
    "dlgn.17",
    scale="minutes",
    reads_results=True,
    statement="Gates learned jointly are better than frozen-random gates.",
    expected=(
        "table npk.1, FC, VCONV and GCONV with SGD and Adam: DNPFL > FRNPF, "
        "II and DI, wherever the ReLU network is above that FRNPF (else it has "
        f"learned no gates, and nothing is decided); {RULE}"
    ),
)
def joint_gates_are_better_than_random(rng, results_dir):
    from dlgn_tf.dual.claims.tables import orders

    return orders.joint_beats_frozen_random(results_dir)


@claim(
    "dlgn.18",
    scale="minutes",
    reads_results=True,
    statement=(
        "On CIFAR-10, GCONV's frozen-learned gates lie between frozen-random "
        "ones and the ReLU network, and are the better the later they are "
        "copied from its training."
    ),
    expected=(
        "tables npk.1 and npk.stages: FRNPF < FLNPF < ReLU; points a stage > 0 "
        "over stages 0 to 3 and over 3 to 6, fitted to each training of the "
        "ReLU network; at scale full also stage 3 < 77.43 (CNTK) < stage 4; "
        f"{RULE}"
    ),
)
def gates_are_learned_in_stages(rng, results_dir):
    from dlgn_tf.dual.claims.tables import orders

    return orders.gates_are_learned_in_stages(results_dir)


@claim(
    "dlgn.19",
    scale="minutes",
    reads_results=True,
    statement=(
        "In C4GAP neither a constant in place of the image nor a permutation "
        "of the gates costs accuracy."
    ),
    expected=(
        "table dlgn.1, each data set that was run, DGN and DLGN: (x,1) > (x,x) "
        "- 1 point; permuted > not permuted - 1 point, a permutation counted "
        f"once; {RULE}"
    ),
)
def input_and_order_do_not_matter(rng, results_dir):
    from dlgn_tf.dual.claims.tables import orders

    return orders.input_and_order_do_not_matter(results_dir)


@claim(
    "dlgn.20",
    scale="minutes",
    reads_results=True,
    statement=(
        "In VGG-16 and ResNet-110, whether values see the image or a "
        "constant, a DGN comes close to the DNN, and a DLGN keeps more than "
        "83.5 % of its accuracy."
    ),
    expected=(
        "table dlgn.2, each network and data set that was run, (x,x) and "
        f"(x,1): DGN > DNN - 3.5 points, DLGN > 0.835 DNN; {RULE}"
    ),
)
def linear_gates_keep_most_of_the_accuracy(rng, results_dir):
    from dlgn_tf.dual.claims.tables import orders

    return orders.linear_gates_keep_most_of_the_accuracy(results_dir)


@claim(
    "dlgn.21",
    scale="minutes",
    reads_results=True,
    statement=(
        "Shallow features are as good as deep linear ones in C4GAP and better "
        "than an ensemble of shallow networks; in VGG-16 they are better "
        "still, but not as good as deep linear ones."
    ),
    expected=(
        "table dlgn.3, CIFAR-10: C4GAP-DLGN-SF > C4GAP-DLGN - 1 point; each "
        "data set that was run: C1GAP-16-ENS < C4GAP-DLGN-SF < VGG-16-DLGN-SF "
        f"< VGG-16-DLGN; {RULE}"
    ),
)
def shallow_features_suffice_for_c4gap(rng, results_dir):
    from dlgn_tf.dual.claims.tables import orders

    return orders.shallow_features_suffice_for_c4gap(results_dir)
