"""The ensemble of C1GAP networks against its members, made one by one."""

import numpy as np
import pytest
from scipy import special

from dlgn_tf.errors import UserError
from dlgn_tf.models import transfer
from dlgn_tf.models.build import create_model, redrawn
from dlgn_tf.models.ensemble import EnsembleNetwork
from dlgn_tf.models.relu import ReLUNetwork

SHAPE, MEMBERS = (6, 6, 2), 3
OPTIONS = {"width": 4, "kernel_size": 3, "mean": 0.4, "std": 0.3}


def build(**options):
    options = {**OPTIONS, "members": MEMBERS, "seed": 5} | options
    return create_model("c1gap_dnn", SHAPE, 4, **options)


def singles():
    return [
        create_model("c1gap_dnn", SHAPE, 4, seed=5 + index, **OPTIONS)
        for index in range(MEMBERS)
    ]


def test_members_start_as_single_networks():
    model = build()
    assert isinstance(model, EnsembleNetwork)
    assert model.name == "c1gap_dnn"
    assert (model.members, model.image_shape) == (MEMBERS, SHAPE)
    stacked = model.get_weights()
    for index, single in enumerate(singles()):
        weights = single.get_weights()
        assert len(weights) == len(stacked) == 4
        for ours, wanted in zip(stacked, weights, strict=True):
            np.testing.assert_array_equal(ours[index], wanted)
    kernels = [single.get_weights()[0] for single in singles()]
    assert np.all(kernels[0] != kernels[1])


def test_without_a_seed_members_differ():
    kernel = build(seed=None).get_weights()[0]
    assert np.any(kernel[0] != kernel[1])


def test_new_weights_are_those_of_another_seed():
    options = {"kernel_size": 5, "ensemble_rule": "mean_logits"}
    model, expected = build(**options), build(**options, seed=9)
    again = redrawn(model, 9)
    assert again.get_config() == model.get_config()
    assert len(again.layers) == len(model.layers)
    for ours, theirs in zip(
        again.get_weights(), expected.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("training", [True, False])
def test_logits_of_members(training, images):
    logits = build()(images, training=training, by_member=True)
    assert logits.shape == (5, MEMBERS, 4)
    for index, single in enumerate(singles()):
        np.testing.assert_allclose(
            logits[:, index], single(images), rtol=1e-5, atol=1e-6
        )


def test_mean_softmax(images):
    """The softmax of the logits is the mean of the members' softmaxes."""
    model = build()
    model.set_weights([5 * weight for weight in model.get_weights()])
    each = np.asarray(model(images, by_member=True), np.float64)
    mean = special.softmax(each, axis=-1).mean(axis=1)
    found = np.asarray(model(images), np.float64)
    assert found.shape == (5, 4)
    np.testing.assert_allclose(special.softmax(found, axis=1), mean, rtol=1e-5)
    of_logits = special.softmax(each.mean(axis=1), axis=1)
    assert np.abs(mean - of_logits).max() > 0.01


def test_mean_softmax_of_certain_members():
    """Probabilities far too small for a float do not become -inf."""
    member_logits = np.float32([[[0, 300, 0, 0], [0, 300, 0, 0], [0] * 4]])
    found = build().prediction(member_logits)
    expected = np.log([[1 / 12, 9 / 12, 1 / 12, 1 / 12]])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    alike = np.repeat(member_logits[:, :1], MEMBERS, axis=1)
    np.testing.assert_allclose(
        build().prediction(alike), [[-300, 0, -300, -300]], atol=1e-4
    )


def test_mean_logits(images):
    model = build(ensemble_rule="mean_logits")
    each = np.stack([single(images) for single in singles()])
    np.testing.assert_allclose(
        model(images), each.mean(axis=0), rtol=1e-5, atol=1e-6
    )


def test_gates_of_members(images):
    model = build()
    q, gates = model.preactivations(images), model.gates(images)
    sites = [f"member{index}_conv1" for index in range(MEMBERS)]
    assert list(q) == list(gates) == model.site_names == sites
    for site, single in zip(sites, singles(), strict=True):
        wanted = np.asarray(single.preactivations(images)["conv1"])
        np.testing.assert_allclose(q[site], wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(gates[site], np.asarray(q[site]) > 0)
        assert model.site_shapes[site] == single.site_shapes["conv1"]
    assert list(model.site_shapes) == sites


def test_preactivations_are_those_of_the_weights_as_they_are(images):
    """Also of a network that is asked for once more, after training."""
    model = build()
    pixels = model.normalization(images)
    for factor in (1, 3):
        model.set_weights([factor * x for x in model.get_weights()])
        found = model.preactivation_network(pixels)
        expected = model.preactivations(images).values()
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_one_member_is_a_single_network():
    assert isinstance(build(members=1), ReLUNetwork)


def test_head_computes_in_float32(dtype_policy, images):
    dtype_policy("mixed_bfloat16")
    model = build()
    assert model(images).dtype == "float32"
    single = singles()[1]
    np.testing.assert_allclose(
        model(images, by_member=True)[:, 1], single(images), atol=0.02
    )


@pytest.mark.parametrize(
    "name,options,message",
    [
        ("c1gap_dlgn", {"members": 16}, "c1gap_dnn alone.*model=c1gap_dlgn"),
        (
            "c1gap_dgn",
            {"ensemble_rule": "mean_logits"},
            "c1gap_dnn alone.*model=c1gap_dgn",
        ),
        ("c4gap_dnn", {"members": 16}, "members has no effect on c4gap"),
        ("c1gap_dnn", {"members": 0}, "integer >= 1.*members=0"),
        ("c1gap_dnn", {"members": 2, "depth": 2}, "members=2, depth=2"),
        (
            "c1gap_dnn",
            {"members": 2, "ensemble_rule": "median"},
            "ensemble_rule=median",
        ),
        ("c1gap_dnn", {"ensemble_rule": "mean_logits"}, "members=1"),
        ("c1gap_dnn", {"members": 2, "gate": "soft"}, "which gates itself"),
    ],
)
def test_what_cannot_be(name, options, message):
    with pytest.raises(UserError, match=f"Expected.*{message}|{message}") as e:
        create_model(name, SHAPE, **options)
    assert "\n" not in str(e.value) and "Received" in str(e.value)


def test_gates_of_an_ensemble_are_no_single_networks():
    target = create_model(
        "c1gap_dgn", SHAPE, 4, gate_regime="frozen_learned", **OPTIONS
    )
    with pytest.raises(UserError, match="1 gate sites.*Received: 3"):
        transfer.copy_gates(build(), target)


def test_weights_of_another_ensemble(images):
    source, target = build(seed=1), build(seed=9)
    transfer.check_same_gates(source, target)
    transfer.copy_model(source, target)
    np.testing.assert_array_equal(source(images), target(images))
    with pytest.raises(UserError, match="2 gate sites.*Received: 3"):
        transfer.copy_model(source, build(members=2))
