"""Gates that flip, against the network with gates forced and images moved."""

import functools
from unittest import mock

import keras
import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import from_keras
from dlgn_tf.claims.small_networks import leave_initial_point
from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.inspection import flips as flips_module
from dlgn_tf.inspection.flips import GateFlips
from dlgn_tf.inspection.site_map import SiteMap, float64_copy
from dlgn_tf.inspection.templates import affine_sites, is_affine, of_units
from dlgn_tf.models.build import create_model

IMAGES, NEAREST = 20, 20


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def digits():
    return sources.load("digits", test_examples=IMAGES)[1].images


@pytest.fixture(scope="module")
def dlgn():
    """A DLGN of digits, away from its initial point."""
    model = create_model(
        "fc_dlgn", (8, 8, 1), 10, depth=3, width=16, beta=20.0, seed=0
    )
    for network in model.networks.values():
        leave_initial_point(network, np.random.default_rng(0))
    return model


@pytest.fixture(scope="module")
def flips(dlgn):
    return GateFlips(dlgn)


@functools.cache
def value_network(model):
    return float64_copy(model.value_network)


def forced(model, image, flip):
    """Logits by the value network in float64, one of its gates replaced."""
    inputs = [np.array(x, "float64") for x in model.entering(image[None])]
    place = 1 + model.site_names.index(flip.site)
    gate = inputs[place][0]
    assert gate[flip.unit] == pytest.approx(flip.gate)
    gate[flip.unit] = flip.flipped
    return np.asarray(value_network(model)(inputs))[0]


@pytest.mark.parametrize("kind", ["drawn", slow("trained")])
def test_nearest_flips_of_digits(kind, dlgn, flips, digits):
    """What is foretold of 20 gates for images is what the network says."""
    model, images = dlgn, digits[:2]
    if kind == "trained":
        model = create_model("c4gap_dlgn", (8, 8, 1), 10, width=8, seed=0)
        flags = dict(epochs=5, learning_rates=(0.005,), seed=0)
        dlgn_tf.fit(model, "digits", verbose=False, **flags)
        flips, images = GateFlips(model), digits
    worst, changed = 0.0, 0
    for image in images:
        before = np.asarray(model(image[None]))[0]
        found = flips.nearest(image, NEAREST)
        distances = [flip.distance for flip in found]
        assert distances == sorted(distances) and len(found) == NEAREST
        for flip in found:
            assert flip.exact
            difference = np.abs(flip.after - forced(model, image, flip)).max()
            worst = max(worst, difference / np.abs(before).max())
            changed += np.abs(flip.after - before).max() > 1e-6
        change = flips.nearest_class_change(image)
        if change is not None:
            says = forced(model, image, change).argmax()
            assert says != before.argmax()
    print(f"{kind}: of {len(images)} images by at most {worst:.1e}")
    assert worst < 1e-6 and changed > 10 * len(images)


def test_distances_by_hand(dlgn, flips, digits):
    """|q| / |T| of every unit of two dense layers, T multiplied out."""
    image = digits[3]
    pixels = np.asarray(dlgn.normalization(image[None]), "float64").ravel()
    weights, shift, by_hand = np.eye(64), np.zeros(64), []
    for site in dlgn.site_names:
        kernel, bias = dlgn.gating_network.get_layer(site).get_weights()
        weights, shift = weights @ kernel, shift @ kernel + bias
        # Stored pixels are 255 (or 16) times as large.
        scale = np.asarray(
            dlgn.normalization(np.ones((1, 8, 8, 1)))
            - dlgn.normalization(np.zeros((1, 8, 8, 1)))
        ).ravel()
        lengths = np.linalg.norm(weights * scale[:, None], axis=0)
        by_hand += (np.abs(pixels @ weights + shift) / lengths).tolist()
    found = flips.nearest(image, 10)
    np.testing.assert_allclose(
        [flip.distance for flip in found], np.sort(by_hand)[:10], rtol=1e-4
    )


def test_a_moved_image_is_beyond_the_gate(dlgn, flips, digits):
    image = digits[5]
    for flip in flips.nearest(image, 4):
        sides = []
        for beyond in (-1e-2, 1e-2):
            moved = flip.moved(image, beyond)[None]
            q = np.asarray(dlgn.preactivations(moved)[flip.site])[0]
            sides.append(np.sign(q[flip.unit]))
        moved = flip.moved(image, 0.0) - image
        assert sides == [np.sign(flip.preactivation), -sides[0]]
        assert np.linalg.norm(moved) == pytest.approx(flip.distance)


