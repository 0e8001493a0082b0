"""The tables hold what was published, and every cell has its flagfile."""

import re

import pytest

from dlgn_tf import config as config_lib
from dlgn_tf.errors import UserError
from dlgn_tf.reproduction import tables

# Typed from the list of published values, row by row.
PUBLISHED = {
    "dlgn.1": """
        80.5+-0.4 77.4+-0.3 77.5+-0.2 75.4+-0.3 75.4+-0.2
        77.3+-0.5 77.9+-0.6 75.9+-0.5 76.0+-0.5
        51.8+-0.4 47.4+-0.2 47.3+-0.3 47.4+-0.1 48.0+-0.2
        48.4+-0.8 49.2+-0.9 47.5+-1.0 48.4+-0.9
    """,
    "dlgn.2": """
        93.6+-0.2 93.0+-0.1 93.0+-0.1 87.0+-0.1 87.0+-0.2
        94.0+-0.2 93.3+-0.2 93.2+-0.1 87.9+-0.2 87.8+-0.1
        73.4+-0.3 70.3+-0.1 70.5+-0.2 61.5+-0.2 61.5+-0.1
        72.7+-0.2 70.8+-0.2 70.8+-0.4 62.3+-0.2 62.7+-0.3
    """,
    "dlgn.3": """
        62.2+-0.2 63.81 70.0+-0.2 72.2 75.1+-0.4 84.9+-0.2 - -
        36.3+-0.2 38.23 42.2+-0.3 45.47 47.3+-0.6 56.3+-0.2 -
    """,
    "npk.1": """
        95.85+-0.10 95.85+-0.17 97.86+-0.11 97.10+-0.09 97.85+-0.09
        96.02+-0.13 96.09+-0.12 98.22+-0.05 97.82+-0.02 98.14+-0.07
        58.92+-0.62 58.83+-0.27 63.21+-0.07 63.06+-0.73 67.02+-0.43
        64.86+-1.18 64.68+-0.84 69.45+-0.76 71.40+-0.47 72.43+-0.54
        67.36+-0.56 66.86+-0.44 74.57+-0.43 78.52+-0.39 78.90+-0.37
        67.09+-0.58 67.08+-0.27 77.12+-0.19 79.68+-0.32 80.32+-0.35
    """,
    "smaso.2": """
        94.3+-0.1 94.6+-0.2 94.4+-0.1 95.0+-0.2 93.4+-0.0 93.8+-0.1
        80.3+-0.4 84.0+-0.3 80.2+-0.2 82.3+-0.1 76.2+-0.3 79.1+-0.2
        43.6+-0.2 46.1+-0.2 - 44.1+-0.4 46.3+-0.2 37.5+-0.5 42.1+-0.3
        - 61.2 - - - -
    """,
    "smaso.dlgn": "- - - -",
    "dlgn.levers": "- - - - - - - - -",
    "vectors.1": "96.05 97.43 94.247 90.293 65.036 63.832",
    "npk.stages": "- 67.09 72.29 74.42 77.1 78.5 78.7 79.43",
}
COLUMNS = {
    "dlgn.1": "DNN DGN(x, x) DGN(x, 1) DLGN(x, x) DLGN(x, 1)",
    "dlgn.2": "DNN DGN(x, x) DGN(x, 1) DLGN(x, x) DLGN(x, 1)",
    "npk.1": "FRNPF(II) FRNPF(DI) DNPFL FLNPF ReLU",
}


def figures(text):
    """`(mean, std)` of each cell, None where there is none."""
    for word in text.split():
        mean, _, std = word.partition("+-")
        yield (
            None if mean == "-" else float(mean),
            float(std) if std else None,
        )


@pytest.mark.parametrize("name", PUBLISHED)
def test_figures_are_those_that_were_published(root, name):
    """And each cell has a flagfile that says so, each flagfile a cell."""
    table = tables.load(root, name)
    found = [(cell.mean, cell.std) for cell in table.cells.values()]
    assert found == list(figures(PUBLISHED[name]))
    folder = root / "flags" / name
    assert {f.stem for f in folder.glob("*.flags")} == set(table.cells)
    for cell in table.cells.values():
        text = (root / table.flagfile(cell)).read_text()
        mean, std = re.search(
            r"Published: (?:([\d.]+)(?: \+- ([\d.]+))? %|no figure)", text
        ).groups()
        assert (mean and float(mean)) == cell.mean, cell.name
        assert (std and float(std)) == cell.std, cell.name


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_come_in_the_published_order(root, name):
    by_row = {}
    for cell in tables.load(root, name).cells.values():
        by_row.setdefault(cell.row, []).append(cell.column)
    for row, columns in by_row.items():
        assert COLUMNS[name].endswith(" ".join(columns)), row


def test_there_are_no_other_tables(root):
    assert tables.names(root) == sorted(PUBLISHED)


@pytest.fixture
def config_of(root, monkeypatch):
    monkeypatch.chdir(root)
    return lambda name: config_lib.read_flags(f"flags/{name}.flags")


