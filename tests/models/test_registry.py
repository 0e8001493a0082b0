"""Names, options and errors of the zoo. Builds no model."""

import pytest

from dlgn_tf.config.recipes import RECIPES
from dlgn_tf.errors import UserError
from dlgn_tf.models import registry, zoo

NAMES = """
fc fcresnet c1gap c4gap gconv vconv largecnn smallcnn mlp plaincnn scattering3
scattering3_mini scattering7 vgg11 vgg13 vgg16 vgg19
resnet20 resnet32 resnet44 resnet56 resnet110 resnet164 resnet1001 wrn16_4
wrn40_4 wrn16_8
wrn28_10
""".split()
FAMILIES = ("dnn", "dgn", "dlgn", "dlgn_sf")
# Their nonlinearity is a modulus.
WITHOUT_GATES = ("scattering3", "scattering3_mini", "scattering7")


def families(name):
    return ("dnn",) if name in WITHOUT_GATES else FAMILIES


def test_names():
    assert list(registry.ARCHITECTURES) == NAMES
    assert tuple(registry.FAMILIES) == FAMILIES
    expected = [f"{n}_{family}" for n in NAMES for family in families(n)]
    assert registry.names() == expected


@pytest.mark.parametrize(
    "name,near",
    [
        ("resnet111_dnn", "resnet110_dnn"),
        ("c4gap_dlng", "c4gap_dlgn"),
        ("vgg16_dlgn-sf", "vgg16_dlgn_sf"),
        ("wrn_28_10_dgn", "wrn28_10_dgn"),
        ("resnet20", "resnet20_dnn"),
    ],
)
def test_unknown_name_names_the_nearest(name, near):
    with pytest.raises(UserError) as caught:
        registry.parse(name)
    text = str(caught.value)
    assert f"Received: model={name}" in text
    assert near in text.split("The nearest are")[1]
    assert "\n" not in text


@pytest.mark.parametrize("name", WITHOUT_GATES)
@pytest.mark.parametrize("family", FAMILIES[1:])
def test_without_relus_there_are_no_gates(name, family):
    with pytest.raises(UserError, match=f"Expected {name}_dnn: .*no gates"):
        registry.parse(f"{name}_{family}")


def test_what_is_registered_may_say_little(monkeypatch):
    """A function without a docstring, of a network without gate sites."""

    def bare(x, site, classes, width=3):
        return x

    # Taken away after the test.
    monkeypatch.setitem(registry.ARCHITECTURES, "bare", None)
    entry = zoo.register(bare, recipe="fc", gate_sites=0)
    assert registry.parse("bare_dnn") == (entry, "dnn")
    assert (entry.description, entry.options) == ("", {"width": 3})
    with pytest.raises(
        UserError, match="Expected bare_dnn: .*no gates"
    ) as told:
        registry.parse("bare_dlgn")
    assert "modulus" not in str(told.value)


