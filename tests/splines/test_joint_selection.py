"""What units select of patches, against Bayes' rule written out."""

import itertools

import numpy as np
import pytest

from dlgn_tf.splines import joint_selection

IMAGES = (20, 4, 5, 2)


def gaussians(units, x):
    """log p(x, regions) of every choice of regions, up to a constant of x.

    Of units (w, b): a mean 0 or w each, with prior exp(b + |w|^2 / 2) for w.
    """
    found = {}
    for chosen in itertools.product((0, 1), repeat=len(units)):
        on = [unit for unit, is_on in zip(units, chosen, strict=True) if is_on]
        mean = sum((w for w, _ in on), np.zeros_like(x))
        prior = sum(b + w @ w / 2 for w, b in on)
        found[chosen] = prior - np.sum((x - mean) ** 2) / 2
    return found


@pytest.mark.parametrize("places", [1, 2])
def test_is_what_bayes_says(places, rng):
    maps = rng.normal(size=IMAGES)
    filters, bias = rng.normal(size=(3, 18)) / 2, rng.normal(size=3)
    found = joint_selection.compare(
        filters, bias, (3, 3), maps, places, np.random.default_rng(1)
    )
    shape = (3, 2 + places, 2)
    drawn = joint_selection._patches(
        maps, (3, 3), shape, np.random.default_rng(1)
    )
    units = []
    for column in range(places):
        for w, b in zip(filters, bias, strict=True):
            placed = np.zeros(shape)
            placed[:, column : column + 3] = w.reshape(3, 3, 2)
            units.append((placed.ravel(), b))
    agreeing, lost = [], []
    for x in drawn:
        by_choice = gaussians(units, x)
        alone = tuple(int(w @ x + b > 0) for w, b in units)
        best = max(by_choice, key=by_choice.get)
        agreeing.append(np.equal(alone, best))
        lost.append(by_choice[best] - by_choice[alone])
    assert found["units"] == len(units)
    assert found["agreement"] == np.mean(np.all(agreeing, axis=1)) < 1
    assert found["units_agreeing"] == np.mean(agreeing)
    assert found["nats"] == pytest.approx(np.mean(lost)) and np.mean(lost) > 0


def test_orthogonal_filters_agree_at_one_place_and_not_at_two(rng):
    maps = rng.normal(size=IMAGES)
    filters = np.linalg.qr(rng.normal(size=(18, 6)))[0].T * 2
    one, two = (
        joint_selection.compare(filters, np.zeros(6), (3, 3), maps, places, rng)
        for places in (1, 2)
    )
    assert (one["agreement"], one["units"]) == (1, 6)
    assert one["cosine"] < 1e-12 < two["cosine"] and two["agreement"] < 0.9


def test_patches_reach_over_the_edge(rng):
    """A map of ones: corners of 3x3 patches see four of them."""
    ones = np.ones((3, 2, 2, 1))
    drawn = joint_selection._patches(ones, (3, 3), (3, 3, 1), rng)
    assert set(drawn.sum(axis=1)) == {4}


def test_narrow_filters_reach_over_the_edge_in_their_length_alone(rng):
    ones = np.ones((3, 4, 4, 1))
    drawn = joint_selection._patches(ones, (3, 1), (3, 1, 1), rng)
    np.testing.assert_array_equal(drawn[:, 1], 1)
    assert set(drawn.min(axis=1)) == {0, 1}
