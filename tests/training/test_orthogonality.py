"""Training with the orthogonality penalty, or with orthogonal filters."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from dlgn_tf import config as config_lib
from dlgn_tf.errors import UserError
from dlgn_tf.training import configured, orthogonality, runs
from dlgn_tf.training.steps import TrainingSteps

SMALL = (
    "--model=c4gap_dlgn",
    "--dataset=digits",
    "--depth=2",
    "--width=6",
    "--train_examples=64",
    "--batch_size=16",
    "--seed=5",
)
GRAM_SCHMIDT = "--orthogonal_reparametrization=gram_schmidt"


def resolve(*arguments):
    return config_lib.from_flags(*SMALL, *arguments)


def by_pairs(kernels):
    total = 0.0
    for kernel in kernels:
        w = np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1])
        g = w.T @ w
        total += (g**2).sum() - (np.diag(g) ** 2).sum()
    return total


def kernels_of(network):
    return [w for w in network.trainable_weights if w.name == "kernel"]


@pytest.mark.parametrize("networks", ["both", "gating", "value"])
def test_the_term_is_that_of_the_chosen_networks(networks):
    config = resolve(
        "--orthogonality_penalty=0.3", f"--orthogonal_networks={networks}"
    )
    model = configured.create_configured_model(config)
    chosen = []
    if networks != "value":
        chosen += kernels_of(model.gating_network)
    if networks != "gating":
        chosen += kernels_of(model.value_network)
    term = orthogonality.PenaltyTerm(model, config)
    found = term([v.value for v in model.trainable_variables])
    assert float(found) == pytest.approx(0.3 * by_pairs(chosen), rel=1e-5)


def test_frozen_kernels_cost_nothing():
    config = resolve("--orthogonality_penalty=2", "--gate_regime=frozen_random")
    model = configured.create_configured_model(config)
    term = orthogonality.PenaltyTerm(model, config)
    found = term([v.value for v in model.trainable_variables])
    expected = by_pairs(kernels_of(model.value_network))
    assert float(found) == pytest.approx(2 * expected, rel=1e-5)
    logged = orthogonality.measured(model, config)
    assert logged["penalty_sum"] == pytest.approx(expected, rel=1e-5)
    assert "largest_cosine/gating/conv1" in logged


def steps_of(config, strategy=None, xla=False):
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        model = configured.create_configured_model(config)
        term = orthogonality.PenaltyTerm(model, config)
        train = TrainingSteps(
            model, keras.optimizers.SGD(0.05), strategy, 16, 1e-3, xla, term
        )
    return model, train


def batches(rng, strategy=None):
    images = rng.integers(0, 17, (16, 8, 8, 1)).astype("uint8")
    labels = rng.integers(0, 10, 16).astype("int32")
    data = tf.data.Dataset.from_tensor_slices((images, labels)).repeat()
    data = data.batch(16)
    if strategy:
        data = strategy.experimental_distribute_dataset(data)
    return iter(data), images, labels


@pytest.mark.parametrize(
    "arguments", [("--orthogonality_penalty=1",), (GRAM_SCHMIDT,)]
)
def test_a_step_follows_the_gradient_of_the_whole_loss(rng, arguments):
    """By finite differences in a random direction; terms counted apart."""
    config = resolve(*arguments)
    model, train = steps_of(config)
    iterator, images, labels = batches(rng)
    variables = model.trainable_variables
    before = [v.numpy() for v in variables]

    def parts():
        logits = model(images, training=True)
        cross_entropy = keras.losses.sparse_categorical_crossentropy(
            labels, logits, from_logits=True
        )
        kernels = [v for v in variables if v.name == "kernel"]
        l2 = 1e-3 * sum(float(tf.reduce_sum(k.value**2)) for k in kernels)
        penalty = config.orthogonality_penalty * by_pairs(kernels)
        return float(tf.reduce_mean(cross_entropy)), l2, penalty

    expected = parts()
    totals = train(iterator, 1)
    assert totals.mean_classification_loss == pytest.approx(
        expected[0], rel=1e-5
    )
    assert totals.mean_regularization_loss == pytest.approx(
        expected[1], rel=1e-5
    )
    assert totals.mean_orthogonality_loss == pytest.approx(
        expected[2], rel=1e-4, abs=1e-12
    )
    gradients = [
        (b - v.numpy()) / 0.05 for b, v in zip(before, variables, strict=True)
    ]
    directions = [rng.normal(size=b.shape) for b in before]
    ends = []
    for step in (1e-3, -1e-3):
        for variable, b, d in zip(variables, before, directions, strict=True):
            variable.assign(b + step * d)
        ends.append(sum(parts()))
    slope = sum(
        np.sum(g * d) for g, d in zip(gradients, directions, strict=True)
    )
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-3, rel=2e-2)


@pytest.mark.parametrize(
    "arguments", [("--orthogonality_penalty=1",), (GRAM_SCHMIDT,)]
)
def test_two_replicas_agree_with_one(rng, two_replicas, arguments):
    config = resolve(*arguments)
    alone, train_alone = steps_of(config)
    state = rng.bit_generator.state
    totals = train_alone(batches(rng)[0], 3)
    rng.bit_generator.state = state
    together, train_together = steps_of(config, two_replicas)
    found = train_together(batches(rng, two_replicas)[0], 3)
    assert found.mean_orthogonality_loss == pytest.approx(
        totals.mean_orthogonality_loss, rel=1e-5
    )
    for actual, wanted in zip(together.weights, alone.weights, strict=True):
        np.testing.assert_allclose(
            actual.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-6
        )


def scalars(path):
    events = event_accumulator.EventAccumulator(str(path))
    events.Reload()
    return {
        tag: [point.tensor_proto.float_val for point in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def test_a_run_with_the_penalty(tmp_path, capsys, train_run):
    train_run(
        tmp_path,
        "c4gap_dlgn",
        *SMALL[2:],
        "--orthogonality_penalty=1",
        "--train_steps=4",
        "--log_every=4",
    )
    printed = capsys.readouterr().out
    assert printed.count("more filters than inputs") == 1
    assert "value/logits (10 of 6 inputs)" in printed
    assert "conv1 (" not in printed
    trained = scalars(tmp_path / "train")
    assert "train/orthogonality_loss" in trained
    tested = scalars(tmp_path / "test")
    for name in ("gating/conv1", "value/conv2", "value/logits"):
        assert f"orthogonality/largest_cosine/{name}" in tested
    for reduction in ("sum", "mean_entries"):
        assert f"orthogonality/penalty_{reduction}" in tested


def test_the_penalty_makes_filters_more_orthogonal():
    found = {}
    for name, arguments in (
        ("plain", ()),
        ("penalty", ("--orthogonality_penalty=1",)),
        ("exact", (GRAM_SCHMIDT,)),
    ):
        config = resolve(*arguments)
        model, train = steps_of(config)
        train(batches(np.random.default_rng(0))[0], 40)
        values = orthogonality.measured(
            model, dataclasses.replace(config, orthogonal_networks="both")
        )
        found[name] = values["largest_cosine/value/conv2"]
    assert found["plain"] > found["penalty"] > found["exact"]
    assert found["exact"] <= 1e-6


@pytest.mark.slow
def test_a_run_with_orthogonal_filters_goes_on(tmp_path, train_run):
    arguments = (*SMALL[2:], GRAM_SCHMIDT, "--orthogonal_scale=gain")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_run(whole, "c4gap_dlgn", *arguments, "--train_steps=6")
    train_run(parts, "c4gap_dlgn", *arguments, "--train_steps=3")
    train_run(parts, "c4gap_dlgn", *arguments, "--train_steps=6")
    models = [runs.load_run(path)[0] for path in (whole, parts)]
    pairs = zip(*(model.weights for model in models), strict=True)
    for first, second in pairs:
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-7)
    lines = (whole / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 6
    with pytest.raises(UserError, match="orthogonal_scale"):
        train_run(
            parts,
            "c4gap_dlgn",
            *arguments[:-1],
            "--orthogonal_scale=unit",
            "--train_steps=8",
        )


def test_flags_become_a_config_and_flags_again():
    plain = resolve()
    assert plain.orthogonal_filters() is None
    assert plain.orthogonality_penalty == 0
    assert plain.orthogonal_networks is None
    penalised = resolve(
        "--orthogonality_penalty=0.5",
        "--orthogonality_reduction=mean_entries",
        "--orthogonality_slopes=-1,1",
    )
    assert penalised.orthogonality_slopes == (-1.0, 1.0)
    mapped = resolve(
        "--orthogonal_reparametrization=cayley", "--orthogonal_networks=value"
    )
    assert mapped.orthogonal_filters().scale == "gain"
    assert mapped.orthogonal_filters().networks == "value"
    for config in (plain, penalised, mapped):
        words = config.to_flags().splitlines()
        assert config_lib.from_flags(*words) == config


ENSEMBLE = "--model=c1gap_dnn --depth=1 --members=2"
CANNOT_WORK = {
    f"--orthogonality_penalty=1 {GRAM_SCHMIDT}": "Received: both",
    "--orthogonality_penalty=inf": "finite",
    "--orthogonality_reduction=sum": "no effect",
    "--orthogonality_slopes=0,1": "no effect",
    "--orthogonal_scale=unit": "no effect",
    "--orthogonal_overcomplete=skip": "no effect",
    "--orthogonal_networks=value": "no effect",
    "--orthogonality_penalty=1 --orthogonality_slopes=a": "slopes",
    "--orthogonality_penalty=1 --orthogonality_slopes=0,0": "slopes",
    "--orthogonality_penalty=1 --orthogonality_slopes=": "slopes.*Received: $",
    "--orthogonality_penalty=1 --gate_regime=frozen_random "
    "--orthogonal_networks=gating": "frozen",
    f"{GRAM_SCHMIDT} --model=c4gap_dnn --orthogonal_networks=value": "family "
    "dnn",
    f"{GRAM_SCHMIDT} --gate_regime=frozen_dependent "
    "--orthogonal_networks=value": "frozen_dependent",
    "--orthogonal_reparametrization=newton_schulz "
    "--orthogonal_scale=residual": "residual",
    f"{GRAM_SCHMIDT} {ENSEMBLE}": "ensemble",
    f"--orthogonality_penalty=1 {ENSEMBLE}": "ensemble",
}


@pytest.mark.parametrize("line", CANNOT_WORK)
def test_flags_that_cannot_work(line):
    with pytest.raises(UserError, match=CANNOT_WORK[line]):
        resolve(*line.split())
