"""Orthogonal filters in the models of the zoo."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf import export
from dlgn_tf.dual import tangent_kernel
from dlgn_tf.errors import UserError
from dlgn_tf.layers import OrthogonalKernel
from dlgn_tf.models import registry
from dlgn_tf.models.build import create_model, load_model
from dlgn_tf.models.initializers import bernoulli_weights
from dlgn_tf.models.orthogonal import filters_of, folded
from dlgn_tf.models.orthogonal_options import OrthogonalFilters
from dlgn_tf.models.transfer import copy_gates, copy_model
from dlgn_tf.regularizers import largest_cosine

SHAPE = (8, 8, 3)
# One of each kind, small.
OPTIONS = {
    "fc": {"width": 6},
    "fcresnet": {"width": 6},
    "c1gap": {"width": 5},
    "c4gap": {"width": 5, "padding": "circular"},
    "gconv": {"width": 4, "head_width": 6},
    "vconv": {"width": 2, "head_width": 5},
    "resnet20": {"depth": 8, "width": 4},
    "resnet110": {"depth": 8, "width": 4},
    "resnet164": {"depth": 11, "width": 4},
    "wrn16_4": {"depth": 10, "width": 1},
}


def build(name, orthogonal=None, **options):
    architecture = registry.parse(name)[0].name
    return create_model(
        name,
        SHAPE,
        3,
        seed=3,
        orthogonal=orthogonal,
        **{**OPTIONS[architecture], **options},
    )


def images_of(rng):
    return rng.integers(0, 256, (3, *SHAPE)).astype("uint8")


def orthogonal_layers(network):
    return [x for x in network.layers if isinstance(x, OrthogonalKernel)]


@pytest.mark.parametrize("family", ["dgn", "dlgn_sf"])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_kind_takes_them(rng, name, family):
    plain = build(f"{name}_{family}")
    model = build(f"{name}_{family}", OrthogonalFilters())
    assert model.name == plain.name
    assert model.site_shapes == plain.site_shapes
    # Raw kernels and other weights are those of the plain model.
    for actual, wanted in zip(model.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(actual, wanted)
    images = images_of(rng)
    assert np.all(np.isfinite(model(images)))
    assert list(model.gates(images)) == model.site_names
    found = filters_of(model)
    assert len(found) == sum(w.name == "kernel" for w in plain.weights)
    for filters in found:
        kernel = tf.cast(filters.layer.kernel, tf.float64)
        if filters.too_many:
            matrix = np.reshape(kernel, (filters.inputs, filters.count))
            square = matrix @ matrix.T
            np.testing.assert_allclose(
                square, square[0, 0] * np.eye(len(square)), atol=1e-5
            )
        else:
            assert float(largest_cosine(kernel)) <= 1e-6


def test_vgg_takes_them(rng):
    model = create_model(
        "vgg11_dgn", (32, 32, 3), 3, width=2, orthogonal=OrthogonalFilters()
    )
    cosines = [
        float(largest_cosine(filters.layer.kernel))
        for filters in filters_of(model)
        if not filters.too_many
    ]
    assert max(cosines) <= 1e-6


@pytest.mark.parametrize("networks", ["both", "gating", "value"])
def test_a_choice_of_networks(networks):
    model = build("c4gap_dlgn", OrthogonalFilters(networks=networks))
    gating = orthogonal_layers(model.gating_network)
    value = orthogonal_layers(model.value_network)
    assert bool(gating) == (networks != "value")
    assert bool(value) == (networks != "gating")
    labels = [filters.label for filters in filters_of(model, networks)]
    assert {label.split("/")[0] for label in labels} == (
        {"gating", "value"} if networks == "both" else {networks}
    )


def test_filters_that_are_too_many_are_known():
    model = build("c4gap_dlgn_sf", width=30)
    assert [str(x) for x in filters_of(model) if x.too_many] == [
        "gating/conv1 (30 of 27 inputs)",
        "gating/conv2 (30 of 27 inputs)",
        "gating/conv3 (30 of 27 inputs)",
        "gating/conv4 (30 of 27 inputs)",
        "value/conv1 (30 of 27 inputs)",
    ]
    with pytest.raises(UserError, match="30 filters of 27 inputs"):
        build("c4gap_dnn", OrthogonalFilters(overcomplete="error"), width=30)


@pytest.mark.parametrize(
    "options",
    [
        OrthogonalFilters(),
        OrthogonalFilters(scale="gain", overcomplete="groups"),
        OrthogonalFilters("newton_schulz", networks="gating"),
        OrthogonalFilters("cayley", scale="unit", networks="value"),
    ],
)
def test_folded_and_reloaded(rng, tmp_path, options):
    model = build("c4gap_dlgn", options, width=29)
    for variable in model.trainable_variables:
        noise = 0.1 * rng.normal(size=variable.shape)
        variable.assign(variable.numpy() + noise)
    images = images_of(rng)
    expected = np.asarray(model(images))
    plain = folded(model)
    assert type(plain) is type(model)
    assert plain.name == model.name
    assert not orthogonal_layers(plain.gating_network)
    assert not orthogonal_layers(plain.value_network)
    assert plain.count_params() == build("c4gap_dlgn", width=29).count_params()
    error = np.abs(plain(images) - expected).max()
    assert error <= 1e-6 * np.abs(expected).max()
    assert folded(plain) is plain

    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), expected)
    np.testing.assert_array_equal(
        np.concatenate([np.ravel(w) for w in loaded.get_weights()]),
        np.concatenate([np.ravel(w) for w in model.get_weights()]),
    )


def test_a_saved_model_has_plain_kernels(rng, tmp_path):
    model = build("c4gap_dlgn", OrthogonalFilters(), depth=2)
    images = images_of(rng)
    plain = folded(model)
    export.export(model, tmp_path / "saved")
    saved = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_array_equal(
        saved.serving_default(tf.constant(images))["logits"], plain(images)
    )
    operations = {
        operation.type
        for function in saved.signatures.values()
        for operation in function.graph.get_operations()
    }
    assert not operations & {"Cholesky", "Qr", "If", "While", "MatrixInverse"}


def test_a_frozen_gating_network_stays_frozen_when_folded():
    model = build("c4gap_dgn", OrthogonalFilters(), gate_regime="frozen_random")
    plain = folded(model)
    assert not plain.gating_network.trainable_variables
    assert plain.value_network.trainable_variables


def test_dependent_gates_are_a_copy(rng):
    model = build(
        "resnet20_dgn", OrthogonalFilters(), gate_regime="frozen_dependent"
    )
    for layer in orthogonal_layers(model.gating_network):
        twin = model.value_network.get_layer(layer.name)
        np.testing.assert_array_equal(layer.kernel, twin.kernel)


def test_a_model_of_plain_kernels_is_another_model():
    orthogonal = build("c4gap_dgn", OrthogonalFilters())
    plain = build("c4gap_dgn")
    for copy in (copy_gates, copy_model):
        copy(build("c4gap_dgn", OrthogonalFilters()), orthogonal)
        with pytest.raises(UserError, match="of the same options"):
            copy(plain, orthogonal)
        with pytest.raises(UserError, match="of the same options"):
            copy(orthogonal, plain)


def test_bernoulli_weights_need_kernels_that_are_weights():
    model = build("c4gap_dnn", OrthogonalFilters())
    with pytest.raises(UserError, match="plain kernels"):
        bernoulli_weights(model.network)
    bernoulli_weights(folded(model).network)


def test_the_tangent_kernel_is_in_the_weights_and_not_the_kernels(rng):
    """Against gradients of whole logits, image by image."""
    model = build("fc_dnn", OrthogonalFilters(scale="gain"))
    images = images_of(rng)
    rows = []
    for image in images:
        with tf.GradientTape() as tape:
            logit = tf.reduce_sum(model(image[None]))
        found = tape.gradient(
            logit, [v.value for v in model.trainable_variables]
        )
        rows.append(np.concatenate([np.ravel(g) for g in found]))
    expected = np.array(rows, np.float64) @ np.array(rows, np.float64).T
    found = tangent_kernel.empirical_ntk(model, images).total
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_name_stands_for_its_defaults(rng):
    images = images_of(rng)
    for name in ("gram_schmidt", "cayley"):
        expected = build("c4gap_dlgn", OrthogonalFilters(name))
        found = build("c4gap_dlgn", name)
        np.testing.assert_array_equal(found(images), expected(images))
    with pytest.raises(UserError, match="Received: .*=gram_schmitt"):
        build("c4gap_dlgn", "gram_schmitt")


def test_wrong_options():
    for options, words in (
        ({"reparametrization": "none"}, "reparametrization"),
        ({"scale": "long"}, "scale"),
        ({"overcomplete": "no"}, "overcomplete"),
        ({"networks": "all"}, "networks"),
        ({"reparametrization": "cayley", "scale": "residual"}, "residuals"),
    ):
        with pytest.raises(UserError, match=words):
            OrthogonalFilters(**options)
    gating = OrthogonalFilters(networks="gating")
    with pytest.raises(UserError, match="single network"):
        build("c4gap_dnn", gating)
    with pytest.raises(UserError, match="frozen_dependent"):
        build("c4gap_dgn", gating, gate_regime="frozen_dependent")
    with pytest.raises(UserError, match="ensemble of 3 members"):
        build("c1gap_dnn", OrthogonalFilters(), members=3)


def test_under_a_mixed_policy(rng, dtype_policy):
    dtype_policy("mixed_bfloat16")
    model = build("resnet20_dlgn", OrthogonalFilters())
    for filters in filters_of(model):
        full = filters.layer.full_kernel
        assert keras.backend.standardize_dtype(full.dtype) == "float32"
        assert float(largest_cosine(full)) <= 1e-6
    images = images_of(rng)
    np.testing.assert_array_equal(folded(model)(images), model(images))
