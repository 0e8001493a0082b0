"""Every cell trains: two steps of a small network on random images."""

import dataclasses
import math
import pathlib

import pytest

from dlgn_tf.output import origin
from dlgn_tf.reproduction import plan, results, tables, worker

ROOT = pathlib.Path(__file__).parents[2]

# Small, and different enough to be seen: what is left out stays published.
SMALL = {
    "batch_size": 4,
    "train_steps": 2,
    "train_examples": 16,
    "eval_every": 2,
    "log_every": 2,
}
SMALL_DEPTH = {"resnet110": 8, "vgg16": 11}
# Those of which another differs in the data set, the optimiser or what the
# values see alone, or that differ from two others in what these differ in.
SLOW = """
    cifar100_* svhn_* *_lr[15]e-4_* *_sgd_* vconv_* stage[0-5] *_2000
    *_xx_permuted *_vgg16_dgn_* *_vgg16_dlgn_xx cifar10_dgn_x1* cifar10_dlgn_xx
    *_resnet110_dgn_x1 *_resnet110_dlgn_xx *_resnet110_dgn_xx
    cifar10_c4gap_dlgn_x1 cifar10_vgg16_dlgn_x1 *_c1gap_200 gating
    gconv_*_frnpf_* fc_*_frnpf_di *_baseline both plain sdi_dlgn_sf sdii*
""".split()
# A quarter of what is drawn; of all else there are eight images here.
TEST_POINTS = {"sdi": 10_000, "sdii": 15_000, "sdiii": 25_000}


def small(config):
    """The same training, shortened and narrow."""
    architecture = config.model.partition("_")[0]
    changes = dict(SMALL, width=4)
    if config.head_width:
        changes["head_width"] = 8
    if architecture in SMALL_DEPTH:
        changes["depth"] = SMALL_DEPTH[architecture]
    if config.snapshot_every:
        changes["snapshot_every"] = 1
    if config.gates_from:
        # Of six stages there are two here.
        name = config.gates_from
        for stage in range(7):
            step = f"step-{15_625 * stage:08d}"
            name = name.replace(step, f"step-{min(stage, 2):08d}")
        changes["gates_from"] = name
    return dataclasses.replace(config, **changes)


def cells():
    for name in tables.names(ROOT):
        for cell in tables.load(ROOT, name).cells.values():
            slow = any(tables.matches(cell.name, p) for p in SLOW)
            marks = [pytest.mark.slow] if slow else []
            yield pytest.param(
                name, cell.name, id=f"{name}-{cell.name}", marks=marks
            )


@pytest.fixture(scope="module")
def trained(npz_dir, tmp_path_factory):
    """A function that trains a cell once, and before it what gives gates."""
    folder = tmp_path_factory.mktemp("runs")
    found = {}

    def train(name, cell):
        if (name, cell) in found:
            return found[name, cell]
        places = plan.Places(ROOT, folder / name, npz_dir=npz_dir)
        table = tables.load(ROOT, name)
        runs = plan.make(table, "full", places, seeds=1, patterns=cell)
        for run in runs:
            if (name, run.cell.name) not in found:
                config = small(run.config)
                small_run = dataclasses.replace(run, config=config)
                outcome = worker.train(config)
                found[name, run.cell.name] = small_run, outcome
        return found[name, cell]

    return train


@pytest.mark.parametrize(("table", "cell"), cells())
def test_two_steps(trained, table, cell):
    run, outcome = trained(table, cell)
    assert outcome == (worker.FINISHED, "")
    result = results.of_run(run)
    assert (result.steps, result.evaluations) == (2, 1)
    count = TEST_POINTS.get(run.config.dataset, 8)
    assert result.test_images == count
    # A share of so many images.
    right = round(result.last_accuracy * count / 100)
    assert result.last_accuracy == pytest.approx(100 * right / count)
    assert result.best_accuracy == result.last_accuracy
    assert 0 < result.seconds < math.inf
    assert result.origin == origin.here()
