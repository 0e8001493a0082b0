"""Weights that mean the same in another model, and those that do not."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.models.orthogonal_options import OrthogonalFilters
from dlgn_tf.models.transfer import check_same_gates, copy_gates, copy_model

SHAPE = (8, 8, 3)
SMALL = {
    "c4gap": {"width": 3, "depth": 3},
    "fc": {"width": 5, "depth": 3},
    "gconv": {"width": 2, "depth": 2, "head_width": 4},
    "resnet20": {"width": 2, "depth": 8},
    "resnet110": {"width": 2, "depth": 8},
    "vgg11": {"width": 2},
}


def create(architecture, family, seed=0, shape=None, **arguments):
    if shape is None:
        shape = (32, 32, 3) if architecture == "vgg11" else SHAPE
    return create_model(
        f"{architecture}_{family}",
        shape,
        3,
        seed=seed,
        **{**SMALL[architecture], **arguments},
    )


FIXED = {"activation": "beta_vq", "activation_beta_mode": "fixed"}


def weights(model):
    return [w.tobytes() for w in model.get_weights()]


@pytest.mark.parametrize(
    ("architecture", "source_family", "family"),
    [
        *((name, "dnn", "dgn") for name in SMALL),
        *((name, "dlgn", "dlgn") for name in SMALL),
        ("c4gap", "dgn", "dgn"),
        ("resnet20", "dlgn_sf", "dlgn_sf"),
    ],
)
def test_gates_are_those_of_the_source(
    architecture, source_family, family, draw, randomize
):
    """1{q > 0} of the source's pre-activations, in evaluation mode."""
    source = randomize(create(architecture, source_family, seed=1))
    target = create(architecture, family, gate_regime="frozen_learned")
    values = [w.tobytes() for w in target.value_network.get_weights()]
    copy_gates(source, target)
    seen = draw(target.image_shape)
    preactivations = source.preactivations(seen)
    gates = target.gates(seen)
    assert list(gates) == list(preactivations)
    share_open = []
    for site, q in preactivations.items():
        np.testing.assert_array_equal(gates[site], np.asarray(q) > 0)
        share_open.append(np.mean(np.asarray(q) > 0))
    assert 0 < np.mean(share_open) < 1
    assert [w.tobytes() for w in target.value_network.get_weights()] == values


@pytest.mark.parametrize("architecture", SMALL)
@pytest.mark.parametrize("family", ["dnn", "dlgn_sf"])
def test_whole_model(architecture, family, draw, randomize):
    source = randomize(create(architecture, family, seed=1))
    target = create(architecture, family)
    copy_model(source, target)
    seen = draw(target.image_shape)
    assert weights(target) == weights(source)
    np.testing.assert_array_equal(target(seen), source(seen))


def test_where_a_learned_beta_started_is_no_matter(draw):
    source, target = (
        create("c4gap", "dgn", seed, activation="beta_vq", activation_beta=beta)
        for seed, beta in enumerate((0.5, 0.7))
    )
    copy_model(source, target)
    seen = draw(target.image_shape)
    np.testing.assert_array_equal(target(seen), source(seen))


def test_whole_model_with_other_gates():
    """Weights are copied, gates stay those of the target."""
    source = create("c4gap", "dgn", seed=1)
    target = create("c4gap", "dgn", gate="hard", gate_permutation=(2, 0, 1))
    copy_model(source, target)
    assert weights(target) == weights(source)
    assert target.gate.kind == "hard"
    with pytest.raises(UserError, match="kind hard.*soft"):
        check_same_gates(source, target)


# Source and its options, target and its options, and what is said.
OF_C4GAP = [
    ("dnn", {}, "dlgn", {}, "c4gap_dlgn.*c4gap_dnn"),
    ("dgn", {}, "dlgn", {}, "c4gap_dlgn.*c4gap_dgn"),
    ("dnn", {"mean": 0.5}, "dgn", {}, r"mean \[0.0\].*\[0.5\]"),
    ("dnn", {"std": 0.5}, "dgn", {}, r"std \[1.0\].*\[0.5\]"),
    ("dnn", {"shape": (6, 8, 3)}, "dgn", {}, r"shape \(8, 8, 3\).*\(6, 8, 3\)"),
    ("dnn", {"width": 4}, "dgn", {}, r"\(8, 8, 3\) at .*'conv1'.*\(8, 8, 4\)"),
    ("dnn", {"depth": 4}, "dgn", {}, "3 gate sites.*4"),
    (
        "dnn",
        {"kernel_size": 5},
        "dgn",
        {},
        r"same options.*'conv1' with kernel_size \[5, 5\] in place of \[3, 3\]",
    ),
    (
        "dnn",
        {**FIXED, "activation_beta": 0.7},
        "dgn",
        {**FIXED, "activation_beta": 0.5},
        "same options.* with beta 0.7 in place of 0.5",
    ),
    # Learned or not.
    ("dnn", {"activation": "beta_vq"}, "dgn", FIXED, "with beta.* in place of"),
]
OF_OTHERS = [
    ("fc", {"orthogonal": OrthogonalFilters()}, "OrthogonalDense in place of "),
    # The same weights in the same layers.
    ("vgg11", {"pooling": "max"}, "same options.*pool1"),
    # More weights than are asked for.
    ("resnet20", {"shortcut": "B"}, "same options.*shortcut"),
    ("resnet20", {"block": "preactivated"}, "Expected.*Received"),
]
UNFIT = [
    (("gconv", "dnn", {}), ("c4gap", "dgn", {}), "c4gap_dnn or a .*gconv_dnn"),
    *(
        (("c4gap", a, b), ("c4gap", c, d), text)
        for a, b, c, d, text in OF_C4GAP
    ),
    *(
        ((x, "dnn", given), (x, "dgn", {}), text)
        for x, given, text in OF_OTHERS
    ),
]


@pytest.mark.parametrize("source,target,text", UNFIT)
def test_what_does_not_fit(source, target, text):
    source, target = (
        create(name, family, seed, **options)
        for seed, (name, family, options) in enumerate((source, target))
    )
    before = weights(target)
    with pytest.raises(UserError, match=text) as error:
        copy_gates(source, target)
    assert "\n" not in str(error.value)
    assert weights(target) == before


@pytest.mark.parametrize(
    "options", [{"value_input": "ones"}, {"beta": 3.0}, {"epsilon": 0.5}]
)
def test_models_that_use_gates_otherwise(options):
    with pytest.raises(UserError, match=next(iter(options))):
        check_same_gates(
            create("c4gap", "dgn", **options), create("c4gap", "dgn")
        )


def test_gates_of_a_network_that_has_none():
    with pytest.raises(UserError, match="Expected a c4gap_dgn. .*c4gap_dnn"):
        check_same_gates(create("c4gap", "dnn"), create("c4gap", "dgn"))


def test_other_number_of_classes():
    source = create_model("c4gap_dnn", SHAPE, 4, **SMALL["c4gap"])
    target = create("c4gap", "dnn")
    before = weights(target)
    with pytest.raises(UserError, match="logits"):
        copy_model(source, target)
    assert weights(target) == before
