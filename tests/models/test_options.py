"""Every option of every architecture, in every family."""

import json

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models import architecture, registry
from dlgn_tf.models.build import create_model

# A small network of each builder, and another value of each of its options.
SMALL = {
    "fc": {"depth": 3, "width": 3},
    "fcresnet": {"depth": 6, "width": 3},
    "c1gap": {"width": 3},
    "c4gap": {"depth": 2, "width": 3},
    "gconv": {"depth": 2, "width": 3, "head_width": 3},
    "vconv": {"depth": 2, "width": 3, "head_width": 3},
    "largecnn": {"width": 2},
    "smallcnn": {"width": 2},
    "mlp": {"width": 4},
    "plaincnn": {"width": 2},
    "scattering3": {"width": 1},
    "vgg11": {"width": 1},
    "resnet20": {"depth": 8, "width": 2},
}
OTHERS = {
    "depth": {"fcresnet": 8, "vgg11": 13, "resnet20": 14},
    "norm": {"resnet20": "post", "plaincnn": "post", "mlp": "post"},
    "kernel_size": 5,
    "head_width": 4,
    "block_depth": 1,
    "block": "preactivated",
    "members": 2,
    "ensemble_rule": "mean_logits",
}
# What stands between gates, or behind them: a gating network that is one linear
# map of the image for each gate has nothing of the kind.
VALUES_ALONE = {
    ("dlgn_sf", "pooling"),
    ("dlgn_sf", "shortcut"),
    ("dlgn_sf", "norm", "mlp"),
    ("dlgn_sf", "norm", "plaincnn"),
}


def other_value(name, option):
    entry = registry.ARCHITECTURES[name]
    published = SMALL[name].get(option, entry.options[option])
    if option in OTHERS:
        value = OTHERS[option]
        value = value.get(name) if isinstance(value, dict) else value
        return published + 1 if value is None else value
    if isinstance(published, bool):
        return not published
    if isinstance(published, int):
        return published + 1
    choices = entry.choices.get(option, architecture._CHOICES[option])
    return next(choice for choice in choices if choice != published)


def networks(name, family, **options):
    """Each network as text: layers, their options, how they are connected."""
    side = 32 if name.startswith(("vgg", "scattering")) else 16
    model = create_model(f"{name}_{family}", (side, side, 3), 2, **options)
    return {
        part: json.dumps(getattr(model, part).get_config(), default=str)
        for part in ("network", "gating_network", "value_network")
        if hasattr(model, part)
    }


# A dgn is built as a dlgn is, and a dnn as either network of it.
EVERY_FAMILY = ("fc", "c4gap", "c1gap", "scattering3")
CASES = [
    (name, family)
    for name in SMALL
    for family in registry.ARCHITECTURES[name].families
    if name in EVERY_FAMILY or family in ("dlgn", "dlgn_sf")
]


@pytest.mark.parametrize("name,family", CASES)
def test_an_option_changes_every_network_or_is_refused(name, family):
    entry = registry.ARCHITECTURES[name]
    before = networks(name, family, **SMALL[name])
    for option in entry.options:
        given = {**SMALL[name], option: other_value(name, option)}
        try:
            after = networks(name, family, **given)
        except UserError as refused:
            assert "\n" not in str(refused)
            assert option in ("members", "ensemble_rule")
            continue
        where = (family, option), (family, option, name)
        unmoved = {part for part in before if before[part] == after[part]}
        expected = VALUES_ALONE.intersection(where) and {"gating_network"}
        assert unmoved == (expected or set()), option


def test_every_architecture_is_one_of_these_builders():
    builders = {
        registry.ARCHITECTURES[name].builder.split(":")[1] for name in SMALL
    }
    assert builders == {
        entry.builder.split(":")[1] for entry in registry.ARCHITECTURES.values()
    }


@pytest.mark.parametrize(
    "name,options,kernels",
    [
        ("c4gap", {"biases": False}, {"conv1": (3, 3, 3, 3)}),
        ("c4gap", {"kernel_size": 5}, {"conv1": (5, 5, 3, 3)}),
        ("fc", {"biases": False}, {"dense1": (768, 3)}),
        ("plaincnn", {}, {"conv1": (3, 3, 1, 2)}),
        ("mlp", {"grayscale": False}, {"dense1": (768, 4)}),
        ("resnet20", {}, {"stem": (3, 3, 3, 2)}),
        ("smallcnn", {"batch_normalized": True}, {"conv1": (3, 3, 3, 2)}),
    ],
)
def test_linear_maps_of_the_image_are_as_the_values_layers(
    name, options, kernels
):
    model = create_model(
        f"{name}_dlgn_sf", (16, 16, 3), 2, **{**SMALL[name], **options}
    )
    gating = model.gating_network
    for layer, shape in kernels.items():
        assert tuple(gating.get_layer(layer).kernel.shape) == shape
    biased = name in ("c4gap", "fc") and options.get("biases", True)
    assert any(w.name == "bias" for w in gating.weights) == biased


def test_what_stands_behind_gates_is_not_before_them():
    """Nothing learned in a normalisation, no biases: so are the gates' maps."""
    model = create_model(
        "resnet20_dlgn_sf", (16, 16, 3), 2, norm="post", **SMALL["resnet20"]
    )
    assert {w.name for w in model.gating_network.weights} == {"kernel"}


@pytest.mark.parametrize(
    "given,meant",
    [
        ({"input_shape": (8, 8, 1)}, "image_shape"),
        ({"num_classes": 3}, "classes"),
        # An option of other architectures, near as it is to `classes`.
        ({"biases": False}, "Option biases has no effect on vgg11"),
    ],
)
def test_an_argument_that_there_is_not(given, meant):
    with pytest.raises(UserError, match=meant) as caught:
        create_model("vgg11_dnn", **given)
    assert all(str(value) in str(caught.value) for value in given.values())
