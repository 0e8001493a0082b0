"""dlgn.15 and 17 to 21: which cells of the tables lie above which others.

Margins are those of the list of claims, the same at every scale. Nothing here
is random: what the claims read was measured by tools/reproduce.py.
"""

import numpy as np

from dlgn_tf.claims import contrasts, table_results
from dlgn_tf.claims.expectations import NOT_ASKED

DATA_SETS = ("cifar10", "cifar100")
OPTIMIZERS = ("sgd", "adam")
STAGES = [f"stage{stage}" for stage in range(7)]
# The one in the middle belongs to both.
HALVES = {"first": STAGES[:4], "last": STAGES[3:]}


def frozen_learned_on_fc(rng, results_dir):
    """dlgn.15."""
    rows = [f"fc_{optimizer}" for optimizer in OPTIMIZERS]
    wanted = _cells("npk.1", rows, ("frnpf_ii", "frnpf_di", "flnpf", "relu"))
    (table,) = table_results.load(results_dir, [wanted])
    points, learned, random = {}, {}, {}
    for row in rows:
        ii, di, fl, relu = (
            f"{row}_{c}" for c in ("frnpf_ii", "frnpf_di", "flnpf", "relu")
        )
        points[f"{row} FL - FR(II)"] = table.pair(fl, ii)
        points[f"{row} FL - FR(DI)"] = table.pair(fl, di)
        points[f"{row} ReLU - FL"] = table.pair(relu, fl)
        at_full = table.scale == "full"
        learned[row] = table.pair(fl, ii) if at_full else NOT_ASKED
        random[row] = table.pair(ii, di) if at_full else NOT_ASKED
    return {
        "points": points,
        "FLNPF - FRNPF(II)": learned,
        "FRNPF(II) - FRNPF(DI)": random,
        **table_results.told([table]),
    }


def joint_beats_frozen_random(rng, results_dir):
    """dlgn.17."""
    rows = [
        f"{net}_{optimizer}"
        for net in ("fc", "vconv", "gconv")
        for optimizer in OPTIMIZERS
    ]
    columns = ("frnpf_ii", "frnpf_di", "dnpfl", "relu")
    wanted = _cells("npk.1", rows, columns)
    (table,) = table_results.load(results_dir, [wanted])
    pairs = [
        _joint_and_random(table, row, random)
        for row in rows
        for random in ("frnpf_ii", "frnpf_di")
    ]
    return {"DNPFL - FRNPF": dict(pairs), **table_results.told([table])}


def _joint_and_random(table, row, random):
    """Where the ReLU network is not above random gates, none are learned."""
    joint, relu, cell = (f"{row}_{c}" for c in ("dnpfl", "relu", random))
    learned = contrasts.above("ReLU", *table.pair(relu, cell))
    if learned.is_borne_out:
        return f"{row} {random}", table.pair(joint, cell)
    nothing = contrasts.Pair([], [])
    return f"{row} {random}, {learned.shown} not above it,", nothing


def gates_are_learned_in_stages(rng, results_dir):
    """dlgn.18."""
    wanted = _cells("npk.1", ["gconv_adam"], ("frnpf_ii", "flnpf", "relu"))
    wanted += [("npk.stages", stage) for stage in STAGES]
    table, stages = table_results.load(results_dir, [wanted])
    fr, fl, relu = (f"gconv_adam_{c}" for c in ("frnpf_ii", "flnpf", "relu"))
    at_full = stages.scale == "full"
    return {
        "points": {
            "FL - FR": table.pair(fl, fr),
            "ReLU - FL": table.pair(relu, fl),
        },
        "points a stage": {half: _rise(stages, half) for half in HALVES},
        **{
            f"stage {n}": stages.values(f"stage{n}") if at_full else NOT_ASKED
            for n in (3, 4)
        },
        **table_results.told([table, stages]),
    }


