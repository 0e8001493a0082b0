"""Claims 15 and 17 to 21 of the DLGN paper: what its tables show.

They are read from the results of tools/reproduce.py, which is for two cores or
a GPU; the numbers are those of gated_networks.
"""

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
        "table npk.1, means of >= 3 runs, SGD and Adam: FRNPF(II), FRNPF(DI) < "
        "FLNPF <= ReLU; at scale full also FLNPF - FRNPF(II) >= 1 and |II - "
        "DI| < 0.3 points"
    ),
)
def frozen_learned_gates_lie_between(rng, results_dir):
    from dlgn_tf.claims.tables import orders

    return orders.frozen_learned_on_fc(results_dir)


@claim(
    "dlgn.17",
    scale="minutes",
    reads_results=True,
    statement="Gates learned jointly are better than frozen-random gates.",
    expected=(
        "table npk.1, >= 3 runs, FC, VCONV and GCONV with SGD and Adam: DNPFL "
        "- FRNPF > 2 standard errors, for II and DI"
    ),
)
def joint_gates_are_better_than_random(rng, results_dir):
    from dlgn_tf.claims.tables import orders

    return orders.joint_beats_frozen_random(results_dir)


@claim(
    "dlgn.18",
    scale="accelerator",
    reads_results=True,
    statement=(
        "On CIFAR-10, GCONV's frozen-learned gates come close to the ReLU "
        "network, and the better the later they are copied from its training."
    ),
    expected=(
        "tables npk.1 and npk.stages at scale full or accelerator: FRNPF < "
        "FLNPF <= ReLU; accuracy rises from stage to stage and passes 77.43 "
        "between stages 3 and 4"
    ),
)
def gates_are_learned_in_stages(rng, results_dir):
    from dlgn_tf.claims.tables import orders

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
        "table dlgn.1, each data set that was run: |(x,x) - (x,1)| <= 1 for "
        "DGN and DLGN; permuted >= not permuted - 1 point"
    ),
)
def input_and_order_do_not_matter(rng, results_dir):
    from dlgn_tf.claims.tables import orders

    return orders.input_and_order_do_not_matter(results_dir)


@claim(
    "dlgn.20",
    scale="accelerator",
    reads_results=True,
    statement=(
        "In VGG-16 and ResNet-110 a DGN comes close to the DNN, and a DLGN "
        "keeps more than 83.5 % of its accuracy."
    ),
    expected=(
        "table dlgn.2 at scale full or accelerator, each network and data set "
        "that was run: DNN - DGN <= 3.5, DLGN / DNN >= 0.835, |(x,x) - (x,1)| "
        "<= 1 point"
    ),
)
def linear_gates_keep_most_of_the_accuracy(rng, results_dir):
    from dlgn_tf.claims.tables import orders

    return orders.linear_gates_keep_most_of_the_accuracy(results_dir)


@claim(
    "dlgn.21",
    scale="accelerator",
    reads_results=True,
    statement=(
        "Shallow features are as good as deep linear ones in C4GAP and better "
        "than an ensemble of shallow networks, but not as good in VGG-16."
    ),
    expected=(
        "tables dlgn.1 to dlgn.3 at scale full or accelerator: CIFAR-10 "
        "|C4GAP-DLGN-SF - C4GAP-DLGN| <= 1; each data set that was run: "
        "C1GAP-16-ENS < C4GAP-DLGN-SF < VGG-16-DLGN-SF < VGG-16-DLGN; cells "
        "of two tables after as many steps"
    ),
)
def shallow_features_suffice_for_c4gap(rng, results_dir):
    from dlgn_tf.claims.tables import orders

    return orders.shallow_features_suffice_for_c4gap(results_dir)
