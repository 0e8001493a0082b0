"""smaso.19 and smaso.20: which cells of Table 2 lie above which others.

Accuracies are those of the last evaluation: code of the paper's authors takes
the mean of the last three epochs, not the best one.
"""

from dlgn_tf.claims import table_results
from dlgn_tf.claims.contrasts import Comparison

TABLE = "smaso.2"
# At Glorot's start the penalty is many times the cross-entropy, and holds
# training back for some hundred steps: earlier ends tell of these.
LEAST_STEPS = 5_000

# With their accuracies in percent by chance.
DATA_SETS = {"cifar10": 10.0, "cifar100": 1.0, "svhn": 10.0}
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
    pairs = {
        f"{data}_{rate}": (f"{data}_{rate}_baseline", f"{data}_{rate}_penalty")
        for data in DATA_SETS
        for rate in RATES
    }
    groups = [
        [
            (TABLE, cell)
            for row, pair in pairs.items()
            if row.startswith(f"{data}_")
            for cell in pair
        ]
        for data in DATA_SETS
    ]
    (table,) = table_results.load(results_dir, groups, accuracy="last")
    begun = {cell.partition("_")[0] for cell in table.means()}
    return _measurement(
        table,
        {
            f"{row} penalty > baseline": pair
            for row, pair in pairs.items()
            if row.partition("_")[0] in begun
        },
    )


def gram_schmidt(results_dir):
    """smaso.20."""
    groups = [[(TABLE, cell) for pair in PAIRS.values() for cell in pair]]
    (table,) = table_results.load(results_dir, groups, accuracy="last")
    labels = {f"{name}: Gram-Schmidt > plain": p for name, p in PAIRS.items()}
    return _measurement(table, labels)


def _measurement(table, pairs):
    compared = [_compare(table, label, pair) for label, pair in pairs.items()]
    return table_results.measurement([table], compared)


def _compare(table, label, pair):
    """The second cell above the first, where both have learned something."""
    for cell in filter(table.has, pair):
        if table.steps(cell) < LEAST_STEPS:
            return Comparison(
                f"{label} after {table.steps(cell):,} of {LEAST_STEPS:,} steps"
            )
        chance = 2 * DATA_SETS[cell.partition("_")[0]]
        learned = table.above(f"{cell} > chance", cell, chance)
        if not learned.is_borne_out:
            return Comparison(learned.shown)
    plain, orthogonal = pair
    return table.above(label, orthogonal, plain)
