"""Reliable parts against whole arrays; shared nets on disk."""

import numpy as np
import pytest

from dlgn_tf.complexity import reliability as module
from dlgn_tf.complexity.cycle import CycleSettings
from dlgn_tf.complexity.distillation import Distillation, outputs_of
from dlgn_tf.complexity.ladder import LadderSettings, train_ladder
from dlgn_tf.complexity.reliability import ReliabilitySettings
from dlgn_tf.errors import UserError


@pytest.fixture(scope="module")
def features(make_feature):
    return [make_feature(0), make_feature(1), make_feature(2, width=6)]


@pytest.fixture
def quick(monkeypatch):
    """Nets stay as they start: what is tested is where they are kept."""
    monkeypatch.setattr(module, "distil", lambda *given: np.ones(2))


def settings(method="budgeted", orders=(4, 7)):
    training = Distillation(2, 32, augmentation="none")
    return ReliabilitySettings(
        LadderSettings(orders, 1 / 64, training=training),
        CycleSettings(method, epochs=2, phases=3, draws=16, batch_size=8),
    )


@pytest.fixture(scope="module")
def ladder(features, images):
    return train_ladder(features[0], images, settings().shared, progress=False)


@pytest.fixture(scope="module")
def shared(features, images):
    return module.train_shared(features, images, settings(), progress=False)


def total_variance(z):
    return np.var(np.asarray(z, "float64"), axis=0).sum()


def cycled(shared, psi, cycles):
    """psi after cycles, network by network."""
    for _ in range(cycles):
        ways = [
            psi @ g @ h
            for g, h in zip(shared.forward, shared.back, strict=True)
        ]
        psi = sum(ways) / len(ways)
    return psi


def reliable(shared, images, cycles=5):
    return shared.reliable(outputs_of(shared.psi, images), cycles)


def unit(feature, images):
    """Mean of each channel, and root of the mean variance of coordinates."""
    f = feature.trunk(images).astype("float64")
    return f.mean(axis=(0, 1, 2)), np.sqrt(f.var(axis=0).mean())


@pytest.mark.parametrize("cycles", [0, 2, 5])
def test_reliable_feature(shared, features, images, cycles):
    centre, scale = unit(features[0], images)
    of_order = shared[7]
    pixels = images.astype("float32")
    psi = np.asarray(of_order.psi(pixels, training=False), "float64")
    in_unit = cycled(of_order, psi, cycles) @ of_order.forward[0]
    expected = centre + scale * in_unit
    np.testing.assert_allclose(
        reliable(of_order, images, cycles), expected, rtol=1e-3, atol=1e-4
    )


def test_net_holds_all_maps(shared, images, features):
    of_order = shared[4]
    assert [g.shape for g in of_order.forward] == [(4, 4), (4, 4), (4, 6)]
    assert [h.shape for h in of_order.back] == [(4, 4), (4, 4), (6, 4)]
    outputs = of_order.net(images.astype("float32"), training=False)
    shapes = [tuple(x.shape[1:]) for x in outputs]
    assert shapes[:3] == [f.shape for f in features]
    centre, scale = unit(features[2], images)
    np.testing.assert_allclose(
        outputs[5],
        (np.asarray(outputs[2]) - centre) / scale @ of_order.back[2],
        rtol=1e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize("batch_size", [17, 1000])
def test_shares(shared, ladder, features, images, batch_size):
    found = module.measure_reliability(
        features[0], ladder, shared, images, (2, 5), batch_size
    )
    f, phi = features[0].trunk(images), ladder.outputs(images)
    assert found.orders == (4, 7)
    assert tuple(found.covariances) == (0, 2, 5)
    for cycles in (0, 2, 5):
        reliably = {o: reliable(shared[o], images, cycles) for o in (4, 7)}
        ratio = [
            total_variance(reliably[o]) / total_variance(phi[o]) for o in (4, 7)
        ]
        c = [phi[4], phi[7] - phi[4]]
        c_reliable = [reliably[4], reliably[7] - reliably[4]]
        whole = total_variance(f)
        shares = [total_variance(x) / whole for x in c_reliable]
        rest = [
            total_variance(a - b) / whole
            for a, b in zip(c, c_reliable, strict=True)
        ]
        np.testing.assert_allclose(found.ratio(cycles), ratio, rtol=1e-3)
        np.testing.assert_allclose(
            found.descriptor(cycles), [*shares, *rest], rtol=1e-3, atol=1e-6
        )
    rows = found.rows()
    assert [(r["cycles"], r["order"]) for r in rows] == [
        (u, o) for u in (0, 2, 5) for o in (4, 7)
    ]


def test_truncated_maps_are_least_squares_on_all_images(
    features, images, quick
):
    shared = module.train_shared(
        features, images, settings("truncated_svd", (4,)), progress=False
    )[4]
    psi = np.asarray(shared.psi(images.astype("float32"), training=False))
    rows = psi.reshape(-1, psi.shape[-1]).astype("float64")
    for g, h in zip(shared.forward, shared.back, strict=True):
        best = np.linalg.lstsq(rows @ g, rows, rcond=1e-2)[0]
        assert np.mean((rows @ g @ h - rows) ** 2) == pytest.approx(
            np.mean((rows @ g @ best - rows) ** 2), rel=1e-2, abs=1e-9
        )


def test_goes_on_from_disk(tmp_path, features, images, monkeypatch, quick):
    first = module.train_shared(features, images, settings(), tmp_path, False)
    monkeypatch.setattr(
        module, "distil", lambda *a: pytest.fail("trained again")
    )
    read = module.train_shared(features, images, settings(), tmp_path, False)
    for order, shared in first.items():
        weights = read[order].net.get_weights()
        assert all(map(np.array_equal, weights, shared.net.get_weights()))


def test_what_does_not_fit(features, images, ladder, make_feature):
    with pytest.raises(UserError, match="at least two"):
        module.train_shared(features[:1], images, settings())
    other = make_feature(side=6)
    with pytest.raises(UserError, match="one height and width"):
        module.train_shared([features[0], other], images, settings())
    with pytest.raises(UserError, match="orders"):
        module.measure_reliability(features[0], ladder, {25: None}, images)
