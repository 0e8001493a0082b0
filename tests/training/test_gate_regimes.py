"""Gate regimes and warm starts in runs, on digits."""

import functools
import shutil
import types

import keras
import numpy as np
import pytest

from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.training import configured

C4GAP = ("--model=c4gap_{}", "--width=4", "--depth=2")
# With batch normalisation, whose statistics must not move either.
RESNET = ("--model=resnet20_{}", "--width=2", "--depth=8")
SHORT = (
    "--dataset=digits",
    "--batch_size=32",
    "--optimizer=sgd",
    "--learning_rates=0.1",
    "--l2=0.001",
    "--train_steps=3",
    "--eval_every=2",
)


def bits(network):
    return [w.tobytes() for w in network.get_weights()]


@pytest.fixture(scope="module")
def three_steps(resolve, train, load_model):
    """Trains three steps; returns start, end and what was printed."""

    def run(path, model, family, *flags):
        words = [word.format(family) for word in (*model, *SHORT)]
        config = resolve(*words, f"--run_dir={path}", *flags)
        trained = train(config)
        return types.SimpleNamespace(
            path=path,
            printed=trained.printed,
            start=configured.create_configured_model(config),
            end=load_model(path),
        )

    return run


@pytest.fixture(scope="module")
def source(three_steps, tmp_path_factory):
    """A function of model and family: a run of them, made once."""

    @functools.cache
    def of(model, family):
        path = tmp_path_factory.mktemp("source") / family
        return three_steps(path, model, family)

    return of


@pytest.fixture
def run(three_steps, tmp_path):
    """As `three_steps`, of a name in this test's folder."""
    return lambda name, *given: three_steps(tmp_path / name, *given)


@pytest.mark.parametrize("model", [C4GAP, RESNET], ids=["c4gap", "resnet"])
def test_frozen_learned_gates(model, run, source):
    """Gates are 1{q > 0} of the trained network, before and after."""
    relu = source(model, "dnn")
    assert bits(relu.end) != bits(relu.start)
    gated = run(
        "gated",
        model,
        "dgn",
        "--gate_regime=frozen_learned",
        f"--gates_from={relu.path}",
        "--seed=5",
    )
    best = keras.models.load_model(relu.path / "best.keras")
    for layer in gated.end.gating_network.layers:
        if layer.weights:
            assert bits(layer) == bits(best.network.get_layer(layer.name))
    assert gated.end.gate.kind == "hard"
    _, test = sources.load("digits")
    q = best.preactivations(test.images[:50])
    for site, gate in gated.end.gates(test.images[:50]).items():
        np.testing.assert_array_equal(gate, np.asarray(q[site]) > 0)
    # The values are new and were trained.
    for network in (gated.start.value_network, best.network):
        assert bits(gated.end.value_network) != bits(network)


@pytest.mark.parametrize(
    ("model", "gate"),
    [(C4GAP, "hard"), (RESNET, "soft")],
    ids=["c4gap hard", "resnet soft"],
)
@pytest.mark.parametrize("regime", ["frozen_random", "frozen_dependent"])
def test_frozen_initial_gates(regime, gate, model, run):
    """Bit-identical after training, moving statistics included."""
    gated = run(
        "run", model, "dgn", f"--gate_regime={regime}", f"--gate={gate}"
    )
    gating = gated.start.gating_network
    assert bits(gated.end.gating_network) == bits(gating)
    assert bits(gated.end.value_network) != bits(gated.start.value_network)
    same = [
        bits(layer) == bits(gated.start.value_network.get_layer(layer.name))
        for layer in gating.layers
        if any(w.name == "kernel" for w in layer.weights)
    ]
    assert same
    assert all(same) if regime == "frozen_dependent" else not any(same)


def test_joint_gates_move(run):
    gated = run("run", C4GAP, "dgn", "--gate_regime=joint")
    for layer in gated.end.gating_network.layers:
        if layer.weights:
            start = gated.start.gating_network.get_layer(layer.name)
            assert bits(layer) != bits(start), layer.name


@pytest.mark.parametrize("family", ["dlgn", "dlgn_sf"])
def test_frozen_learned_gates_of_a_gated_network(family, run, source):
    learned = source(C4GAP, family)
    gated = run(
        "gated",
        C4GAP,
        family,
        "--gate_regime=frozen_learned",
        f"--gates_from={learned.path}/model.keras",
    )
    gating = learned.end.gating_network
    assert bits(gated.end.gating_network) == bits(gating)
    assert bits(gating) != bits(learned.start.gating_network)


@pytest.mark.parametrize(
    ("model", "family"), [(RESNET, "dnn"), (C4GAP, "dlgn")], ids=["dnn", "dlgn"]
)
def test_warm_start(model, family, run, source):
    """At a learning rate that moves nothing, a run is where it began."""
    warm = source(model, family)
    still = run(
        "still",
        model,
        family,
        f"--init_from={warm.path}/model.keras",
        "--learning_rates=1e-30",
        "--momentum=0",
        "--train_steps=1",
    )
    trainable = [
        [v.numpy().tobytes() for v in model.trainable_variables]
        for model in (still.end, warm.end, warm.start)
    ]
    assert trainable[0] == trainable[1] != trainable[2]


@pytest.mark.parametrize(
    ("flag", "changed"),
    [("gates_from", False), ("gates_from", True), ("init_from", False)],
)
def test_continuation_needs_no_source(flag, changed, run, source, tmp_path):
    """What it began with is restored, even if the source is another now."""
    copied = shutil.copytree(source(C4GAP, "dgn").path, tmp_path / "source")
    flags = [f"--{flag}={copied}"]
    if flag == "gates_from":
        flags.append("--gate_regime=frozen_learned")
    first = run("run", C4GAP, "dgn", *flags)
    shutil.rmtree(copied)
    if changed:
        run("source", C4GAP, "dgn", "--seed=9")
    second = run("run", C4GAP, "dgn", *flags, "--train_steps=5")
    assert "continuing at step 3" in second.printed
    same = bits(second.end.gating_network) == bits(first.end.gating_network)
    assert same == (flag == "gates_from")
    assert bits(second.end.value_network) != bits(first.end.value_network)


def test_flag_is_named_where_the_source_does_not_fit(run, source, tmp_path):
    with pytest.raises(UserError, match="--gates_from=.*c4gap_dgn.*dlgn"):
        run(
            "run",
            C4GAP,
            "dgn",
            "--gate_regime=frozen_learned",
            f"--gates_from={source(C4GAP, 'dlgn').path}",
        )
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_weights_seed(resolve):
    def initial(*flags):
        words = [word.format("dgn") for word in (*C4GAP, *SHORT)]
        return bits(configured.create_configured_model(resolve(*words, *flags)))

    assert initial("--seed=1") == initial("--seed=2", "--weights_seed=1")
    assert initial("--seed=1") != initial("--seed=1", "--weights_seed=2")
    assert initial("--seed=1") != initial("--seed=2")


def test_two_replicas_freeze_alike(two_replicas, run, source):
    relu = source(C4GAP, "dnn")
    gated = run(
        "gated",
        C4GAP,
        "dgn",
        "--gate_regime=frozen_learned",
        f"--gates_from={relu.path}/model.keras",
        "--strategy=mirrored",
    )
    assert "2 replicas" in gated.printed
    for layer in gated.end.gating_network.layers:
        if layer.weights:
            assert bits(layer) == bits(relu.end.network.get_layer(layer.name))
