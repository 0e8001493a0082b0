import dataclasses
import functools
import itertools
import pathlib
import re
import shlex

import numpy as np
import pytest

from dlgn_tf import config as config_lib
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.reproduction import plan, tables

ROOT = pathlib.Path(__file__).parents[2]
TABLES = ("dlgn.1", "dlgn.2", "dlgn.3", "npk.1", "npk.stages", "smaso.2")
TABLES += ("vectors.1",)
# Of each table those that it has.
SCALES = [
    (name, scale)
    for name in TABLES
    for scale in tables.SCALES
    if scale in tables.load(ROOT, name).scales
]


def test_every_table_has_the_scales_of_all():
    for scale in set(tables.SCALES) - {"hours"}:
        assert {name for name, x in SCALES if x == scale} == set(TABLES)


@pytest.fixture(scope="module")
def npz_dir(tmp_path_factory):
    """As many labels as the data sets have; a plan looks at no images."""
    folder = tmp_path_factory.mktemp("npz")
    for name, info in catalog.DATASETS.items():
        labels = {
            "train_labels": np.zeros(info.train_examples, np.int8),
            "test_labels": np.zeros(info.test_examples, np.int8),
        }
        np.savez(folder / f"{name}.npz", **labels)
    return folder


@pytest.fixture(scope="module")
def make(npz_dir, tmp_path_factory):
    """A function that plans a table, each plan once."""
    runs = tmp_path_factory.mktemp("plan") / "runs"
    places = plan.Places(ROOT, runs, npz_dir=npz_dir)

    @functools.cache
    def make(name, scale="full", **more):
        return plan.make(tables.load(ROOT, name), scale, places, **more)

    return make


@pytest.fixture(scope="module")
def first(make):
    """A function that gives the run of seed 0 of each cell of a table."""
    return lambda name, scale="full": {
        run.cell.name: run
        for run in make(name, scale, seeds=2)
        if run.seed == 0
    }


@pytest.mark.parametrize(("name", "scale"), SCALES)
def test_every_cell_of_every_scale_passes_the_check_of_flags(make, name, scale):
    runs = make(name, scale, seeds=2)
    assert len({run.name for run in runs}) == len(runs) > 0
    assert len({run.config.run_dir for run in runs}) == len(runs)
    for run in runs:
        assert run.config.seed == run.seed
        assert run.config.run_dir.endswith(f"/runs/{run.name}")
    # The first seed of every cell comes first.
    seeds = [run.seed for run in runs]
    assert seeds == sorted(seeds)


@pytest.mark.parametrize("name", TABLES)
def test_full_is_what_the_flagfiles_say(first, name):
    table = tables.load(ROOT, name)
    assert table.scales["full"].flags == ()
    assert set(first(name)) == set(table.cells)


@pytest.mark.parametrize(
    ("name", "scale"),
    [x for x in SCALES if x[0] in ("dlgn.1", "dlgn.2", "npk.1")],
)
def test_every_arm_of_a_row_is_trained_alike(first, name, scale):
    equal = (
        "dataset train_examples width depth optimizer learning_rates "
        "boundaries batch_size train_steps eval_every augmentation l2"
    ).split()
    by_row = {}
    for run in first(name, scale).values():
        row = run.cell.row.removesuffix(", permuted")
        settings = tuple(getattr(run.config, field) for field in equal)
        by_row.setdefault(row, set()).add(settings)
    assert {len(settings) for settings in by_row.values()} == {1}


def test_commands_give_the_same_training(make, monkeypatch):
    """But for where things lie."""
    monkeypatch.chdir(ROOT)
    for run in make("dlgn.1", "minutes", seeds=2):
        words = shlex.split(run.command)
        assert words[:3] == ["python", "-m", "dlgn_tf.train"]
        places = ("run_dir", "npz")
        found = config_lib.from_flags(*words[3:])
        for field in vars(found):
            if field not in places:
                assert getattr(found, field) == getattr(run.config, field)
        assert found.run_dir == f"runs/dlgn.1-minutes/{run.name}"


