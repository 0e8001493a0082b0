"""The claims on tables hold on what was published, and on nothing else."""

import pathlib

import pytest

from dlgn_tf.claims import registry
from dlgn_tf.claims import runner
from dlgn_tf.claims.tables import orders  # noqa: F401
from dlgn_tf.reproduction import results
from dlgn_tf.reproduction import tables

ROOT = pathlib.Path(__file__).parents[2]
# (0.1, -0.1, 0): the mean is that of the table.
SPREAD = (0.1, -0.1, 0.0)


@pytest.fixture
def measure(tmp_path):
    """A function that measures a claim on the published figures.

    Args:
        claim_id: String.
        changes: Dict from (table, cell) to another mean, None to leave it out.
        scale: At which they are said to have been measured.
        spread: What is added in each run.
    """

    def measure(claim_id, changes=None, scale="full", spread=SPREAD):
        for name in tables.names(ROOT):
            cells = tables.load(ROOT, name).cells.values()
            means = {cell.name: cell.mean for cell in cells}
            for (table, cell), mean in (changes or {}).items():
                if table == name:
                    assert cell in means
                    means[cell] = mean
            found = [
                # The last accuracy is not what was published.
                results.Result(
                    cell, seed, "", mean + add, 1.0, 2, 360, 10, 1.0, "do"
                )
                for cell, mean in means.items()
                if mean is not None
                for seed, add in enumerate(spread)
            ]
            folder = tmp_path / f"{name}-{scale}"
            folder.mkdir(exist_ok=True)
            (folder / "results.csv").write_text(results.to_csv(found))
        (claim,) = registry.select(only=[claim_id], scale="accelerator")
        return runner.measure(claim, results_dir=tmp_path).measurement

    return measure


# Each with a change that breaks it.
BREAKING = {
    "dlgn.15": [
        {("npk.1", "fc_sgd_flnpf"): 95.8},
        {("npk.1", "fc_adam_flnpf"): 98.2},
        {("npk.1", "fc_adam_frnpf_di"): 97.9},
        # Only at scale full.
        {("npk.1", "fc_sgd_frnpf_di"): 96.2},
        {("npk.1", "fc_sgd_frnpf_ii"): 96.15, ("npk.1", "fc_sgd_frnpf_di"): 96},
    ],
    "dlgn.17": [
        {("npk.1", "fc_sgd_dnpfl"): 95.8},
        # Above, but by less than twice the standard error, 0.0816.
        {("npk.1", "vconv_sgd_dnpfl"): 59.07},
    ],
    "dlgn.18": [
        {("npk.1", "gconv_adam_flnpf"): 67.0},
        {("npk.1", "gconv_adam_relu"): 79.0},
        {("npk.stages", "stage2"): 72.2},
        {("npk.stages", "stage3"): 77.5},
    ],
    "dlgn.19": [
        {("dlgn.1", "cifar10_dgn_x1"): 78.5},
        {("dlgn.1", "cifar100_dlgn_xx"): 46.9},
        {("dlgn.1", "cifar10_dlgn_x1_permuted"): 74.3},
    ],
    "dlgn.20": [
        {("dlgn.2", "cifar100_vgg16_dnn"): 74.0},
        {("dlgn.2", "cifar10_resnet110_dgn_xx"): 90.4},
        {("dlgn.2", "cifar10_resnet110_dlgn_x1"): 89.0},
    ],
    "dlgn.21": [
        {("dlgn.3", "cifar10_c4gap_dlgn_sf"): 74.3},
        {("dlgn.3", "cifar100_c1gap_ens_2000"): 47.4},
        {("dlgn.3", "cifar10_vgg16_dlgn_sf"): 75.0},
        {("dlgn.2", "cifar100_vgg16_dlgn_x1"): 56.2},
    ],
}


@pytest.mark.parametrize("claim_id", BREAKING)
def test_the_published_tables_bear_it_out(measure, claim_id):
    found = measure(claim_id)
    assert found.holds is True, found.measured
    assert "at scale full (n >= 3)" in found.measured


@pytest.mark.parametrize(
    ("claim_id", "changes"),
    [
        pytest.param(claim_id, changes, id=f"{claim_id}-{number}")
        for claim_id, several in BREAKING.items()
        for number, changes in enumerate(several)
    ],
)
def test_other_figures_do_not(measure, claim_id, changes):
    found = measure(claim_id, changes)
    assert found.holds is False
    assert "fails" in found.measured


def test_a_margin_counts_in_standard_errors(measure):
    # sqrt(0.01 / 3 + 0.01 / 3) = 0.0816.
    above = {("npk.1", "vconv_sgd_dnpfl"): 58.92 + 0.17}
    assert measure("dlgn.17", above).holds is True
    # Three times the spread, three times the error.
    wide = tuple(3 * add for add in SPREAD)
    assert measure("dlgn.17", above, spread=wide).holds is False


def test_full_settings_are_asked_for_at_full_alone(measure):
    changes = {("npk.1", "fc_sgd_frnpf_di"): 96.2}
    assert measure("dlgn.15", changes, scale="minutes").holds is True


@pytest.mark.parametrize("claim_id", ["dlgn.18", "dlgn.20", "dlgn.21"])
def test_small_scales_do_not_decide_what_needs_a_gpu(measure, claim_id):
    found = measure(claim_id, scale="minutes")
    assert found.holds is None
    assert "tools/reproduce.py --table=" in found.measured


@pytest.mark.parametrize("claim_id", BREAKING)
def test_smoke_decides_nothing(measure, claim_id):
    assert measure(claim_id, scale="smoke").holds is None