COLUMN_OF = {
    "dnn": ("dnn", None),
    "dgn_xx": ("dgn", "image"),
    "dgn_x1": ("dgn", "ones"),
    "dlgn_xx": ("dlgn", "image"),
    "dlgn_x1": ("dlgn", "ones"),
}


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
@pytest.mark.parametrize("column", COLUMN_OF)
def test_cells_of_tables_1_and_2(config_of, dataset, column):
    family, value_input = COLUMN_OF[column]
    for cell, network, steps in (
        (f"dlgn.1/{dataset}_{column}", "c4gap", 78_125),
        (f"dlgn.1/{dataset}_{column}_permuted", "c4gap", 78_125),
        (f"dlgn.2/{dataset}_vgg16_{column}", "vgg16", 64_000),
        (f"dlgn.2/{dataset}_resnet110_{column}", "resnet110", 64_000),
    ):
        permuted = cell.endswith("permuted")
        if permuted and family == "dnn":
            continue
        config = config_of(cell)
        assert config.model == f"{network}_{family}"
        assert config.dataset == dataset
        assert config.value_input == value_input
        assert config.train_steps == steps
        assert config.gate_permutation == ("all" if permuted else None)
        assert config.gate == (None if family == "dnn" else "soft")


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_cells_of_table_3(config_of, dataset):
    for epochs in (200, 2000):
        for members in (None, 16):
            name = "c1gap_ens" if members else "c1gap"
            config = config_of(f"dlgn.3/{dataset}_{name}_{epochs}")
            assert config.model == "c1gap_dnn"
            assert (config.members or 1) == (members or 1)
            assert config.train_steps == epochs * 50_000 / 32
    for network, steps in (
        ("c4gap_dlgn_sf", 78_125),
        ("vgg16_dlgn_sf", 64_000),
        ("vgg16_dlgn", 64_000),
    ):
        cell = network if network.endswith("_sf") else f"{network}_x1"
        config = config_of(f"dlgn.3/{dataset}_{cell}")
        assert config.model == network
        assert (config.train_steps, config.value_input) == (steps, "ones")
        assert config.dataset == dataset


NPK = {
    ("fc", "sgd"): (60_000, 0.01, 300),
    ("fc", "adam"): (60_000, 0.0001, 100),
    ("vconv", "sgd"): (50_000, 0.01, 80),
    ("vconv", "adam"): (50_000, 0.0003, 80),
    ("gconv", "sgd"): (50_000, 0.1, 100),
    ("gconv", "adam"): (50_000, 0.0003, 200),
}
REGIMES = {
    "relu": (None, None),
    "frnpf_ii": ("frozen_random", "hard"),
    "frnpf_di": ("frozen_dependent", "hard"),
    "flnpf": ("frozen_learned", "hard"),
    "dnpfl": ("joint", "soft"),
}


@pytest.mark.parametrize("column", REGIMES)
@pytest.mark.parametrize("row", NPK, ids="_".join)
def test_cells_of_the_predecessor(config_of, row, column):
    images, rate, epochs = NPK[row]
    config = config_of(f"npk.1/{'_'.join(row)}_{column}")
    family = "dnn" if column == "relu" else "dgn"
    assert config.model == f"{row[0]}_{family}"
    assert (config.optimizer, config.learning_rates) == (row[1], (rate,))
    assert config.momentum == (0.0 if row[1] == "sgd" else None)
    assert config.train_steps == images * epochs / 32
    assert (config.batch_size, config.l2) == (32, 0.0)
    assert (config.normalization, config.augmentation) == ("unit", "none")
    assert config.dataset == ("mnist" if row[0] == "fc" else "cifar10")
    assert (config.gate_regime, config.gate) == REGIMES[column]
    if column == "dnpfl":
        assert (config.gate_beta, config.gate_epsilon) == (4.0, 0.1)


