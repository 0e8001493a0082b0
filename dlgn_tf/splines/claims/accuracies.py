"""smaso.19 and smaso.20: which cells of Table 2 lie above which others."""

from dlgn_tf.claims import table_results
from dlgn_tf.claims.table_results import below
from dlgn_tf.claims.table_results import compare

TABLE = "smaso.2"
# See `table_results.load`.
SCALES = ("full", "accelerator", "minutes")
RUNS = 3

DATA_SETS = ("cifar10", "cifar100", "svhn")
RATES = ("lr1e-3", "lr5e-4", "lr1e-4")
# Cells without and with Gram-Schmidt.
PAIRS = {
    "ReLU": ("cifar100_lr1e-3_baseline", "cifar100_lr1e-3_gs"),
    "swish": ("cifar100_swish_baseline", "cifar100_swish_gs"),
    "ReLU, batch norm": ("cifar100_relu_bn_baseline", "cifar100_relu_bn_gs"),
    "swish, batch norm": ("cifar100_swish_bn_baseline", "cifar100_swish_bn_gs"),
}


def penalty(results_dir):
    """smaso.19."""
    rows = {data: [f"{data}_{rate}" for rate in RATES] for data in DATA_SETS}
    groups = [
        [cell for row in of_data for cell in _cells(row)]
        for of_data in rows.values()
    ]
    table = _load(results_dir, groups)
    checks = [
        compare(
            f"{row} baseline < penalty",
            table,
            (f"{row}_baseline", f"{row}_penalty"),
            below,
        )
        for data, of_data in rows.items()
        if any(cell.startswith(f"{data}_") for cell in table.means())
        for row in of_data
    ]
    return table_results.measurement([table], checks)


def _cells(row):
    return [(TABLE, f"{row}_{column}") for column in ("baseline", "penalty")]


def gram_schmidt(results_dir):
    """smaso.20."""
    cells = [(TABLE, cell) for pair in PAIRS.values() for cell in pair]
    table = _load(results_dir, [cells])
    checks = [
        compare(f"{name}: plain < Gram-Schmidt", table, pair, below)
        for name, pair in PAIRS.items()
    ]
    return table_results.measurement([table], checks)


def _load(results_dir, groups):
    """The table of these cells, all of at least three runs.

    Accuracies are those of the last evaluation: code of the paper's authors
    takes the mean of the last three epochs, not the best one.
    """
    (table,) = table_results.load(
        results_dir, groups, SCALES, runs=RUNS, accuracy="last"
    )
    table_results.check_runs(table, RUNS)
    return table
