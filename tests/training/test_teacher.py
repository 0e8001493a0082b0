"""A trained network that is imitated, and rates of the gating network."""

import numpy as np
import pytest
from scipy.special import log_softmax

import dlgn_tf
from dlgn_tf import config as config_lib
from dlgn_tf.errors import UserError
from dlgn_tf.training import teacher

SMALL = "--depth=3", "--width=8", "--train_steps=1", "--train_examples=64"
SGD = "--optimizer=sgd", "--momentum=0.9", "--learning_rates=0.1", "--l2=0"


@pytest.fixture(scope="module")
def step(tmp_path_factory, train_run):
    """A function that takes a step: weights before and after."""
    folder = tmp_path_factory.mktemp("steps")

    def take(name, *flags, model="fc_dlgn"):
        run = folder / name
        train_run(
            run,
            model,
            *SMALL,
            *SGD,
            "--batch_size=64",
            "--snapshot_every=1",
            *flags,
        )
        ends = run / "snapshots/step-00000000.keras", run / "model.keras"
        return [dlgn_tf.load_model(path) for path in ends]

    take.folder = folder
    take("plain")
    return take


def change(pair, network):
    """How each weight of one of the two networks has moved."""
    weights = [x.networks[network].get_weights() for x in pair]
    return [after - before for before, after in zip(*weights, strict=True)]


def test_a_teacher_that_is_the_network_leaves_the_labels_share(step):
    """It pulls nowhere at first: a step is the rest of the plain one."""
    start = step.folder / "plain/snapshots/step-00000000.keras"
    plain = step("again")
    taught = step("taught", f"--teacher={start}", "--teacher_share=0.75")
    for network in ("gating", "value"):
        moved = change(plain, network)
        assert max(np.abs(x).max() for x in moved) > 1e-3
        for ours, theirs in zip(change(taught, network), moved, strict=True):
            np.testing.assert_allclose(ours, theirs / 4, atol=1e-7)


def test_the_gating_network_learns_at_its_own_rate(step):
    plain, slow = step("p"), step("s", "--gating_rate=0.125")
    for network, factor in (("gating", 0.125), ("value", 1.0)):
        moved = change(plain, network)
        for ours, theirs in zip(change(slow, network), moved, strict=True):
            np.testing.assert_allclose(ours, factor * theirs, atol=1e-7)


def test_losses_are_those_of_the_formula(tmp_path):
    name = "preset:c4gap_dlgn_digits"
    config = config_lib.from_flags(
        "--model=fc_dlgn",
        "--dataset=digits",
        f"--teacher={name}",
        "--teacher_share=0.3",
        "--teacher_temperature=2.5",
    )
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (6, 8, 8, 1)).astype("float32")
    logits = rng.normal(size=(6, 10)).astype("float32")
    losses = rng.uniform(size=6).astype("float32")
    t = log_softmax(np.asarray(dlgn_tf.load_model(name)(images)) / 2.5, axis=1)
    z = log_softmax(logits / 2.5, axis=1)
    expected = 0.7 * losses
    expected += 0.3 * 2.5**2 * np.sum(np.exp(t) * (t - z), axis=1)
    found = teacher.of(config)(images, logits, losses)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    plain = config_lib.from_flags("--model=fc_dlgn", "--dataset=digits")
    assert teacher.of(plain) is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--teacher_share=0.3", "no effect without --teacher"),
        ("--gating_rate=2 --optimizer=adam", "no effect on adam"),
        ("--gating_rate=2 --model=fc_dnn --optimizer=sgd", "not trained"),
        (
            "--gating_rate=2 --gate_regime=frozen_random --optimizer=sgd",
            "not trained",
        ),
        ("--teacher=x --teacher_share=2", "teacher_share"),
        ("--teacher=x --model=c1gap_dnn --members=2", "one network of classes"),
    ],
)
def test_flags_without_effect(flags, message):
    given = {"--model=fc_dlgn", "--dataset=digits"}
    with pytest.raises(Exception, match=message):
        config_lib.from_flags(*sorted(given), *flags.split())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "--teacher=nowhere"),
        ("preset:fc_dlgn_sdi", "a network of digits.*of .1, 1, 20. and 2"),
    ],
)
def test_no_such_teacher(path, message, tmp_path, train_run):
    with pytest.raises(UserError, match=message):
        train_run(tmp_path, "fc_dlgn", *SMALL, f"--teacher={path}")
    assert not (tmp_path / "checkpoints").exists()
