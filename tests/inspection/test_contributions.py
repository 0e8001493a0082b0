"""Sums over units, against forward passes of the model's own networks."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.strongest_paths import PathFinder

TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
SMALL = {
    "fc": dict(depth=3, width=5),
    "fcresnet": dict(depth=6, width=4, biases=True),
    "c4gap": dict(width=4, padding="circular"),
    "c4gap permuted": dict(width=4, gate_permutation=(2, 0, 3, 1)),
    "vconv": dict(width=2, head_width=5),
    "resnet20": dict(depth=8, width=4),
    "resnet8": dict(depth=8, width=4, shortcut="B"),
    "resnet8v2": dict(depth=8, width=4, block="preactivated"),
    # Its batch normalisation behind the gates neither scales nor shifts.
    "resnet8post": dict(depth=8, width=4, norm="post"),
}
FAMILIES = {
    "dgn": dict(gate="hard"),
    "dlgn": dict(value_input="ones"),
    "dlgn_sf": dict(value_input="image"),
    "dnn": {},
}


def build(general_model, name, family):
    architecture = "resnet20" if name.startswith("resnet") else name.split()[0]
    options = {**SMALL[name], **FAMILIES[family]}
    return general_model(f"{architecture}_{family}", **options)


def check_sums(model, images, sites=None):
    """Sums at sites are the logits, by the model and in both precisions."""
    expected = np.asarray(model(images))
    scale = np.abs(expected).max()
    for dtype, tolerance in TOLERANCES.items():
        view = DualView(model, dtype)
        assert np.abs(view.logits(images) - expected).max() <= 1e-5 * scale
        reference = expected if dtype == "float32" else view.logits(images)
        for site in sites or view.site_shapes:
            found = view.contributions(images, site)
            np.testing.assert_array_equal(found.logits, view.logits(images))
            assert np.abs(found.total - reference).max() <= tolerance * scale


@pytest.mark.parametrize(
    "name,family",
    [
        ("fc", "dgn"),
        ("fc", "dlgn"),
        ("fc", "dnn"),
        ("fcresnet", "dgn"),
        ("c4gap", "dgn"),
        ("c4gap", "dlgn"),
        ("c4gap permuted", "dlgn"),
        ("vconv", "dlgn_sf"),
        ("resnet20", "dgn"),
        ("resnet20", "dlgn"),
        ("resnet20", "dnn"),
        ("resnet8", "dgn"),
        ("resnet8v2", "dlgn"),
        ("resnet8post", "dlgn"),
    ],
)
def test_sums_at_every_site(name, family, general_model, images_for):
    model = build(general_model, name, family)
    check_sums(model, images_for(model))


@pytest.mark.parametrize("value_input", ["image", "ones"])
@pytest.mark.parametrize("family", ["dgn", "dlgn"])
@pytest.mark.parametrize("name", ["c4gap", "vgg16", "resnet20"])
@pytest.mark.slow
def test_sums_at_every_site_of_networks_as_published(
    name, family, value_input, general_model, images_for
):
    model = general_model(
        f"{name}_{family}", (32, 32, 3), value_input=value_input
    )
    check_sums(model, images_for(model, 1))


class Opened:
    """A gated model's value network, called with gates and biases changed."""

    def __init__(self, model, images):
        self.network = model.value_network
        self.inputs = model.value_inputs(
            model.normalization(images),
            list(model.preactivations(images).values()),
        )
        self.sites = model.site_names

    def __call__(self, site=None, gate=None, entering=None):
        entering = self.inputs[0] if entering is None else entering
        gates = [np.asarray(gate) for gate in self.inputs[1:]]
        if site is not None:
            gates[self.sites.index(site)] = gate
        return np.asarray(
            self.network([np.asarray(entering), *gates]), "float64"
        )

    def gate(self, site):
        return np.array(self.inputs[1 + self.sites.index(site)])


@pytest.mark.parametrize(
    "name,site",
    [
        ("fcresnet", "block1_dense2"),
        ("c4gap", "conv2"),
        ("resnet20", "group2_block1_1"),
    ],
)
def test_each_part_alone(name, site, general_model, images_for, rng):
    """A unit, the ways around and a bias, each by switching it off."""
    model = build(general_model, name, "dgn")
    images = images_for(model)
    found = DualView(model, "float64").contributions(images, site)
    opened = Opened(model, images)
    whole, gate = opened(), opened.gate(site)
    atol = 1e-5 * np.abs(whole).max()
    # The unit that does most, so that its share is no rounding error.
    unit = np.unravel_index(
        np.abs(found.units[..., 0]).max(axis=0).argmax(), gate.shape[1:]
    )
    closed = gate.copy()
    closed[(slice(None), *unit)] = 0
    np.testing.assert_allclose(
        found.units[(slice(None), *unit)],
        whole - opened(site, closed),
        atol=atol,
    )
    assert np.abs(found.units[(slice(None), *unit)]).max() > 100 * atol
    # With the site closed and the input gone, there are only biases.
    closed, nothing = 0 * gate, 0 * np.asarray(opened.inputs[0])
    around, biases = opened(site, closed), opened(site, closed, nothing)
    np.testing.assert_allclose(found.around, around - biases, atol=atol)
    np.testing.assert_allclose(found.of_biases, biases, atol=atol)
    assert (np.abs(found.around).max() > 100 * atol) == (name != "c4gap")
    for layer in list(found.biases)[-3:]:
        weight = opened.network.get_layer(layer)
        bias = getattr(weight, "bias", None)
        if bias is None:
            continue
        kept = np.array(bias)
        bias.assign(0 * kept)
        without = opened(site, closed, nothing)
        bias.assign(kept)
        np.testing.assert_allclose(
            found.biases[layer], biases - without, atol=atol
        )


