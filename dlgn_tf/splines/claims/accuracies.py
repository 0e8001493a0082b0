"""smaso.19 and smaso.20: which cells of Table 2 lie above which others.

Accuracies are those of the last evaluation: code of the paper's authors takes
the mean of the last three epochs, not the best one. A cell is no evidence if
it was trained for too short, or does not lie above twice chance: what it is
compared with is not decided.
"""

from dlgn_tf.claims import contrasts, table_results

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


def penalty(rng, results_dir):
    del rng  # What is read was measured before.
    groups = [
        {
            f"{data}_{rate}": (
                f"{data}_{rate}_baseline",
                f"{data}_{rate}_penalty",
            )
            for rate in RATES
        }
        for data in DATA_SETS
    ]
    return _figures(results_dir, "penalty - baseline", groups)


def gram_schmidt(rng, results_dir):
    del rng  # As above.
    return _figures(results_dir, "Gram-Schmidt - plain", [PAIRS])


def _figures(results_dir, name, groups):
    """Runs of pairs of cells, of the groups that were begun.

    The second cell over the first is called `name`; groups are dicts from a
    label to a pair of cells.
    """
    cells = [[(TABLE, c) for pair in g.values() for c in pair] for g in groups]
    (table,) = table_results.load(results_dir, cells, accuracy="last")
    reasons = {cell: _why_not(table, cell) for cell in table.means()}
    counted = {c: table.values(c) for c, why in reasons.items() if not why}
    return {
        name: {
            label: contrasts.Pair(counted.get(high, []), counted.get(low, []))
            for group in groups
            if any(cell in reasons for pair in group.values() for cell in pair)
            for label, (low, high) in group.items()
        },
        "no evidence": {
            why: [cell for cell in reasons if reasons[cell] == why]
            for why in filter(None, reasons.values())
        },
        **table_results.told([table]),
    }


def _why_not(table, cell):
    """Why a cell is no evidence; empty if it is."""
    if table.steps(cell) < LEAST_STEPS:
        return f"after {table.steps(cell):,} of {LEAST_STEPS:,} steps"
    chance = 2 * DATA_SETS[cell.partition("_")[0]]
    learned = contrasts.above("> twice chance", table.values(cell), chance)
    return "" if learned.is_borne_out else learned.shown
