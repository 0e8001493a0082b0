"""Components and their shares of variance against NumPy on whole arrays."""

import types

import numpy as np
import pytest

from dlgn_tf.complexity import components as module
from dlgn_tf.complexity.components import Components
from dlgn_tf.complexity.covariance import PartCovariance
from dlgn_tf.complexity.features import Feature
from dlgn_tf.errors import UserError

ORDERS, SHAPE = (4, 7, 13), (2, 3, 5)


def total_variance(z):
    return np.var(np.asarray(z, "float64"), axis=0).sum()


@pytest.fixture
def nets(rng):
    """f, and outputs that come nearer to it, all around a large mean."""
    f = rng.normal(size=(60, *SHAPE)) + 30
    outputs = {
        order: 30 + share * (f - 30) + 0.1 * rng.normal(size=f.shape)
        for order, share in zip(ORDERS, (0.4, 0.7, 0.9), strict=True)
    }
    return f, outputs


def planted(f, outputs):
    """A feature and nets that are tables, of images that are numbers."""
    feature = Feature(
        "planted", (1, 1, 1), SHAPE, None, lambda x: f[x.ravel()], None, None
    )
    nets = types.SimpleNamespace(
        orders=ORDERS,
        outputs=lambda x: {o: phi[x.ravel()] for o, phi in outputs.items()},
    )
    return feature, nets


def numbered(count):
    """Images that say which one they are."""
    return np.arange(count).reshape(-1, 1, 1, 1)


def test_components(nets):
    f, outputs = nets
    found = Components.of(f, {o: outputs[o] for o in ORDERS[::-1]})
    assert found.orders == ORDERS
    np.testing.assert_allclose(found.parts[0], outputs[4], rtol=1e-6)
    np.testing.assert_allclose(
        found.parts[1], outputs[7] - outputs[4], atol=1e-5
    )
    np.testing.assert_allclose(
        found.parts[2], outputs[13] - outputs[7], atol=1e-5
    )
    np.testing.assert_allclose(found.remainder, f - outputs[13], atol=1e-5)
    assert np.abs(found.feature() - f).max() < 1e-5 * np.abs(f).max()


@pytest.mark.parametrize("batch_size", [7, 60, 1000])
def test_significance(nets, batch_size):
    f, outputs = nets
    found = module.measure_significance(
        *planted(f, outputs), numbered(60), batch_size
    )
    whole = total_variance(f)
    parts = [outputs[4], outputs[7] - outputs[4], outputs[13] - outputs[7]]
    shares = [total_variance(c) / whole for c in parts]
    left = [total_variance(f - outputs[o]) / whole for o in ORDERS]
    assert found.images == 60
    assert found.variance == pytest.approx(whole, rel=1e-5)
    np.testing.assert_allclose(found.significance, shares, rtol=1e-4)
    np.testing.assert_allclose(found.remainders, left, rtol=1e-4)
    assert found.gap == pytest.approx(1 - sum(shares) - left[-1], abs=1e-5)
    assert found.profile.sum() == pytest.approx(1)
    rows = found.rows()
    assert [row["order"] for row in rows] == list(ORDERS)
    assert rows[1]["remainder"] == pytest.approx(left[1], rel=1e-4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_covariance_is_numpys(rng, dtype):
    """E z^2 - (E z)^2 in float32 would lose all digits here."""
    parts = (rng.normal(size=(3, 50, 4)) + 1e4).astype(dtype)
    stream = PartCovariance(3)
    for first, last in ((0, 1), (1, 20), (20, 50)):
        stream.add(parts[:, first:last])
    parts = parts.astype("float64")
    expected = sum(np.cov(parts[..., d], bias=True) for d in range(4))
    np.testing.assert_allclose(stream.matrix(), expected, rtol=1e-8)
    np.testing.assert_allclose(stream.means, parts.mean(axis=1))
    assert stream.count == 50


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_constant_feature_is_refused(nets, level):
    f, outputs = nets
    constant = planted(np.full_like(f, level), outputs)
    with pytest.raises(UserError, match="planted, the same for all of 60"):
        module.measure_significance(*constant, numbered(60))


def test_total_variation():
    assert module.total_variation([0.5, 0.5], [0.2, 0.8]) == pytest.approx(0.3)
    assert module.total_variation([1, 0], [0, 1]) == 1