def test_no_way_leads_around_a_site_of_a_chain(general_model, images_for):
    model = build(general_model, "c4gap", "dlgn")
    found = DualView(model).contributions(images_for(model), "conv3")
    assert np.all(found.around == 0)
    assert [k for k, b in found.biases.items() if np.any(b)] == [
        "conv4",
        "logits",
    ]


def test_difference_and_channels(general_model, images_for):
    model = build(general_model, "resnet20", "dlgn")
    view, images = DualView(model, "float64"), images_for(model)
    site = "group1_block1_1"
    every = view.contributions(images, site)
    some = view.contributions(images, site, [3, 1])
    np.testing.assert_allclose(some.units, every.units[..., [3, 1]], rtol=1e-9)
    found = view.difference(images, site, [3, 1, 0], 2)
    rows, right = np.arange(3), [3, 1, 0]
    for part in ("of_units", "around", "of_biases", "total", "logits"):
        of_all = getattr(every, part)
        np.testing.assert_allclose(
            getattr(found, part),
            of_all[rows, right] - of_all[:, 2],
            atol=1e-10 * np.abs(every.logits).max(),
        )
    assert found.channels.shape == (3, 4)
    assert every.channels.shape == (3, 4, 4)
    np.testing.assert_allclose(
        every.channels[1, 2, 3], every.units[1, :, :, 2, 3].sum()
    )


def test_more_images_than_a_batch(general_model, images_for, monkeypatch):
    from dlgn_tf.inspection import contributions

    model = build(general_model, "fc", "dgn")
    images = images_for(model, 5)
    whole = DualView(model).contributions(images, "dense1").units
    monkeypatch.setattr(contributions, "_BATCH", 8)
    parts = DualView(model).contributions(images, "dense1").units
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-7)


def test_refuses(general_model, images_for):
    model = build(general_model, "fc", "dgn")
    view, images = DualView(model), images_for(model)
    with pytest.raises(UserError, match="one of dense1, dense2. .*conv1$"):
        view.contributions(images, "conv1")
    with pytest.raises(UserError, match="from 0 to 3. Received: 4$"):
        view.contributions(images, "dense1", [0, 4])
    with pytest.raises(UserError, match="from 0 to 3. Received: -1$"):
        view.difference(images, "dense1", 0, -1)
    with pytest.raises(UserError, match="from 0 to 3. Received: nan$"):
        view.contributions(images, "dense1", [float("nan")])
    with pytest.raises(UserError, match="one logit. Received: none$"):
        view.contributions(images, "dense1", [])
    with pytest.raises(UserError, match="wrong .* each of 3 im.*Received: 2$"):
        view.difference(images, "dense1", 0, [1, 2])
    with pytest.raises(UserError, match="'float64'. Received: dtype='half'$"):
        DualView(model, "half")
    deep = general_model("resnet32_dgn", depth=32, width=2)
    with pytest.raises(
        UserError,
        match=r"_2, \.\.\., .*31 in all. The nearest are group3_block1_1, ",
    ):
        DualView(deep).contributions(images, "group3_blok1_1")
    ensemble = general_model("c1gap_dnn", width=2, members=2)
    with pytest.raises(
        UserError, match="single network.*EnsembleNetwork c1gap"
    ):
        DualView(ensemble)
    with pytest.raises(UserError, match="An image in fc_dgn takes.*at least"):
        DualView(model, memory_gib=1e-9)


def test_what_max_pooling_chooses_is_held(general_model, images_for):
    """Its sums hold as others do; paths through it are not listed."""
    vgg = general_model(
        "vgg11_dgn", (32, 32, 1), width=2, pooling="max", value_input="ones"
    )
    sites = [vgg.site_names[k] for k in (0, 4, -1)]
    check_sums(vgg, images_for(vgg, 2), sites)
    with pytest.raises(
        UserError, match="pooling=average.*vgg11_dgn with pool1"
    ):
        PathFinder(vgg)