def test_the_nearest_class_change_is_confirmed_and_none_is_nearer(
    dlgn, flips, digits
):
    """By trying every unit of every site in turn."""
    found_any = 0
    for image in digits[:3]:
        before = np.asarray(dlgn(image[None]))[0].argmax()
        nearest = np.inf
        for flip in flips.nearest(image, 32):
            if forced(dlgn, image, flip).argmax() != before:
                nearest = flip.distance
                break
        found = flips.nearest_class_change(image)
        if found is None:
            assert nearest == np.inf
            continue
        found_any += 1
        assert found.changes_class
        assert forced(dlgn, image, found).argmax() != before
        assert found.distance == pytest.approx(nearest)
    assert found_any


def test_strongest(dlgn, flips, digits):
    """Of all units those whose flip changes the lead most."""
    image, sizes = digits[1], []
    every = flips.nearest(image, 32)
    for flip in every:
        lead = flip.after[3] - flip.after[5] - flip.before[3] + flip.before[5]
        sizes.append(abs(lead))
    found = flips.strongest(image, 3, 5, count=4)
    expected = [every[k] for k in np.argsort(sizes)[::-1][:4]]
    assert [(x.site, x.unit) for x in found] == [
        (x.site, x.unit) for x in expected
    ]


@pytest.mark.parametrize(
    "name,options",
    [
        ("c4gap_dgn", {"gate": "hard"}),
        ("c4gap_dlgn", {"gate_permutation": (2, 0, 3, 1), "per_image": True}),
        slow("c4gap_dnn", {}),
    ],
)
def test_other_families(name, options, general_model, images_for):
    scales = {"mean": 0.0, "std": 1.0} if "per_image" in options else {}
    model = general_model(name, (6, 6, 1), width=3, **options, **scales)
    image = images_for(model, 1)[0]
    flips = GateFlips(model)
    linear = "dlgn" in name
    assert flips.exact_sites == model.site_names[: None if linear else 1]
    found = flips.strongest(image, count=6)
    local = [flip for flip in found if not flip.exact]
    assert bool(local) != linear
    for flip in found:
        if model.gated:
            expected = forced(model, image, flip)
            np.testing.assert_allclose(flip.after, expected, atol=1e-9)
    # A linearisation is right near the image: q at it, and its derivative.
    for flip in local[:1]:
        step = flip.template / np.linalg.norm(flip.template) ** 2
        near = image + 1e-2 * flip.preactivation * step
        q = np.asarray(model.preactivations(near[None])[flip.site])[0]
        assert q[flip.unit] == pytest.approx(
            1.01 * flip.preactivation, rel=1e-3
        )


def test_gates_behind_a_forced_one_respond_in_a_relu_network(images_for):
    """By NumPy, two layers of ReLUs."""
    model = create_model("fc_dnn", (2, 2, 1), 3, depth=3, width=6, seed=2)
    image = images_for(model, 1)[0]
    pixels = np.asarray(model.normalization(image[None]), "float64").ravel()
    first, second, last = (
        [np.asarray(w, "float64") for w in model.network.get_layer(x).weights]
        for x in ("dense1", "dense2", "logits")
    )
    for flip in GateFlips(model, ["dense1"]).nearest(image, 3):
        q = pixels @ first[0] + first[1]
        gate = (q > 0).astype("float64")
        gate[flip.unit] = 1 - gate[flip.unit]
        h = np.maximum(q * gate @ second[0] + second[1], 0)
        np.testing.assert_allclose(
            flip.after, h @ last[0] + last[1], rtol=1e-5, atol=1e-6
        )


def test_refusals(dlgn, general_model, images_for):
    with pytest.raises(UserError, match="a gate site.*conv7"):
        GateFlips(dlgn, ["conv7"])
    model = general_model("fc_dgn", (3, 3, 1), depth=3, width=4)
    behind = GateFlips(model, ["dense2"])
    with pytest.raises(
        UserError, match="affine in the image.*dense2 of fc_dgn"
    ):
        behind.nearest(images_for(model, 1)[0])


