"""What nets learn, and what is measured of it, knows no scale."""

import dataclasses

import keras
import numpy as np
import pytest

from dlgn_tf.complexity.components import measure_significance
from dlgn_tf.complexity.cycle import CycleSettings
from dlgn_tf.complexity.distillation import Distillation
from dlgn_tf.complexity.ladder import LadderSettings, train_ladder
from dlgn_tf.complexity.reliability import (
    ReliabilitySettings,
    measure_reliability,
    train_shared,
)
from dlgn_tf.complexity.unit import unit_of
from dlgn_tf.errors import UserError


def changed(feature, factor, shift):
    """The same feature on another scale, around other means."""
    return dataclasses.replace(
        feature, read=lambda images: factor * feature.trunk(images) + shift
    )


def test_unit(feature, images):
    f = feature.trunk(images).astype("float64")
    unit = unit_of(feature, images)
    np.testing.assert_allclose(unit.centre, f.mean(axis=(0, 1, 2)), rtol=1e-5)
    assert unit.scale == pytest.approx(np.sqrt(f.var(axis=0).mean()), rel=1e-5)
    given = unit.feature(feature).trunk(images)
    np.testing.assert_allclose(given.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    assert given.var(axis=0).mean() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("shape", [(2, 3, 5), (5,)])
def test_back_leaves_the_unit(rng, shape, tmp_path):
    f = (rng.normal(size=(40, *shape)) * 7 + np.arange(5)).astype("float32")

    class _Planted:
        name, size = "planted", int(np.prod(shape))

        def trunk(self, chosen):
            return f[chosen]

    _Planted.shape = shape
    unit = unit_of(_Planted(), np.arange(40))
    given = keras.Input(shape)
    model = keras.Model(given, unit.back(given))
    np.testing.assert_allclose(model(unit.of(f)), f, rtol=1e-4, atol=1e-4)
    model.save(tmp_path / "unit.keras")
    read = keras.models.load_model(tmp_path / "unit.keras")
    np.testing.assert_array_equal(read(unit.of(f)), model(unit.of(f)))


@pytest.mark.parametrize("factor", [0.0, 1e-9])
def test_constant_feature_is_refused(feature, images, factor):
    with pytest.raises(UserError, match="the same for all of 60 images"):
        unit_of(changed(feature, factor, 3.0), images)


def described(feature, others, images):
    training = Distillation(3, 64, 1e-2, 1e-3, augmentation="none")
    nets = LadderSettings((4,), 1 / 32, training=training)
    cycle = CycleSettings(epochs=2, phases=2, draws=16, batch_size=8)
    settings = ReliabilitySettings(nets, cycle)
    ladder = train_ladder(feature, images, nets, progress=False)
    features = [feature, *others]
    shared = train_shared(features, images, settings, progress=False)
    shares = measure_significance(feature, ladder, images)
    reliable = measure_reliability(feature, ladder, shared, images)
    return [*shares.significance, *shares.remainders, *reliable.descriptor()]


def test_shares_know_no_scale(feature, images):
    """Trained nets, not planted ones: they learn the same."""
    expected = described(feature, [feature], images)
    for factor, shift in ((1 / 1024, 0.0), (16.0, 100.0)):
        found = described(changed(feature, factor, shift), [feature], images)
        np.testing.assert_allclose(found, expected, rtol=2e-2, atol=1e-3)
