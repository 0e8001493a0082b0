"""dlgn.15 and 17 to 21: which cells of the tables lie above which others.

Margins are those of the list of claims, the same at every scale; each
comparison is judged by `dlgn_tf.claims.contrasts`.
"""

import numpy as np

from dlgn_tf.claims import contrasts
from dlgn_tf.claims import table_results
from dlgn_tf.claims.table_results import measurement

DATA_SETS = ("cifar10", "cifar100")
OPTIMIZERS = ("sgd", "adam")
# What costs less than so many points costs nothing.
COST = 1
CLOSE = 3.5
KEPT = 0.835
CNTK_GAP = 77.43
STAGES = [f"stage{stage}" for stage in range(7)]
# The one in the middle belongs to both.
HALVES = {"first": STAGES[:4], "last": STAGES[3:]}


def frozen_learned_on_fc(results_dir):
    """dlgn.15."""
    wanted = _cells(
        "npk.1",
        [f"fc_{optimizer}" for optimizer in OPTIMIZERS],
        ("frnpf_ii", "frnpf_di", "flnpf", "relu"),
    )
    (table,) = table_results.load(results_dir, [wanted])
    checks = []
    for row in (f"fc_{optimizer}" for optimizer in OPTIMIZERS):
        ii, di, fl, relu = (
            f"{row}_{c}" for c in ("frnpf_ii", "frnpf_di", "flnpf", "relu")
        )
        checks += [
            table.above(f"{row} FL > FR(II)", fl, ii),
            table.above(f"{row} FL > FR(DI)", fl, di),
            table.above(f"{row} ReLU > FL", relu, fl),
        ]
        if table.scale == "full":
            checks += [
                table.above(f"{row} FL > FR(II) + 1", fl, ii, margin=1),
                table.above(f"{row} II > DI - 0.3", ii, di, margin=-0.3),
                table.above(f"{row} DI > II - 0.3", di, ii, margin=-0.3),
            ]
    return measurement([table], checks)


def joint_beats_frozen_random(results_dir):
    """dlgn.17."""
    rows = [
        f"{net}_{optimizer}"
        for net in ("fc", "vconv", "gconv")
        for optimizer in OPTIMIZERS
    ]
    columns = ("frnpf_ii", "frnpf_di", "dnpfl", "relu")
    wanted = _cells("npk.1", rows, columns)
    (table,) = table_results.load(results_dir, [wanted])
    checks = [
        _joint_above(table, row, random)
        for row in rows
        for random in ("frnpf_ii", "frnpf_di")
    ]
    return measurement([table], checks)


def _joint_above(table, row, random):
    """Where the ReLU network is not above random gates, none are learned."""
    joint, relu, random = (f"{row}_{c}" for c in ("dnpfl", "relu", random))
    label = f"> {random.removeprefix(f'{row}_')}"
    learned = table.above(f"{row} ReLU {label}", relu, random)
    if not learned.is_borne_out:
        return contrasts.Comparison(learned.shown)
    return table.above(f"{row} DNPFL {label}", joint, random)


def gates_are_learned_in_stages(results_dir):
    """dlgn.18."""
    wanted = _cells("npk.1", ["gconv_adam"], ("frnpf_ii", "flnpf", "relu"))
    wanted += [("npk.stages", stage) for stage in STAGES]
    table, stages = table_results.load(results_dir, [wanted])
    fr, fl, relu = (f"gconv_adam_{c}" for c in ("frnpf_ii", "flnpf", "relu"))
    checks = [
        table.above("FL > FR", fl, fr),
        table.above("ReLU > FL", relu, fl),
        *(_rise(stages, half) for half in HALVES),
    ]
    if stages.scale == "full":
        checks += [
            stages.above("CNTK > stage 3", CNTK_GAP, "stage3"),
            stages.above("stage 4 > CNTK", "stage4", CNTK_GAP),
        ]
    return measurement([table, stages], checks)


def _rise(table, half):
    """Points a stage, of each training of the ReLU network."""
    names = HALVES[half]
    label = f"points a stage, {half} ones: > 0"
    if not table.has(*names):
        return contrasts.Comparison(f"{label} missing")
    by_stage = [table.runs(name) for name in names]
    seeds = set.intersection(*map(set, by_stage))
    slopes = [
        np.polyfit(range(len(names)), [runs[seed] for runs in by_stage], 1)[0]
        for seed in seeds
    ]
    return contrasts.above(label, slopes, 0.0)