@pytest.mark.parametrize("name", ["", "_dnn", "zzzzzzzz", "dnn", "c4gap_", "_"])
def test_nothing_is_near(name):
    with pytest.raises(UserError, match=f"Received: model={name}$"):
        registry.parse(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_architecture_has_a_recipe(name):
    recipe = RECIPES[registry.ARCHITECTURES[name].recipe]
    assert len(recipe.learning_rates) == len(recipe.boundaries) + 1
    assert list(recipe.boundaries) == sorted(set(recipe.boundaries))
    assert (recipe.train_steps is None) != (recipe.epochs is None)
    if recipe.train_steps is not None:
        assert all(step < recipe.train_steps for step in recipe.boundaries)


def test_every_recipe_has_an_architecture():
    used = {entry.recipe for entry in registry.ARCHITECTURES.values()}
    # Of networks of one's own.
    assert used | {"keras"} == set(RECIPES)


PLAIN = "kernel_size=3 padding=same biases=True"
PUBLISHED = {
    "c4gap": f"depth=4 width=128 {PLAIN}",
    "c1gap": f"depth=1 width=128 {PLAIN} members=1 ensemble_rule=mean_softmax",
    "largecnn": "width=96 padding=valid batch_normalized=False apodized=False",
    "smallcnn": "width=32 padding=valid pooling=max batch_normalized=False "
    "apodized=False",
    "vgg16": "depth=16 width=64 pooling=average",
    "resnet20": "depth=20 width=16 block=original shortcut=A norm=pre "
    "activate_shortcuts=first_block",
    "resnet110": "depth=110 width=16 block=preactivated shortcut=B norm=pre "
    "activate_shortcuts=first_block",
    "resnet164": "depth=164 width=16 block=bottleneck shortcut=B norm=pre "
    "activate_shortcuts=each_group",
    "wrn28_10": "depth=28 width=16 block=preactivated shortcut=B widen=10 "
    "activate_shortcuts=each_group",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_options(name):
    architecture = registry.ARCHITECTURES[name]
    published = dict(word.split("=") for word in PUBLISHED[name].split())
    for given in ({}, dict.fromkeys(architecture.options)):
        resolved = architecture.resolve(given)
        assert {k: str(v) for k, v in resolved.items()} == published


def test_given_options_win_and_change_nothing_else():
    architecture = registry.ARCHITECTURES["resnet20"]
    before = dict(architecture.options)
    found = architecture.resolve({"depth": 8, "width": 4, "block": None})
    assert (found["depth"], found["width"]) == (8, 4)
    assert found["block"] == "original"
    assert architecture.options == before


@pytest.mark.parametrize(
    "name,options,message",
    [
        ("c4gap", {"pooling": "max"}, "pooling has no effect on c4gap"),
        ("resnet20", {"widen": 2}, "widen has no effect on resnet20"),
        ("wrn16_4", {"block": "original"}, "block has no effect on wrn16_4"),
        ("vgg16", {"depth": 17}, "Invalid depth of a VGG network"),
        ("resnet20", {"depth": 21}, r"Expected 6n \+ 2 .*depth=21"),
        ("fcresnet", {"depth": 9}, "Expected 2n with n >= 3.*depth=9"),
        ("fcresnet", {"depth": 4}, "Expected 2n with n >= 3.*depth=4"),
        ("fcresnet", {"block_depth": 4}, "Expected 4n with n >= 3.*depth=10"),
        ("c4gap", {"padding": "valid"}, r"one of \('same', 'circular'\)"),
        ("vconv", {"padding": "circular"}, "no effect on vconv"),
        ("largecnn", {"padding": "circular"}, r"one of \('valid', 'same'\)"),
        ("largecnn", {"depth": 9}, "depth has no effect on largecnn"),
        ("c4gap", {"apodized": True}, "apodized has no effect on c4gap"),
        ("fc", {"biases": "no"}, r"one of \(True, False\)"),
        ("wrn16_4", {"depth": 20}, r"Expected 6n \+ 4 .*depth=20"),
        ("resnet164", {"depth": 163}, r"Expected 9n \+ 2 .*depth=163"),
        ("resnet32", {"block": "bottleneck"}, r"Expected 9n \+ 2"),
        ("vgg16", {"pooling": "min"}, r"one of \('average', 'max'\)"),
        ("resnet20", {"shortcut": "C"}, r"one of \('A', 'B'\)"),
        ("resnet20", {"norm": "none"}, r"one of \('pre', 'post'\)"),
        ("plaincnn", {"norm": "pre"}, r"one of \('none', 'post'\)"),
        (
            "resnet20",
            {"norm": "post", "block": "preactivated"},
            "Expected block=original with norm=post",
        ),
        ("resnet110", {"norm": "post"}, "Expected block=original"),
        ("scattering3", {"skip": 1.5}, r"one of \(True, False\)"),
        ("scattering3", {"depth": 4}, "no effect on scattering3"),
        ("resnet20", {"block": "v3"}, "one of .'original', 'preactivated'"),
        ("c4gap", {"width": 0}, "an integer >= 1. Received: width=0"),
        ("c4gap", {"width": 2.5}, "an integer >= 1. Received: width=2.5"),
        ("c4gap", {"width": "8"}, "an integer >= 1. Received: width=8"),
        ("c4gap", {"width": True}, "an integer >= 1"),
        ("fc", {"depth": -3}, "an integer >= 2. Received: depth=-3"),
        ("fc", {"depth": 1}, "depth=1"),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(UserError, match=message) as caught:
        registry.ARCHITECTURES[name].resolve(options)
    assert "Received" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "shape", [(8, 8), (8, 8, 3, 1), (None, 8, 3), (8, 0, 3), (8.0, 8, 3)]
)
def test_what_is_no_shape_of_images(shape):
    with pytest.raises(UserError, match="height, width, channels.*Received"):
        registry.ARCHITECTURES["fc"].check_image_shape(shape)


@pytest.mark.parametrize(
    "name,padding,least",
    [
        ("fc", None, 1),
        ("c4gap", None, 1),
        ("vgg11", None, 32),
        ("vgg16", None, 32),
        ("plaincnn", None, 13),
        ("scattering7", None, 25),
        ("resnet20", None, 4),
        ("wrn16_4", None, 4),
        ("largecnn", "valid", 9),
        ("largecnn", "same", 1),
        ("smallcnn", "valid", 10),
        ("smallcnn", "same", 4),
    ],
)
def test_how_small_images_may_be(name, padding, least):
    architecture = registry.ARCHITECTURES[name]
    options = architecture.resolve({"padding": padding})
    architecture.check_image_shape((least, least, 3), options)
    for height, width in ((least - 1, least + 1), (least, least - 1)):
        expected = f"at least {least}x{least} .*Received: {height}x{width}$"
        if least > 1:
            with pytest.raises(UserError, match=expected):
                architecture.check_image_shape((height, width, 1), options)
