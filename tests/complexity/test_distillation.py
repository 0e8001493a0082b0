"""Draws are a function of seed, stream and epoch; training is Adam's."""

import keras
import numpy as np
import pytest

from dlgn_tf.complexity.distillation import Distillation, Draws, distil
from dlgn_tf.errors import UserError

SHAPE = (8, 8, 3)


class _Feature:
    """The mean pixel of each channel, of any images, on [0, 1]."""

    name, shape, size = "mean", (3,), 3

    def __init__(self):
        self.calls = 0

    def trunk(self, images):
        self.calls += 1
        return np.asarray(images, "float32").mean(axis=(1, 2)) / 255


def settings(**changes):
    return Distillation(
        **{"epochs": 3, "draws": 20, "augmentation": "none", **changes}
    )


@pytest.mark.parametrize("augmentation", ["none", "flip_crop"])
def test_draws_are_a_function(images, augmentation):
    feature = _Feature()
    here = Draws([feature], images, settings(augmentation=augmentation))
    there = Draws([feature], images, settings(augmentation=augmentation))
    there.at(7, 2)
    first, targets = here.at(4, 1)
    again, _ = there.at(4, 1)
    np.testing.assert_array_equal(first, again)
    # Targets are those of the images as they were drawn.
    np.testing.assert_allclose(targets[0], feature.trunk(first))
    for other in (here.at(4, 2)[0], here.at(7, 1)[0]):
        assert not np.array_equal(first, other)
    another = Draws(
        [feature], images, settings(seed=1, augmentation=augmentation)
    )
    assert not np.array_equal(first, another.at(4, 1)[0])


def test_drawn_with_replacement_from_all(images):
    drawn, _ = Draws([_Feature()], images, settings(draws=2000)).at(4, 0)
    numbers = [
        int(np.flatnonzero((images == x).all(axis=(1, 2, 3)))[0]) for x in drawn
    ]
    counts = np.bincount(numbers, minlength=len(images))
    assert len(drawn) == 2000
    # Of a Poisson variable of mean 33.
    assert counts.min() > 10
    assert counts.max() < 66


def test_features_of_stored_images_are_computed_once(images):
    feature = _Feature()
    draws = Draws([feature], images, settings())
    for epoch in range(3):
        draws.at(4, epoch)
    assert feature.calls == 1
    # Not where fewer are drawn than there are.
    feature = _Feature()
    few = Draws([feature], images, settings(epochs=1))
    assert feature.calls == 0
    few.at(4, 0)
    assert feature.calls == 1


def test_rates_fall_in_equal_ratios():
    rates = settings(epochs=5, first_rate=1e-1, last_rate=1e-5).rates
    np.testing.assert_allclose(rates, [1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
    assert Distillation().rates[0] == pytest.approx(1e-3)
    assert Distillation().rates[-1] == pytest.approx(1e-5)


def linear_net(outputs=1):
    image = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    heads = [
        keras.layers.Dense(
            3,
            use_bias=False,
            # Whatever was drawn before.
            kernel_initializer=keras.initializers.GlorotUniform(seed=k),
            name=f"head{k}",
        )(flat)
        for k in range(outputs)
    ]
    return keras.Model(image, heads if outputs > 1 else heads[0])


def test_first_step_is_adams(images):
    """Adam's first step is the rate times the gradient's sign."""
    net = linear_net()
    before = net.get_weights()[0]
    draws = Draws([_Feature()], images, settings())
    drawn, targets = draws.at(4, 0)
    x = drawn.reshape(len(drawn), -1) / 255
    residual = x @ before - targets[0]
    gradient = 2 * x.T @ residual / residual.size
    errors = distil(net, draws, 4, settings(epochs=1, first_rate=1e-3), 20)
    step = net.get_weights()[0] - before
    clear = np.abs(gradient) > 1e-2 * np.abs(gradient).max()
    assert clear.mean() > 0.9
    np.testing.assert_allclose(
        step[clear], -1e-3 * np.sign(gradient)[clear], rtol=1e-2
    )
    assert errors[0] == pytest.approx(np.mean(residual**2), rel=1e-4)


def test_errors_of_several_outputs_add_up(images):
    net = linear_net(2)
    draws = Draws([_Feature(), _Feature()], images, settings())
    drawn, targets = draws.at(4, 0)
    x = drawn.reshape(len(drawn), -1) / 255
    expected = sum(
        np.mean((x @ kernel - t) ** 2)
        for kernel, t in zip(net.get_weights(), targets, strict=True)
    )
    (error,) = distil(net, draws, 4, settings(epochs=1), 20)
    assert error == pytest.approx(expected, rel=1e-4)


def test_training_learns_a_linear_feature(images):
    net = linear_net()
    long = settings(epochs=60, draws=40, first_rate=1e-2, last_rate=1e-3)
    seen = []
    errors = distil(
        net,
        Draws([_Feature()], images, long),
        4,
        long,
        7,
        lambda epoch, error: seen.append((epoch, error)),
    )
    assert errors[-1] < 0.05 * errors[0]
    assert seen == list(zip(range(1, 61), errors, strict=True))


def test_error_that_is_not_finite(images):
    net = linear_net()
    net.set_weights([np.full((192, 3), 1e30, "float32")])
    with pytest.raises(UserError, match="stays finite"):
        distil(net, Draws([_Feature()], images, settings()), 4, settings(), 20)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"draws": 0}, {"augmentation": "blur"}]
)
def test_settings_are_checked(wrong):
    with pytest.raises(UserError):
        Distillation(**wrong)
