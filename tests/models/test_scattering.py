"""Learned scattering networks against NumPy, written from the spec."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.sites import check_has_sites
from dlgn_tf.models.build import create_model

SIDE = 32


def gabor(sigma, xi, angle):
    axis = np.arange(-3, 4)
    u, v = np.meshgrid(axis, axis, indexing="ij")
    envelope = np.exp(-(u**2 + v**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    wave = np.exp(1j * xi * (u * math.cos(angle) + v * math.sin(angle)))
    return envelope, envelope * wave


def filtered(x, kernel, stride):
    """Reflected at the edges; every `stride`-th pixel."""
    padded = np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    total = 0
    for i in range(7):
        for j in range(7):
            shifted = padded[:, i : i + x.shape[1], j : j + x.shape[2]]
            total = total + kernel[i, j] * shifted
    return total[:, ::stride, ::stride]


def block(model, name, x, scale, skip, unit_norm):
    """Low-pass and wavelets, modulus, standardisation, 1x1, norm."""
    sigma, xi, low_pass, stride = scale
    parts = [filtered(x, gabor(low_pass, 0, 0)[0], stride)]
    for k in range(4):
        envelope, wave = gabor(sigma, xi, k * np.pi / 4)
        wave -= wave.sum() / envelope.sum() * envelope
        parts.append(filtered(x, wave, stride))
    low_pass, waves = parts[0], parts[1:]
    maps = [*parts, *np.abs(parts)] if skip else [low_pass, *np.abs(waves)]
    h = np.concatenate(maps, axis=-1)
    h = (complex_standardized if skip else standardized)(model, name, h)
    (kernel,) = model.network.get_layer(name).get_weights()
    h = h @ np.squeeze(kernel)
    if unit_norm:
        h /= np.linalg.norm(h, axis=-1, keepdims=True)
    return h


def standardized(model, name, h):
    mean, variance = model.network.get_layer(f"{name}_bn").get_weights()
    return (h - mean) / np.sqrt(variance + 1e-5)


def complex_standardized(model, name, z):
    """One mean a complex channel; variance is that of the distance from it."""
    weights = model.network.get_layer(f"{name}_bn").get_weights()
    means, variances = (np.split(w, 2) for w in weights)
    return (z - means[0] - 1j * means[1]) / np.sqrt(sum(variances) + 1e-5)


def randomize_statistics(model, rng):
    for layer in model.network.layers:
        if layer.name.endswith("_bn"):
            mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    0.1 * rng.normal(size=mean.shape),
                    rng.uniform(0.5, 2, variance.shape),
                ]
            )


OCTAVE = (0.8, 3 * math.pi / 4, 0.8, 2)
PAIR = (
    (0.8, 3 * math.pi / 4, 0.8 / math.sqrt(2), 1),
    (0.8 * math.sqrt(1.5), math.pi / math.sqrt(2), 0.8 / math.sqrt(2), 2),
)


@pytest.mark.parametrize(
    "name,options,scales,sides",
    [
        ("scattering3", {}, [OCTAVE] * 4, (16, 8, 4, 2)),
        ("scattering3_mini", {}, [OCTAVE] * 4, (16, 8, 4, 2)),
        (
            "scattering3_mini",
            {"skip": True, "unit_norm": False},
            [OCTAVE] * 4,
            (16, 8, 4, 2),
        ),
        ("scattering7", {}, PAIR * 4, (32, 16, 16, 8, 8, 4, 4, 2)),
        ("scattering7", {"skip": False}, PAIR * 4, (32, 16) + (16, 8, 8, 4, 4)),
    ],
)
def test_computes_what_the_spec_lists(rng, name, options, scales, sides):
    model = create_model(f"{name}_dnn", width=2, seed=1, **options)
    randomize_statistics(model, rng)
    images = rng.integers(0, 256, (2, SIDE, SIDE, 3)).astype("uint8")
    given = {
        "skip": name == "scattering7",
        "unit_norm": name != "scattering3",
        **options,
    }
    h = images / 255
    for index, scale in enumerate(scales):
        h = block(model, f"conv{index + 1}", h, scale, **given)
        if index < len(sides):
            assert h.shape[1:3] == (sides[index],) * 2
    if given["skip"]:
        h = np.concatenate([h.real, h.imag], axis=-1)
    h = standardized(model, "head", h)
    (kernel,) = model.network.get_layer("logits").get_weights()
    expected = h.reshape(2, -1) @ kernel
    np.testing.assert_allclose(model(images), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    "name,width,expected",
    [
        ("scattering3", 64, (64, 128, 256, 512)),
        # s = 1/2: the last matrix keeps its size.
        ("scattering3", 32, (32, 64, 128, 512)),
        ("scattering3_mini", 8, (8, 16, 32, 64)),
        ("scattering7", 16, (16, 32, 64, 128, 128, 128, 128, 128)),
    ],
)
def test_widths(name, width, expected):
    model = create_model(f"{name}_dnn", width=width, seed=0)
    found = [
        layer.filters
        for layer in model.network.layers
        if type(layer) is keras.layers.Conv2D
    ]
    found += [
        layer.units
        for layer in model.network.layers
        if type(layer) is keras.layers.Dense and layer.name != "logits"
    ]
    assert tuple(found) == expected
    assert not any(w.name == "bias" for w in model.weights)


@pytest.mark.parametrize("skip", [False, True])
def test_gradient(rng, skip):
    model = create_model("scattering3_mini_dnn", width=2, seed=0, skip=skip)
    images = rng.integers(0, 256, (2, SIDE, SIDE, 3)).astype("uint8")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(images, training=True)))
    variables = [v.value for v in model.trainable_variables]
    # Four matrices and the head; filters and standardisation are fixed.
    assert len(variables) == 5
    for gradient in tape.gradient(loss, variables):
        assert np.all(np.isfinite(gradient)) and np.any(gradient)


def test_a_black_image_is_no_trouble():
    model = create_model("scattering3_mini_dnn", width=2, seed=0)
    logits = model(np.zeros((1, SIDE, SIDE, 3), "uint8"), training=True)
    assert np.all(np.isfinite(logits))


def test_there_are_no_gates():
    model = create_model("scattering3_mini_dnn", width=2, seed=0)
    images = np.zeros((1, SIDE, SIDE, 3), "uint8")
    assert model.site_names == []
    assert model.preactivations(images) == model.gates(images) == {}
    assert model.activation is None
    for options in ({"activation": "swish"}, {"activation_beta": 0.5}):
        with pytest.raises(UserError, match="without ReLUs"):
            create_model("scattering3_mini_dnn", **options)
    with pytest.raises(UserError, match="gate sites"):
        check_has_sites(model)