@pytest.mark.parametrize(
    "cell, beta, rate, layers, width, rows",
    [
        ("sdi_dlgn", 3, 0.02, 5, 20, 20_000),
        ("sdi_dlgn_sf", 30, 0.02, 4, 10, 20_000),
        ("sdii_dlgn", 10, 0.01, 4, 20, 30_000),
        ("sdii_dlgn_sf", 3, 0.02, 4, 10, 30_000),
        ("sdiii_dlgn", 10, 0.001, 3, 10, 50_000),
        ("sdiii_dlgn_sf", 3, 0.01, 3, 20, 50_000),
    ],
)
def test_cells_of_oblique_trees(
    config_of, cell, beta, rate, layers, width, rows
):
    config = config_of(f"vectors.1/{cell}")
    dataset, _, family = cell.partition("_")
    assert (config.model, config.dataset) == (f"fc_{family}", dataset)
    # Hidden layers, and the one to the output.
    assert (config.depth, config.width) == (layers + 1, width)
    assert (config.gate_beta, config.gate_epsilon) == (beta, 0)
    assert (config.optimizer, config.learning_rates) == ("adam", (rate,))
    assert (config.train_examples, config.batch_size) == (rows, rows // 10)
    assert config.train_steps == 1500 * 10
    assert (config.loss, config.initializer) == ("logistic", "pytorch")
    assert (config.biases, config.value_input) == (False, "ones")
    assert (config.normalization, config.l2) == ("none", 0)


def test_cells_of_the_stages(config_of):
    relu = config_of("npk.stages/relu")
    # Six stages of ten epochs.
    assert relu.train_steps == 6 * relu.snapshot_every == 60 * 50_000 / 32
    for stage in range(7):
        config = config_of(f"npk.stages/stage{stage}")
        assert config.train_steps == 80 * 50_000 / 32
        assert config.gate_regime == "frozen_learned"
        step = stage * relu.snapshot_every
        assert config.gates_from.endswith(f"/snapshots/step-{step:08d}.keras")


SMASO = {"svhn": "svhn_cropped", "cifar10": "cifar10", "cifar100": "cifar100"}


def check_orthogonal_cell(config, dataset, rate, penalty=0.0, by="none"):
    images, batch = 73_257 if dataset == "svhn_cropped" else 50_000, 50
    if dataset == "cifar100":
        batch = 100
    assert (config.model, config.dataset) == ("largecnn_dnn", dataset)
    assert (config.optimizer, config.learning_rates) == ("adam", (rate,))
    assert config.batch_size == batch
    assert config.train_steps == -(-120 * images // batch)
    assert (config.normalization, config.augmentation) == ("per_image", "none")
    assert (config.l2, config.balanced_batches) == (0.0, True)
    assert config.orthogonality_penalty == penalty
    assert config.orthogonal_reparametrization == by


@pytest.mark.parametrize("rate", ["1e-3", "5e-4", "1e-4"])
@pytest.mark.parametrize("dataset", SMASO)
def test_cells_of_orthogonal_filters(config_of, dataset, rate):
    for column, penalty in (("baseline", 0.0), ("penalty", 1.0)):
        config = config_of(f"smaso.2/{dataset}_lr{rate}_{column}")
        check_orthogonal_cell(config, SMASO[dataset], float(rate), penalty)
        assert (config.activation, config.batch_normalized) == ("relu", False)


@pytest.mark.parametrize("batch_normalized", [False, True])
@pytest.mark.parametrize("activation", ["relu", "swish"])
def test_cells_of_gram_schmidt(config_of, activation, batch_normalized):
    for column, by in (("baseline", "none"), ("gs", "gram_schmidt")):
        row = activation + "_bn" * batch_normalized
        if row == "relu":
            row = "lr1e-3"
        config = config_of(f"smaso.2/cifar100_{row}_{column}")
        check_orthogonal_cell(config, "cifar100", 0.001, by=by)
        assert config.activation == activation
        assert config.batch_normalized == batch_normalized


def test_an_unknown_table_is_named_with_the_nearest(root):
    with pytest.raises(UserError, match="nearest are .*dlgn.1.*: dlgn1$"):
        tables.load(root, "dlgn1")


def test_a_pattern_that_fits_no_cell_is_refused(root):
    table = tables.load(root, "dlgn.1")
    with pytest.raises(UserError, match=r"Received: mnist_\*"):
        table.select(table.scales["full"], "cifar10_dnn,mnist_*")


def test_a_damaged_table_is_refused(tmp_path):
    folder = tmp_path / "flags" / "some.1"
    folder.mkdir(parents=True)
    path = folder / "table.toml"
    head = 'title = "t"\nsource = "s"\n[scales]\n[cells]\n'
    damaged = ["title = ", 'title = "t"', "[scales]\n[cells]\n", "cells = 3"]
    damaged.append(head + 2 * '{} = {{row = "r", column = "c"}}\n')
    damaged.append(head + '{} = {{row = "r", column = "c", gates_from = "a"}}')
    for text in damaged:
        path.write_text(text.format("a", "b"))
        with pytest.raises(UserError, match="Received: .*table.toml"):
            tables.load(tmp_path, "some.1")


MADE_UP = """
title = "Made up"
source = "here"
baseline = "base"

[scales.full]
words = "w"
seeds = 4
flags = ["--a"]

[[scales.full.only]]
cells = "x_*,z"
seeds = 2
flags = ["--b"]

[cells]
x_1 = { row = "r", column = "base", mean = 1.0 }
x_2 = { row = "r", column = "c", mean = 2.0, gates_from = "y" }
y = { row = "s", column = "c" }
"""


@pytest.fixture
def made_up(tmp_path):
    folder = tmp_path / "flags" / "some.1"
    folder.mkdir(parents=True)
    (folder / "table.toml").write_text(MADE_UP)
    return tables.load(tmp_path, "some.1")


def test_a_table_is_added_by_a_folder(made_up):
    scale = made_up.scales["full"]
    x1, x2, y = made_up.cells.values()
    assert [scale.flags_of(c) for c in (x1, y)] == [["--a", "--b"], ["--a"]]
    assert [scale.seeds_of(c) for c in (x1, y)] == [2, 4]
    assert [scale.seeds_of(c, 3) for c in (x1, y)] == [2, 3]
    assert made_up.baseline_of(x2) == x1
    assert made_up.baseline_of(x1) is made_up.baseline_of(y) is None
    # What gives gates comes along.
    assert made_up.select(scale, "x_2") == [x2, y]
    assert made_up.select(scale) == [x1, x2, y]
