"""Which networks are drawn, and what becomes of what is not."""

import types

import numpy as np
import pytest

from dlgn_tf.data.images import ImageSet
from dlgn_tf.models.build import create_model
from dlgn_tf.rainbow import accuracies
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.moments import in_batches
from dlgn_tf.rainbow.trained_runs import TrainedRun

SHAPE = (6, 6, 1)


@pytest.fixture
def task(rng):
    images = rng.integers(0, 256, (60, *SHAPE)).astype("uint8")
    labels = np.arange(60, dtype="int32") % 3
    return types.SimpleNamespace(
        batches=in_batches(images, 30),
        head=ImageSet(images, labels),
        test=ImageSet(images, labels),
        seed=0,
        draws=2,
        orthogonal=False,
        memory_gib=1.0,
        layers=(),
        joint=False,
    )


def run_of(name, seed=0, **options):
    model = create_model(name, SHAPE, 3, seed=seed, **options)
    return TrainedRun("run", None, model, None)


def test_ranks():
    assert accuracies.ranks_of(25) == [1, 2, 4, 8, 16, 25]
    assert accuracies.ranks_of(320) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 320]
    assert accuracies.ranks_of(1) == [1]


GATING = ("gating/dense1", "gating/dense2")
VALUE = ("value/dense1", "value/dense2")


@pytest.mark.parametrize(
    "name,patterns,expected",
    [
        ("mlp_dnn", [], {"all": ("dense1", "dense2")}),
        ("mlp_dnn", ["dense2"], {"chosen": ("dense2",)}),
        ("mlp_dnn", ["*2", "dense1"], {"chosen": ("dense1", "dense2")}),
        (
            "mlp_dgn",
            [],
            {"gating": GATING, "value": VALUE, "both": (*GATING, *VALUE)},
        ),
        ("mlp_dgn", ["gating/*"], {"gating": GATING}),
        (
            "mlp_dgn",
            ["*/dense1"],
            {
                "gating": GATING[:1],
                "value": VALUE[:1],
                "both": (GATING[0], VALUE[0]),
            },
        ),
    ],
)
def test_layers_that_are_drawn(name, patterns, expected):
    assert accuracies.layers_of(run_of(name, width=4), patterns) == expected


def test_layers_are_looked_up_once():
    run = run_of("mlp_dgn", width=4)
    assert run.layered() is run.layered()
    assert run.layered("value") is run.layered("value")
    assert run.layered("value").labels != run.layered("gating").labels


def test_rows_of_a_run(task):
    run = run_of("mlp_dnn", width=8)
    made = []

    def step():
        made.append(1)

    trained = accuracies.trained_rows(run, task, step)
    predicted = np.asarray(run.model(task.test.images)).argmax(-1)
    assert [row["way"] for row in trained] == ["trained", "trained, new head"]
    assert trained[0]["accuracy"] == np.mean(predicted == task.test.labels)
    # Sixty images of noise: a head of four features knows some by heart.
    assert trained[1]["accuracy"] > 1 / 3
    rows = accuracies.resampling_rows([run], 0, task, step=step)
    assert len(rows) == accuracies.networks_of([run], False, task) == 12
    assert len(made) == 14
    draws = [r["accuracy"] for r in rows if r["way"] == "resampled, new head"]
    assert len(draws) == 2
    assert {row["width"] for row in trained + rows} == {8}


def test_gates_and_values_together(task):
    """Ways of both networks, beside those in which they are drawn apart."""
    run, task.joint, task.draws = run_of("mlp_dlgn", width=4), True, 1
    task.layers = ("*/dense1",)
    rows = accuracies.resampling_rows([run], 0, task)
    assert len(rows) == accuracies.networks_of([run], False, task) == 24
    drawn = {}
    for row in rows:
        drawn.setdefault(row["layers"], set()).add(row["way"])
    ways = {"resampled", "not aligned", "white"}
    joint = {"drawn jointly", "trained rows", "trained rows, jointly"}
    wanted = {"gating": ways, "value": ways, "both": ways | joint}
    assert drawn == {
        name: of | {f"{way}{accuracies.NEW_HEAD}" for way in of}
        for name, of in wanted.items()
    }


def test_clipping_leaves_the_weights(task):
    run = run_of("mlp_dnn", width=8)
    layered = run.layered()
    covariances = weight_covariances([layered], task.batches, reference=0)
    before = run.model.get_weights()
    rows = accuracies.clipping_rows(
        "run",
        layered,
        covariances,
        covariances.reference.alignments[0],
        task,
    )
    for old, new in zip(before, run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert {row["layer"] for row in rows} == {"dense1", "dense2"}
    # Of one network the two are the same.
    for rank in (1, 2, 4, 8):
        same = {
            round(row["explained"], 9)
            for row in rows
            if (row["layer"], row["rank"]) == ("dense2", rank)
            and row["basis"] in ("weights", "own weights")
        }
        assert len(same) == 1
