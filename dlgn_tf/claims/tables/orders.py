"""dlgn.15 and 17 to 21: which cells of the tables lie above which others.

Thresholds are those of the list of claims, the same at every scale.
"""

from dlgn_tf.claims import table_results
from dlgn_tf.claims.table_results import Check
from dlgn_tf.claims.table_results import at_most
from dlgn_tf.claims.table_results import below
from dlgn_tf.claims.table_results import check_runs
from dlgn_tf.claims.table_results import compare
from dlgn_tf.claims.table_results import measurement
from dlgn_tf.claims.table_results import within

# See `table_results.load`.
ON_CPU = ("full", "accelerator", "minutes")
ON_GPU = ("full", "accelerator")

DATA_SETS = ("cifar10", "cifar100")
OPTIMIZERS = ("sgd", "adam")
# A clear margin: so many standard errors of the difference.
CLEAR = 2
CNTK_GAP = 77.43


def frozen_learned_on_fc(results_dir):
    """dlgn.15."""
    wanted = _cells(
        "npk.1",
        [f"fc_{optimizer}" for optimizer in OPTIMIZERS],
        ("frnpf_ii", "frnpf_di", "flnpf", "relu"),
    )
    (table,) = table_results.load(results_dir, [wanted], ON_CPU, runs=3)
    check_runs(table, 3)
    checks = []
    for optimizer in OPTIMIZERS:
        row = f"fc_{optimizer}"
        ii, di, fl, relu = (
            f"{row}_{c}" for c in ("frnpf_ii", "frnpf_di", "flnpf", "relu")
        )
        checks += [
            compare(f"{row} FR(II) < FL", table, (ii, fl), below),
            compare(f"{row} FR(DI) < FL", table, (di, fl), below),
            compare(f"{row} FL <= ReLU", table, (fl, relu), at_most),
        ]
        if table.scale == "full":
            gap = f"{row} FL >= FR(II) + 1"
            checks += [
                compare(gap, table, (ii, fl), lambda a, b: b - a >= 1),
                compare(f"{row} II ~ DI", table, (ii, di), within(0.3)),
            ]
    return measurement([table], checks)


def joint_beats_frozen_random(results_dir):
    """dlgn.17."""
    rows = [
        f"{net}_{optimizer}"
        for net in ("fc", "vconv", "gconv")
        for optimizer in OPTIMIZERS
    ]
    wanted = _cells("npk.1", rows, ("frnpf_ii", "frnpf_di", "dnpfl"))
    (table,) = table_results.load(results_dir, [wanted], ON_CPU, runs=3)
    check_runs(table, 3)
    checks = [
        _clearly_below(table, row, random, "dnpfl")
        for row in rows
        for random in ("frnpf_ii", "frnpf_di")
    ]
    return measurement([table], checks)


def _clearly_below(table, row, low, high):
    low, high = f"{row}_{low}", f"{row}_{high}"
    if not table.has(low, high):
        return Check(f"{low} < {high} missing", None)
    gap = table.mean(high) - table.mean(low)
    error = (table.error(high) ** 2 + table.error(low) ** 2) ** 0.5
    shown = f"{high} - {low.removeprefix(row + '_')} {gap:.2f} (se {error:.2f})"
    return Check(shown, gap > CLEAR * error)


def gates_are_learned_in_stages(results_dir):
    """dlgn.18."""
    wanted = _cells("npk.1", ["gconv_adam"], ("frnpf_ii", "flnpf", "relu"))
    wanted += [("npk.stages", f"stage{stage}") for stage in range(7)]
    table, stages = table_results.load(results_dir, [wanted], ON_GPU)
    fr, fl, relu = (f"gconv_adam_{c}" for c in ("frnpf_ii", "flnpf", "relu"))
    checks = [
        compare("FR < FL", table, (fr, fl), below),
        compare("FL <= ReLU", table, (fl, relu), at_most),
    ]
    for stage in range(6):
        cells = f"stage{stage}", f"stage{stage + 1}"
        label = f"stage {stage} < {stage + 1}"
        checks.append(compare(label, stages, cells, below))
    passes = compare(
        f"stages 3, 4 around {CNTK_GAP}",
        stages,
        ("stage3", "stage4"),
        lambda a, b: a < CNTK_GAP < b,
    )
    return measurement([table, stages], [*checks, passes])


