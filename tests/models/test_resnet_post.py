"""ResNets standardised behind their gates, against NumPy."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from dlgn_tf.layers import BatchNorm
from dlgn_tf.models.build import create_model, load_model

SHAPE = (9, 8, 3)


def conv(p, name, x, stride=1):
    """Zero 'same' padding, as TensorFlow has it."""
    (kernel,) = p[name]
    size, pads = kernel.shape[0], [(0, 0)] * 4
    for axis in (1, 2):
        outputs = -(-x.shape[axis] // stride)
        total = max((outputs - 1) * stride + size - x.shape[axis], 0)
        pads[axis] = (total // 2, total - total // 2)
    windows = sliding_window_view(np.pad(x, pads), (size, size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel)


def relu_and_standardize(p, name, x):
    mean, variance = p[f"{name}_bn"]
    return (np.maximum(x, 0) - mean) / np.sqrt(variance + 1e-5)


def shortcut_a(x, filters, stride):
    x = x[:, ::stride, ::stride]
    return np.pad(x, [(0, 0)] * 3 + [(0, filters - x.shape[-1])])


def randomized(model, rng):
    """Statistics that are neither zeros nor ones; weights by layer."""
    found = {}
    for layer in model.network.layers:
        if isinstance(layer, BatchNorm):
            mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    0.3 * rng.normal(size=mean.shape),
                    rng.uniform(0.5, 2, variance.shape),
                ]
            )
        found[layer.name] = layer.get_weights()
    return found


@pytest.mark.parametrize("removed", [(), ("group1_block1",)])
def test_computes_what_is_listed(rng, removed):
    model = create_model(
        "resnet20_dnn",
        SHAPE,
        4,
        depth=8,
        width=2,
        norm="post",
        seed=3,
        removed=removed,
    )
    p = randomized(model, rng)
    images = rng.integers(0, 256, (2, *SHAPE)).astype("uint8")
    h = relu_and_standardize(p, "stem", conv(p, "stem", images / 255))
    for group, filters in ((1, 2), (2, 4), (3, 8)):
        name, stride = f"group{group}_block1", 1 if group == 1 else 2
        total = shortcut_a(h, filters, stride)
        if name not in removed:
            t = conv(p, f"{name}_conv1", h, stride)
            t = relu_and_standardize(p, f"{name}_conv1", t)
            total = total + conv(p, f"{name}_conv2", t)
        h = relu_and_standardize(p, name, total)
    (kernel,) = p["logits"]
    np.testing.assert_allclose(
        model(images), h.mean(axis=(1, 2)) @ kernel, rtol=1e-3, atol=1e-4
    )


def test_nothing_is_learned_but_kernels():
    model = create_model("resnet20_dnn", norm="post")
    assert {v.name for v in model.trainable_variables} == {"kernel"}
    norms = [x for x in model.network.layers if isinstance(x, BatchNorm)]
    # One behind each gate.
    assert len(norms) == len(model.site_names) == 19
    assert not any(x.center or x.scale for x in norms)


@pytest.mark.parametrize("family", ["dgn", "dlgn", "dlgn_sf"])
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_gated_families(tmp_path, rng, family, shortcut):
    model = create_model(
        f"resnet20_{family}",
        SHAPE,
        4,
        depth=8,
        width=2,
        norm="post",
        shortcut=shortcut,
        seed=0,
    )
    images = rng.integers(0, 256, (2, *SHAPE)).astype("uint8")
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), model(images))