def test_too_few_runs_decide_nothing(measure):
    found = measure("dlgn.15", spread=(0.0, 0.1))
    assert found.holds is None
    assert "2 runs; 3 are needed" in found.measured


def test_missing_cells_decide_nothing_unless_another_fails(measure):
    missing = {("dlgn.2", "cifar10_vgg16_dlgn_x1"): None}
    found = measure("dlgn.20", missing)
    assert found.holds is None
    assert "cifar10_vgg16 DLGN x1, DNN missing" in found.measured
    worse = {**missing, ("dlgn.2", "cifar10_resnet110_dgn_xx"): 90.4}
    assert measure("dlgn.20", worse).holds is False


def test_one_data_set_is_enough(measure):
    cells = tables.load(ROOT, "dlgn.1").cells
    without = {
        ("dlgn.1", name): None for name in cells if name.startswith("cifar100")
    }
    found = measure("dlgn.19", without)
    assert found.holds is True
    assert "cifar100" not in found.measured


def test_damaged_results_are_no_result(tmp_path):
    folder = tmp_path / "dlgn.1-full"
    folder.mkdir()
    (folder / "results.csv").write_text("cell,seed\nx,0\n")
    (claim,) = registry.select(only=["dlgn.19"], scale="minutes")
    found = runner.measure(claim, results_dir=tmp_path).measurement
    # Nothing was measured: what was is lost.
    assert found.holds is None
    assert "results.csv" in found.measured


def published(name, patterns="*"):
    """Dict from cell to published mean."""
    cells = tables.load(ROOT, name).cells.values()
    return {
        cell.name: cell.mean
        for cell in cells
        if cell.mean is not None and tables.matches(cell.name, patterns)
    }


@pytest.fixture
def write(tmp_path):
    """A function that writes results of a table at a scale."""

    def write(name, scale, means, seeds=3, steps=10):
        found = [
            results.Result(
                cell, seed, "", mean + add, 1.0, 2, 360, steps, 1.0, "do"
            )
            for cell, mean in means.items()
            for seed, add in zip(range(seeds), SPREAD, strict=False)
        ]
        folder = tmp_path / f"{name}-{scale}"
        folder.mkdir(exist_ok=True)
        (folder / "results.csv").write_text(results.to_csv(found))

    return write


def judge(claim_id, folder):
    (claim,) = registry.select(only=[claim_id], scale="accelerator")
    return runner.measure(claim, results_dir=folder).measurement


@pytest.mark.parametrize(
    ("claim_id", "name", "partial", "seeds"),
    [
        # One row, one seed: what scale accelerator makes.
        ("dlgn.15", "npk.1", "gconv_adam_*", 1),
        ("dlgn.17", "npk.1", "gconv_adam_*", 1),
        # All cells, but too few runs.
        ("dlgn.15", "npk.1", "*", 2),
        # None of the claim's own cells, then some.
        ("dlgn.19", "dlgn.1", "cifar10_dnn", 3),
        ("dlgn.19", "dlgn.1", "cifar10_dgn_*", 3),
        # A whole data set and a part of another.
        ("dlgn.19", "dlgn.1", "cifar10_*,cifar100_dgn_xx", 3),
    ],
)
def test_a_part_of_a_higher_scale_hides_no_complete_one(
    write, tmp_path, claim_id, name, partial, seeds
):
    wrong = dict.fromkeys(published(name, partial), 1.0)
    write(name, "full", wrong, seeds)
    write(name, "accelerator", wrong, seeds)
    write(name, "minutes", published(name))
    found = judge(claim_id, tmp_path)
    assert found.holds is True, found.measured
    assert f"{name} at scale minutes (n >= 3)" in found.measured


def test_cells_of_no_claim_need_no_runs(write, tmp_path):
    """At full the claim's cells are there; another of them has one run."""
    write("npk.1", "full", published("npk.1", "fc_*"))
    path = tmp_path / "npk.1-full" / "results.csv"
    lines = path.read_text().splitlines(keepends=True)
    kept = [x for x in lines if not x.startswith("fc_sgd_dnpfl,")]
    path.write_text("".join(kept) + next(x for x in lines if x not in kept))
    write("npk.1", "minutes", dict.fromkeys(published("npk.1"), 1.0))
    found = judge("dlgn.15", tmp_path)
    assert found.holds is True, found.measured
    assert "at scale full (n >= 3)" in found.measured


def test_the_highest_complete_scale_counts(write, tmp_path):
    write("dlgn.1", "accelerator", published("dlgn.1", "cifar10_*"), seeds=1)
    write("dlgn.1", "minutes", dict.fromkeys(published("dlgn.1"), 1.0))
    found = judge("dlgn.19", tmp_path)
    assert found.holds is True
    assert "at scale accelerator (n >= 1)" in found.measured


def test_unequal_budgets_are_not_compared(write, tmp_path):
    for name, steps in (("dlgn.1", 10), ("dlgn.2", 8_000), ("dlgn.3", 10)):
        write(name, "accelerator", published(name), 1, steps)
    found = judge("dlgn.21", tmp_path)
    assert found.holds is None
    assert "VGG-16-DLGN trained for 10 and 8,000 steps" in found.measured
    write("dlgn.2", "accelerator", published("dlgn.2"), 1, 10)
    assert judge("dlgn.21", tmp_path).holds is True


def test_a_cell_for_another_claim_begins_no_network(write, tmp_path):
    """Scale accelerator trains one VGG-16, for claim 21."""
    write(
        "dlgn.2",
        "accelerator",
        published("dlgn.2", "cifar10_resnet110_*,cifar10_vgg16_dlgn_x1"),
        1,
    )
    assert judge("dlgn.20", tmp_path).holds is True