def _rise(table, half):
    """Points a stage, of each training of the ReLU network."""
    names = HALVES[half]
    if not table.has(*names):
        return []
    by_stage = [table.runs(name) for name in names]
    seeds = set.intersection(*map(set, by_stage))
    return [
        np.polyfit(range(len(names)), [runs[seed] for runs in by_stage], 1)[0]
        for seed in seeds
    ]


def input_and_order_do_not_matter(rng, results_dir):
    """dlgn.19."""
    kinds = ("xx", "x1", "xx_permuted", "x1_permuted")
    wanted = [
        _cells("dlgn.1", (f"{data}_dgn", f"{data}_dlgn"), kinds)
        for data in DATA_SETS
    ]
    (table,) = table_results.load(results_dir, wanted)
    points = {}
    for data in _data_sets(table):
        for family in ("dgn", "dlgn"):
            image, constant = (f"{data}_{family}_{k}" for k in ("xx", "x1"))
            label = f"{data} {family} (x,1) - (x,x)"
            points[label] = table.pair(constant, image)
            for cell in (image, constant):
                points[f"{cell} permuted - not"] = table.pair(
                    f"{cell}_permuted", cell
                )
    return {"points": points, **table_results.told([table])}


def linear_gates_keep_most_of_the_accuracy(rng, results_dir):
    """dlgn.20."""
    rows = [
        f"{data}_{net}" for data in DATA_SETS for net in ("vgg16", "resnet110")
    ]
    columns = ("dnn", "dgn_xx", "dgn_x1", "dlgn_xx", "dlgn_x1")
    wanted = [_cells("dlgn.2", [row], columns) for row in rows]
    (table,) = table_results.load(results_dir, wanted)
    pairs = {
        family: {
            f"{row} {kind}": table.pair(f"{row}_{family}_{kind}", f"{row}_dnn")
            for row in rows
            if table.has(f"{row}_dnn")
            for kind in ("xx", "x1")
        }
        for family in ("dgn", "dlgn")
    }
    return {
        "DGN - DNN": pairs["dgn"],
        "DLGN over DNN": pairs["dlgn"],
        **table_results.told([table]),
    }


def shallow_features_suffice_for_c4gap(rng, results_dir):
    """dlgn.21."""
    columns = ("c4gap_dlgn_sf", "vgg16_dlgn_sf", "vgg16_dlgn_x1")
    wanted = [_cells("dlgn.3", [data], columns) for data in DATA_SETS]
    wanted[0].append(("dlgn.3", "cifar10_c4gap_dlgn_x1"))
    ensembles = _cells("dlgn.3", DATA_SETS, ("c1gap_ens_200", "c1gap_ens_2000"))
    (table,) = table_results.load(results_dir, wanted, also=ensembles)
    pair = "cifar10_c4gap_dlgn_sf", "cifar10_c4gap_dlgn_x1"
    points = {}
    for data in _data_sets(table):
        c4gap, vgg, deep = (f"{data}_{column}" for column in columns)
        there = [
            cell
            for _, cell in ensembles
            if table.has(cell) and cell.startswith(f"{data}_")
        ]
        for ensemble in there or [f"{data}_c1gap_ens_200"]:
            label = f"C4GAP-DLGN-SF - {ensemble}"
            points[label] = table.pair(c4gap, ensemble)
        label = f"{data} VGG-16-DLGN-SF - C4GAP-DLGN-SF"
        points[label] = table.pair(vgg, c4gap)
        label = f"{data} VGG-16-DLGN - VGG-16-DLGN-SF"
        points[label] = table.pair(deep, vgg)
    return {
        "C4GAP-DLGN-SF - C4GAP-DLGN": table.pair(*pair),
        "points": points,
        **table_results.told([table]),
    }


def _cells(table, rows, columns):
    """`(table, cell)` of each column of each row."""
    return [(table, f"{row}_{column}") for row in rows for column in columns]


def _data_sets(table):
    """CIFAR-10, and CIFAR-100 where anything of it was run."""
    hundred = any(cell.startswith("cifar100_") for cell in table.means())
    return DATA_SETS if hundred else DATA_SETS[:1]