@pytest.fixture(scope="module")
def branches():
    """Of two branches from the image the first has a layer behind its site."""
    image = keras.Input((2, 2, 1))
    h = keras.layers.Flatten()(image)
    first = keras.layers.Dense(4, "relu", name="first")(h)
    ends = [
        keras.layers.Dense(4, "relu", name="behind")(first),
        keras.layers.Dense(3, "relu", name="last")(h),
    ]
    made = keras.layers.Dense(3)(keras.layers.Concatenate()(ends))
    return from_keras(keras.Model(image, made), "dnn", seed=0)


def test_which_sites_are_exact_where_branches_are_parallel(branches):
    """What is asked of each site, of all of them at once."""
    names = branches.site_names
    assert affine_sites(branches) == set(
        filter(functools.partial(is_affine, branches), names)
    )
    assert affine_sites(branches) == {"first", "last"} < set(names)
    assert GateFlips(branches, ["behind", "last"]).exact_sites == ["last"]
    behind = SiteMap(branches, "behind")
    with pytest.raises(UserError, match="affine in the image.*site=behind"):
        of_units(branches, "behind", [(0,)], site_map=behind)


def pooled(seed):
    """A network of the zoo with max pooling, which chooses anew."""
    image = keras.Input((6, 6, 1))
    h = keras.layers.Conv2D(3, 3, activation="relu", name="conv1")(image)
    h = keras.layers.MaxPooling2D(2)(h)
    h = keras.layers.Conv2D(3, 2, activation="relu", name="conv2")(h)
    made = keras.layers.Dense(3)(keras.layers.Flatten()(h))
    return from_keras(
        keras.Model(image, made),
        "dgn",
        max_pooling="keep",
        gate="hard",
        seed=seed,
    )


def test_the_nearest_class_change_where_max_pooling_chooses_anew(pixels):
    """By trying every unit in turn: what it chose is not held."""
    missed, images = 0, pixels(6, (6, 6, 1))
    for seed in (1, 3):
        model, image = pooled(seed), images[seed]
        flips = GateFlips(model, ["conv1"])
        assert flips.responds
        nearest = flips.nearest(image, 48)
        expected = [flip for flip in nearest if flip.changes_class][:1]
        found = flips.nearest_class_change(image)
        assert [(x.site, x.unit) for x in expected] == [
            (x.site, x.unit) for x in [found] if x
        ]
        # With all else held another unit would be named, or none.
        state = flips._state(image)
        held = flips._with_which_another_leads(
            state, state.before.argmax(), flips._distances(state)
        )
        named = [k for k in nearest if np.isfinite(held[k.site][k.unit])][:1]
        missed += [x.unit for x in named] != [x.unit for x in expected]
    assert missed


def test_a_gate_at_zero_flips_to_the_other_side(general_model):
    model = create_model("fc_dgn", (2, 2, 1), 3, depth=3, width=4, gate="hard")
    black = np.zeros((2, 2, 1), "uint8")
    flips = GateFlips(model)
    (flip,) = flips.flips(black, [("dense1", (0,))])
    assert (flip.preactivation, flip.gate, flip.flipped) == (0, 0, 1)


def test_what_is_forced_passes_in_parts_that_memory_bounds(dlgn, digits):
    image, every = digits[0], [("dense1", (k,)) for k in range(16)]
    whole = GateFlips(dlgn).forced(image, every, 0.25)
    few = GateFlips(dlgn, memory_gib=1.5e-5)
    assert 1 <= few.view.rows < 16
    with mock.patch.object(
        flips_module, "switched_logits", wraps=flips_module.switched_logits
    ) as passed:
        np.testing.assert_allclose(few.forced(image, every, 0.25), whole)
    sizes = [len(call.args[1]) for call in passed.call_args_list]
    assert sum(sizes) == 16 and max(sizes) == few.view.rows


@pytest.mark.parametrize(
    "unit", [("conv9", (0, 0, 0)), ("conv1", (3,)), ("conv1", (-1, 0, 0))]
)
def test_units_that_are_not_there(unit):
    model = create_model("c4gap_dlgn", (8, 8, 1), width=2, seed=0)
    flips, image = GateFlips(model), np.zeros((8, 8, 1))
    for ask in (
        lambda: flips.flips(image, [unit]),
        lambda: flips.forced(image, [unit], 0.0),
        lambda: flips.strongest(np.zeros((2, 8, 8, 1))),
        lambda: flips.nearest(np.zeros((2, 8, 8, 1))),
    ):
        with pytest.raises(UserError, match="Expected"):
            ask()