def input_and_order_do_not_matter(results_dir):
    """dlgn.19."""
    kinds = ("xx", "x1", "xx_permuted", "x1_permuted")
    wanted = [
        _cells("dlgn.1", (f"{data}_dgn", f"{data}_dlgn"), kinds)
        for data in DATA_SETS
    ]
    (table,) = table_results.load(results_dir, wanted)
    checks = []
    for data in _data_sets(table):
        for family in ("dgn", "dlgn"):
            image, constant = (f"{data}_{family}_{k}" for k in ("xx", "x1"))
            for label, cell, reference in (
                (f"{data} {family} (x,1) > (x,x)", constant, image),
                (f"{image} permuted > not", f"{image}_permuted", image),
                (
                    f"{constant} permuted > not",
                    f"{constant}_permuted",
                    constant,
                ),
            ):
                label = f"{label} - {COST}"
                checks.append(table.above(label, cell, reference, -COST))
    return measurement([table], checks)


def linear_gates_keep_most_of_the_accuracy(results_dir):
    """dlgn.20."""
    rows = [
        f"{data}_{net}" for data in DATA_SETS for net in ("vgg16", "resnet110")
    ]
    columns = ("dnn", "dgn_xx", "dgn_x1", "dlgn_xx", "dlgn_x1")
    wanted = [_cells("dlgn.2", [row], columns) for row in rows]
    (table,) = table_results.load(results_dir, wanted)
    checks = []
    for row in rows:
        dnn = f"{row}_dnn"
        if not table.has(dnn):
            continue
        for kind in ("xx", "x1"):
            dgn, dlgn = f"{row}_dgn_{kind}", f"{row}_dlgn_{kind}"
            near = f"{row} DGN {kind} > DNN - {CLOSE}"
            kept = f"{row} DLGN {kind} > {KEPT} DNN"
            checks += [
                table.above(near, dgn, dnn, margin=-CLOSE),
                table.above(kept, dlgn, dnn, share=KEPT),
            ]
    return measurement([table], checks)


def shallow_features_suffice_for_c4gap(results_dir):
    """dlgn.21."""
    columns = ("c4gap_dlgn_sf", "vgg16_dlgn_sf", "vgg16_dlgn_x1")
    wanted = [_cells("dlgn.3", [data], columns) for data in DATA_SETS]
    wanted[0].append(("dlgn.3", "cifar10_c4gap_dlgn_x1"))
    ensembles = _cells("dlgn.3", DATA_SETS, ("c1gap_ens_200", "c1gap_ens_2000"))
    (table,) = table_results.load(results_dir, wanted, also=ensembles)
    pair = "cifar10_c4gap_dlgn_sf", "cifar10_c4gap_dlgn_x1"
    label = f"C4GAP-DLGN-SF > C4GAP-DLGN - {COST}"
    checks = [table.above(label, *pair, margin=-COST)]
    for data in _data_sets(table):
        c4gap, vgg, deep = (f"{data}_{column}" for column in columns)
        there = [
            cell
            for _, cell in ensembles
            if table.has(cell) and cell.startswith(f"{data}_")
        ]
        checks += [
            table.above(f"C4GAP-DLGN-SF > {ensemble}", c4gap, ensemble)
            for ensemble in there or [f"{data}_c1gap_ens_200"]
        ]
        label = f"{data} VGG-16-DLGN-SF > C4GAP-DLGN-SF"
        checks.append(table.above(label, vgg, c4gap))
        label = f"{data} VGG-16-DLGN > VGG-16-DLGN-SF"
        checks.append(table.above(label, deep, vgg))
    return measurement([table], checks)


def _cells(table, rows, columns):
    """`(table, cell)` of each column of each row."""
    return [(table, f"{row}_{column}") for row in rows for column in columns]


def _data_sets(table):
    """CIFAR-10, and CIFAR-100 where anything of it was run."""
    hundred = any(cell.startswith("cifar100_") for cell in table.means())
    return DATA_SETS if hundred else DATA_SETS[:1]