def input_and_order_do_not_matter(results_dir):
    """dlgn.19."""
    kinds = ("xx", "x1", "xx_permuted", "x1_permuted")
    wanted = [
        _cells("dlgn.1", (f"{data}_dgn", f"{data}_dlgn"), kinds)
        for data in DATA_SETS
    ]
    (table,) = table_results.load(results_dir, wanted, ON_CPU)
    checks = []
    for data in _data_sets(table):
        for family in ("dgn", "dlgn"):
            cell = f"{data}_{family}"
            pair = f"{cell}_xx", f"{cell}_x1"
            label = f"{data} {family} (x,x) ~ (x,1)"
            checks.append(compare(label, table, pair, within(1)))
            for kind in pair:
                checks.append(
                    compare(
                        f"{kind} permuted",
                        table,
                        (f"{kind}_permuted", kind),
                        lambda permuted, plain: permuted >= plain - 1,
                    )
                )
    return measurement([table], checks)


def linear_gates_keep_most_of_the_accuracy(results_dir):
    """dlgn.20."""
    rows = [
        f"{data}_{net}" for data in DATA_SETS for net in ("vgg16", "resnet110")
    ]
    columns = ("dnn", "dgn_xx", "dgn_x1", "dlgn_xx", "dlgn_x1")
    wanted = [_cells("dlgn.2", [row], columns) for row in rows]
    (table,) = table_results.load(results_dir, wanted, ON_GPU)
    checks = []
    for row in rows:
        if table.has(f"{row}_dnn"):
            checks += _network_checks(table, row)
    return measurement([table], checks)


def _network_checks(table, row):
    for kind in ("xx", "x1"):
        yield compare(
            f"{row} DGN {kind}, DNN",
            table,
            (f"{row}_dgn_{kind}", f"{row}_dnn"),
            lambda dgn, dnn: dnn - dgn <= 3.5,
        )
        yield compare(
            f"{row} DLGN {kind}, DNN",
            table,
            (f"{row}_dlgn_{kind}", f"{row}_dnn"),
            lambda dlgn, dnn: dlgn >= 0.835 * dnn,
        )
    for family in ("dgn", "dlgn"):
        pair = f"{row}_{family}_xx", f"{row}_{family}_x1"
        label = f"{row} {family} (x,x) ~ (x,1)"
        yield compare(label, table, pair, within(1))


def shallow_features_suffice_for_c4gap(results_dir):
    """dlgn.21."""
    wanted = [
        [
            ("dlgn.3", f"{data}_c4gap_dlgn_sf"),
            ("dlgn.3", f"{data}_vgg16_dlgn_sf"),
            ("dlgn.3", f"{data}_c1gap_ens_200"),
            ("dlgn.2", f"{data}_vgg16_dlgn_x1"),
        ]
        for data in DATA_SETS
    ]
    wanted[0].append(("dlgn.1", "cifar10_dlgn_x1"))
    longer = [("dlgn.3", f"{data}_c1gap_ens_2000") for data in DATA_SETS]
    tables = table_results.load(results_dir, wanted, ON_GPU, also=longer)
    shallow, deep, c4gap = tables
    checks = [
        compare(
            "C4GAP-DLGN-SF ~ C4GAP-DLGN",
            shallow,
            ("cifar10_c4gap_dlgn_sf", "cifar10_dlgn_x1"),
            within(1),
            c4gap,
        )
    ]
    for data in _data_sets(shallow):
        c4_sf, vgg_sf = f"{data}_c4gap_dlgn_sf", f"{data}_vgg16_dlgn_sf"
        ensembles = [
            cell
            for cell in (f"{data}_c1gap_ens_200", f"{data}_c1gap_ens_2000")
            if shallow.has(cell)
        ]
        checks += [
            compare(f"{cell} < C4GAP-DLGN-SF", shallow, (cell, c4_sf), below)
            for cell in ensembles or [f"{data}_c1gap_ens_200"]
        ]
        label = f"{data} C4GAP- < VGG-16-DLGN-SF"
        checks.append(compare(label, shallow, (c4_sf, vgg_sf), below))
        label = f"{data} VGG-16-DLGN-SF < VGG-16-DLGN"
        vgg = f"{data}_vgg16_dlgn_x1"
        checks.append(compare(label, shallow, (vgg_sf, vgg), below, deep))
    return measurement(tables, checks)


def _cells(table, rows, columns):
    """`(table, cell)` of each column of each row."""
    return [(table, f"{row}_{column}") for row in rows for column in columns]


def _data_sets(table):
    """CIFAR-10, and CIFAR-100 where anything of it was run."""
    hundred = any(cell.startswith("cifar100_") for cell in table.means())
    return ("cifar10", "cifar100") if hundred else ("cifar10",)
