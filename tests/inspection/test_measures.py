"""Measures of explanations, on networks and maps whose answer is known."""

import keras
import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import explain
from dlgn_tf.errors import UserError
from dlgn_tf.inspection import measures, planted
from dlgn_tf.models.build import create_model


def test_mass():
    maps = np.zeros((2, 4, 4, 2))
    maps[0, 1, 2] = (3, -1)
    maps[0, 3, 3] = (0, 4)
    found = measures.mass(maps, (1, 2, 3, 4))
    np.testing.assert_array_equal(found, [0.5, 0.0])


def test_agreement(rng):
    first = rng.normal(size=(3, 4, 4, 1))
    for sign in (2, -2):
        found = measures.agreement(first, sign * first**3)
        np.testing.assert_allclose(found, np.sign(sign))
    other = rng.normal(size=first.shape)
    assert np.abs(measures.agreement(first, other)).max() < 0.7
    assert measures.agreement(first, 0 * first).tolist() == [0, 0, 0]


def logits_of(model, pixels):
    """Of one normalised image."""
    pixels = keras.ops.convert_to_tensor(pixels.reshape(1, 3, 3, 1), "float32")
    return np.asarray(model.of_pixels(pixels))


def test_curves_by_hand(rng):
    """Pixels go one by one, the strongest first, in NumPy."""
    model = create_model("fc_dlgn", (3, 3, 1), 3, width=4, depth=3, seed=1)
    images = rng.integers(0, 256, (2, 3, 3, 1), dtype=np.uint8)
    found = explain(model, images, 1)
    deleted = measures.curves(model, found, steps=9)
    inserted = measures.curves(model, found, steps=9, insertion=True)
    assert deleted.shape == (2, 10)
    for k, image in enumerate(np.asarray(model.normalization(images))):
        order = np.argsort(-found.maps[k].ravel())
        for gone in (0, 1, 5, 9):
            pixels = image.copy().ravel()
            pixels[order[:gone]] = 0
            (expected,) = logits_of(model, pixels)
            assert deleted[k, gone] == pytest.approx(expected[1], rel=1e-5)
            pixels = image.ravel() - pixels
            (expected,) = logits_of(model, pixels)
            assert inserted[k, gone] == pytest.approx(expected[1], rel=1e-5)


@pytest.mark.parametrize("name,agrees", [("dlgn", True), ("dnn", False)])
def test_units_lose_what_they_were_said_to_add(
    name, agrees, general_model, images_for
):
    """In a gated network; the control's gates behind them respond."""
    model = general_model(f"fc_{name}", (3, 3, 1), width=8, depth=4)
    image = images_for(model, 1)[0]
    said, measured = measures.switched_off(model, image, "dense1", 8)
    close = np.allclose(said, measured, atol=1e-6 * np.abs(said).max())
    assert close == agrees and np.abs(said).max() > 0.1


BOX_ELSEWHERE = (6, 7, 10, 11)


@pytest.fixture(scope="module")
def evidence():
    """A network that must use the patch, and images of the same kind."""
    train, test = (planted.planted_patch(n, s) for n, s in ((6000, 1), (60, 2)))
    data = dlgn_tf.data.from_arrays(
        train.images, train.labels, test.images, test.labels
    )
    model, history = dlgn_tf.fit(
        "fc_dlgn",
        data,
        depth=3,
        width=16,
        normalization="dataset",
        epochs=40,
        batch_size=256,
        learning_rates=(0.01, 0.001),
        boundaries=(600,),
        l2=0.01,
        verbose=False,
    )
    assert history["val_accuracy"][-1] > 0.95
    return model, test.images


@pytest.mark.slow
def test_planted_evidence(evidence):
    model, images = evidence
    found = explain(model, images)
    inside = measures.mass(found.maps, planted.BOX)
    assert inside.mean() > 0.95
    # Controls: another place of this size, and a network that learned nothing.
    assert measures.mass(found.maps, BOX_ELSEWHERE).mean() < 0.05


def test_compare(images_for):
    model = create_model("fc_dlgn", (4, 4, 1), 3, width=6, depth=3, seed=1)
    methods = ["contributions", "gradient_x_input"]
    found = measures.compare(model, images_for(model, 3), methods, steps=4)
    assert list(found) == methods
    exact, other = (found[method][1] for method in methods)
    assert exact.gap < 1e-6 < 1e-3 < other.gap
    assert exact.seconds > 0
    # As of itself 1, of the network with other weights less.
    itself = measures.agreement_with(model, found["contributions"][0])
    np.testing.assert_allclose(itself, 1)
    assert -1 <= exact.redrawn < 0.9
    for explained, scores in found.values():
        curve = measures.curves(model, explained, 4).mean(axis=0)
        left = (curve - curve[-1]).mean() / (curve[0] - curve[-1])
        assert scores.deletion == pytest.approx(left, rel=1e-5)


@pytest.mark.parametrize(
    "method,options",
    [("occlusion", {"window": 3}), ("smoothgrad", {"seed": 4})],
)
def test_another_network_is_asked_the_same(method, options, images_for):
    """A network has the maps of itself, of differences and options too."""
    model = create_model("fc_dlgn", (4, 4, 1), 3, width=6, depth=3, seed=1)
    found = explain(
        model, images_for(model, 2), 0, method, against=2, **options
    )
    np.testing.assert_allclose(measures.agreement_with(model, found), 1)
    site = explain(model, found.images, site="dense2")
    np.testing.assert_allclose(measures.agreement_with(model, site), 1)


def test_areas():
    """Of what rises; where nothing does there is none."""
    rising = np.array([[1.0, 2.0, 4.0], [1.0, 4.0, 4.0]])
    assert measures.area(rising) == pytest.approx((0 + 2 / 3 + 1) / 3)
    assert np.isnan(measures.area(-rising))
    assert np.isnan(measures.area(0 * rising))


def test_curves_are_of_pixels():
    model = create_model("c4gap_dlgn", (8, 8, 1), width=2, seed=0)
    images = np.zeros((1, 8, 8, 1))
    found = explain(model, images, 0, site="conv2")
    with pytest.raises(UserError, match="of pixels.*conv2"):
        measures.curves(model, found)
    with pytest.raises(UserError, match="steps .* >= 1. Received: steps=0"):
        measures.compare(model, images, ["gradient"], steps=0)