def test_commands_of_dependent_runs_meet(make):
    """Gates are taken from where the printed command of their run puts them."""

    def flag(run, name):
        (value,) = (
            word.partition("=")[2]
            for word in shlex.split(run.command)
            if word.startswith(f"--{name}=")
        )
        return value

    runs = {run.name: run for run in make("npk.1", "smoke", seeds=2)}
    places = [flag(run, "run_dir") for run in runs.values()]
    assert len(set(places)) == len(places)
    for run in runs.values():
        if run.gates_run:
            source = runs[run.gates_run]
            assert flag(run, "gates_from") == flag(source, "run_dir")


@pytest.mark.parametrize("name", TABLES)
def test_flagfiles_alone_do_not_collide(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    for cell in tables.load(ROOT, name).cells:
        config = config_lib.read_flags(f"flags/{name}/{cell}.flags")
        assert config.run_dir == f"runs/{name}/{cell}"


def test_permutations_are_all_but_the_identity_in_a_fixed_order(make):
    config = make("dlgn.1", patterns="cifar10_dgn_x1_permuted")[0].config
    found = plan.shuffled_orders(config)
    every = {",".join(map(str, p)) for p in itertools.permutations(range(4))}
    assert set(found) == every - {"0,1,2,3"}
    assert len(found) == 23
    assert found == plan.shuffled_orders(config) != sorted(found)
    assert found[:3] == ["2,3,0,1", "0,3,1,2", "2,0,3,1"]


def test_seed_k_takes_the_kth_permutation(make):
    runs = make("dlgn.1", "minutes", seeds=25, patterns="cifar10_d*_x1*")
    every = plan.shuffled_orders(runs[0].config)
    permuted = [run for run in runs if run.cell.name.endswith("_permuted")]
    assert len(permuted) == 50
    for run in runs:
        if run in permuted:
            assert run.permutation == every[run.seed % 23]
            order = tuple(map(int, run.permutation.split(",")))
            assert run.config.gate_permutation == order
        else:
            assert run.permutation is run.config.gate_permutation is None


@pytest.mark.parametrize(("seeds", "count"), [(None, 23), (3, 3), (25, 23)])
def test_full_takes_every_permutation_once(make, seeds, count):
    """As published: one run each."""
    by_cell = {}
    for run in make("dlgn.1", seeds=seeds):
        by_cell.setdefault(run.cell.name, []).append(run.permutation)
    for cell, orders in by_cell.items():
        if cell.endswith("_permuted"):
            assert len(orders) == len(set(orders)) == count
        else:
            assert orders == [None] * (seeds or 5)
    assert len(by_cell) == 18


def test_a_shallower_network_has_fewer_permutations(npz_dir, tmp_path):
    table = tables.load(ROOT, "dlgn.1")
    scale = tables.Scale(seeds=5, flags=("--depth=3",))
    table = dataclasses.replace(table, scales={"minutes": scale})
    places = plan.Places(ROOT, tmp_path, npz_dir=npz_dir)
    runs = plan.make(table, "minutes", places, patterns="*dgn_xx_permuted")
    expected = {
        ",".join(p) for p in itertools.permutations("012") if p != tuple("012")
    }
    assert {run.permutation for run in runs} == expected


@pytest.mark.parametrize("scale", ["full", "smoke"])
def test_no_two_ensembles_share_initial_weights(make, scale):
    """Member i starts from weights_seed + i."""
    started = {}
    for run in make("dlgn.3", scale, patterns="*_ens_*", seeds=3):
        config = run.config
        for member in range(config.members):
            start = run.cell.name, config.weights_seed + member
            assert started.setdefault(start, run.seed) == run.seed
    # Of full there is one ensemble a cell.
    assert len(started) == 4 * 16 * (1 if scale == "full" else 3)


@pytest.mark.parametrize("name", TABLES)
def test_fewer_evaluations_are_told(first, name):
    """Best is chosen among them."""

    def evaluations(scale):
        return {
            cell: -(-run.config.train_steps // run.config.eval_every)
            for cell, run in first(name, scale).items()
        }

    published = evaluations("full")
    scales = tables.load(ROOT, name).scales
    for scale in scales.keys() - {"full", "smoke"}:
        found = evaluations(scale)
        words = scales[scale].words
        if any(found[cell] < published[cell] for cell in found):
            assert "evaluations" in words
        if scale == "accelerator":
            numbers = set(re.findall(r"\d+", words))
            for cell, number in found.items():
                assert {str(number), str(published[cell])} <= numbers


@pytest.mark.parametrize("scale", ["full", "accelerator", "minutes"])
def test_claim_21_compares_equal_budgets(first, scale):
    runs = first("dlgn.3", scale)
    data_sets = ("cifar10", "cifar100") if scale == "full" else ("cifar10",)
    pairs = [f"{data}_vgg16_dlgn" for data in data_sets]
    flags = (
        "train_steps train_examples width batch_size learning_rates "
        "boundaries eval_every value_input l2"
    )
    for pair in ("cifar10_c4gap_dlgn", *pairs):
        one, other = (runs[f"{pair}_{end}"].config for end in ("x1", "sf"))
        for flag in flags.split():
            assert getattr(one, flag) == getattr(other, flag)


def test_gates_come_from_the_run_of_the_same_seed(make):
    runs = {run.name: run for run in make("npk.1", "minutes")}
    learned = [run for run in runs.values() if run.cell.gates_from]
    assert len(learned) == 6 * 3
    for run in learned:
        source = runs[run.gates_run]
        assert source.seed == run.seed
        assert run.config.gates_from == source.config.run_dir
        assert source.config.model == run.config.model.replace("dgn", "dnn")
        # It is handed out first.
        assert list(runs).index(source.name) < list(runs).index(run.name)


@pytest.mark.parametrize(
    "scale", [scale for name, scale in SCALES if name == "npk.stages"]
)
def test_stages_take_snapshots_that_there_will_be(make, scale):
    runs = {run.name: run for run in make("npk.stages", scale, seeds=2)}
    for run in runs.values():
        if run.cell.stage is None:
            continue
        relu = runs[run.gates_run].config
        step = run.cell.stage * relu.snapshot_every
        assert 6 * relu.snapshot_every == relu.train_steps
        assert run.config.gates_from == (
            f"{relu.run_dir}/snapshots/step-{step:08d}.keras"
        )


def test_an_unknown_scale_is_refused(make):
    with pytest.raises(UserError, match="--scale.*Received: hours"):
        make("dlgn.3", "hours")


def test_a_table_is_of_accuracies(tmp_path):
    table = tables.load(ROOT, "npk.1")
    numbers = ("--dataset=sklearn:diabetes", "--regression")
    scale = tables.Scale(seeds=1, cells="fc_adam_relu", flags=numbers)
    table = dataclasses.replace(table, scales={"minutes": scale})
    with pytest.raises(UserError, match="tells classes.*fc_adam_relu.flags"):
        plan.make(table, "minutes", plan.Places(ROOT, tmp_path))


def test_missing_images_are_told(tmp_path):
    table = tables.load(ROOT, "dlgn.1")
    with pytest.raises(UserError, match="cifar10.npz.*--npz_dir"):
        places = plan.Places(ROOT, "runs", npz_dir=tmp_path)
        plan.make(table, "minutes", places)
    with pytest.raises(UserError, match="--data_dir=DIR"):
        places = plan.Places(ROOT, "runs", data_dir=tmp_path)
        plan.make(table, "minutes", places)
    # Digits come with scikit-learn.
    assert plan.make(table, "smoke", places)
