"""The strongest paths, against the enumeration of all."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.shared_paths import sharing
from dlgn_tf.inspection.strongest_paths import Path, PathFinder

COVERED = {
    "fc": dict(depth=4, width=5),
    "fcresnet": dict(depth=6, width=3),
    "c4gap": dict(depth=2, width=3, padding="circular"),
    "gconv": dict(depth=2, width=2, head_width=4, padding="circular"),
}
SHAPE = (3, 2, 2)


def mostly_open(model, rng):
    """The same model with weights that leave most units alive."""
    for weight in model.weights:
        if weight.name == "kernel":
            weight.assign(rng.normal(0.3, 0.7, weight.shape))
    return model


def contributions(found):
    """Of each path of each image, `(n, paths)`."""
    product = found.inputs[:, found.start] * found.activity * found.weight
    return found.pooling * product


@pytest.mark.parametrize("name", COVERED)
@pytest.mark.parametrize(
    "family,options",
    [
        ("dgn", {"gate": "hard"}),
        ("dlgn", {"gate": "soft", "value_input": "ones"}),
        ("dnn", {}),
    ],
    ids=["hard", "soft", "relu"],
)
def test_equal_the_enumeration(
    name, family, options, general_model, images_for, rng, enumerated_paths
):
    model = general_model(
        f"{name}_{family}",
        SHAPE,
        biases=False,
        mean=0.0,
        **COVERED[name],
        **options,
    )
    mostly_open(model, rng)
    images = images_for(model)
    finder = PathFinder(model)
    for logit in (0, 3):
        all_paths = enumerated_paths(model, images, logit)
        values = contributions(all_paths)
        assert np.all((values != 0).sum(1) > 12)
        for kind, size in (
            ("positive", np.positive),
            ("negative", np.negative),
            ("absolute", np.abs),
        ):
            found = finder.strongest(images, logit, 12, kind)
            for paths_of_image, expected in zip(found, values, strict=True):
                best = np.sort(size(expected))[::-1][:12]
                sizes = size([p.contribution for p in paths_of_image])
                np.testing.assert_allclose(sizes, best[best > 0], rtol=1e-10)


@pytest.mark.parametrize("name", ["c4gap", "gconv"])
def test_features_and_values_are_those_enumerated(
    name, general_model, images_for, rng, enumerated_paths
):
    """With what global average pooling divides by in the feature."""
    model = general_model(f"{name}_dlgn", SHAPE, biases=False, **COVERED[name])
    mostly_open(model, rng)
    images = images_for(model, 1)
    all_paths = enumerated_paths(model, images, 1)
    features = all_paths.inputs[:, all_paths.start] * all_paths.activity
    features = all_paths.pooling * features[0]
    order = np.argsort(-np.abs(features * all_paths.weight))[:10]
    (found,) = PathFinder(model).strongest(images, 1)
    np.testing.assert_allclose(
        [path.feature for path in found], features[order], rtol=1e-10
    )
    np.testing.assert_allclose(
        [path.value for path in found], all_paths.weight[order], rtol=1e-10
    )


@pytest.mark.parametrize("name", ["fc", "fcresnet"])
def test_units_features_and_values(name, general_model, images_for):
    """Walked along by hand, from the units that a path says it passes."""
    model = general_model(f"{name}_dlgn", SHAPE, biases=False, **COVERED[name])
    images = images_for(model, 1)
    gates = {k: np.asarray(g)[0] for k, g in model.gates(images).items()}
    pixels = np.asarray(model.normalization(images), "float64")[0]
    for path in PathFinder(model).strongest(images, 2, 8)[0]:
        feature = pixels[path.start_unit]
        before, value = np.ravel_multi_index(path.start_unit, SHAPE), 1.0
        for site, (unit,) in path.units:
            kernel = model.value_network.get_layer(site).kernel
            value *= np.asarray(kernel, "float64")[before, unit]
            feature *= float(gates[site][unit])
            before = unit
        head = model.value_network.get_layer("logits").kernel
        value *= float(head[before, 2])
        assert path.start == "input"
        assert path.feature == pytest.approx(feature, rel=1e-10)
        assert path.value == pytest.approx(value, rel=1e-10)
        assert path.contribution == pytest.approx(feature * value, rel=1e-10)


SUMMED = {
    "fc": dict(depth=3, width=2),
    "c4gap": dict(depth=2, width=1),
    "fcresnet": dict(depth=3, width=2, block_depth=1, biases=True),
}


@pytest.mark.parametrize("name", SUMMED)
def test_all_paths_with_those_of_biases_sum_to_the_logits(
    name, general_model, images_for
):
    """Also with zeros beyond the edge, which the enumeration has not."""
    model = general_model(f"{name}_dlgn", (2, 3, 1), **SUMMED[name])
    images = images_for(model, 2)
    logits = np.asarray(model(images))
    found = PathFinder(model).strongest(images, [1, 2], 2000)
    assert len({p.start for p in found[0]}) > 2
    for of_image, expected in zip(found, logits[[0, 1], [1, 2]], strict=True):
        places = {(p.start, p.start_unit, p.units) for p in of_image}
        assert len(of_image) == len(places)
        total = sum(p.contribution for p in of_image)
        assert total == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "block,shortcut,depth",
    [("original", "A", 8), ("preactivated", "B", 8), ("bottleneck", "B", 11)],
)
def test_convolutional_residual_network(
    block, shortcut, depth, general_model, images_for
):
    """Skips, strides, batch normalisation: features by the units passed."""
    model = general_model(
        "resnet20_dlgn",
        (4, 4, 1),
        depth=depth,
        width=4,
        block=block,
        shortcut=shortcut,
    )
    images = images_for(model, 1)
    (found,) = PathFinder(model).strongest(images, 0, 20)
    view = DualView(model, "float64")
    entering, gates = view.entering(images)
    pixels = np.asarray(entering)[0]
    gates = {site: np.asarray(gate)[0] for site, gate in gates.items()}
    assert len(found) == 20
    for path in found:
        product = path.feature * path.value
        assert path.contribution == pytest.approx(product, rel=1e-10)
        passed = np.prod([gates[site][unit] for site, unit in path.units])
        start = pixels[path.start_unit] if path.start == "input" else 1.0
        # Global average pooling is over one position.
        assert path.feature == pytest.approx(start * passed, rel=1e-10)


def test_refuses():
    from dlgn_tf.models.build import create_model

    model = create_model("fc_dlgn", (4, 4, 1), 3, depth=2, width=2)
    finder = PathFinder(model)
    images = np.zeros((1, 4, 4, 1), "uint8")
    with pytest.raises(UserError, match="positive, negative, absolute.*best"):
        finder.strongest(images, 0, kind="best")
    with pytest.raises(UserError, match="0 to 2. Received: 3"):
        finder.strongest(images, 3)
    with pytest.raises(UserError, match="logit .* each of 1 im.*Received: 2"):
        finder.strongest(images, [0, 1])
    with pytest.raises(UserError, match="count >= 1. Received: count=0"):
        finder.strongest(images, 0, 0)
    with pytest.raises(UserError, match="50,000,000 connections.*vgg11"):
        PathFinder(create_model("vgg11_dlgn", (32, 32, 3)))


def path(start, *units):
    units = tuple((f"site{k}", (u,)) for k, u in enumerate(units))
    return Path(1.0, 1.0, 1.0, "input", (start,), units)


def test_sharing_by_hand():
    """Images with paths {a, b}, {a, c, d} and {a}."""
    a, b, c, d = path(0, 1, 1), path(0, 1, 2), path(1, 1, 1), path(2, 3, 2)
    found = sharing([[a, b], [a, c, d], [a]])
    assert found.paths == 4
    assert found.common == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert found.units == [
        ("site0", (1,), 1.0, 5 / 6),
        ("site1", (1,), 1.0, 4 / 6),
        ("site1", (2,), 2 / 3, 2 / 6),
        ("site0", (3,), 1 / 3, 1 / 6),
    ]
    assert np.isnan(sharing([[a]]).common)
    with pytest.raises(UserError, match=r"at least one path.*\[1, 0\]"):
        sharing([[a], []])
