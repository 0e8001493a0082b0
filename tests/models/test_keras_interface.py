"""What a user of Keras does with a model of the zoo."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.models.images import check_images

SHAPE = (6, 5, 1)
KINDS = {
    "dnn": ("c4gap_dnn", {}),
    "dgn": ("c4gap_dgn", {}),
    "dlgn": ("c4gap_dlgn", {"per_image": True}),
    "dlgn_sf": ("c4gap_dlgn_sf", {}),
    "ensemble": ("c1gap_dnn", {"members": 2}),
}
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make(kind):
    name, options = KINDS[kind]
    depth = {} if kind == "ensemble" else {"depth": 2}
    return create_model(name, SHAPE, 3, width=2, seed=0, **depth, **options)


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return make(request.param)


@pytest.mark.parametrize("kind", ["dlgn", "dnn fitted"])
def test_export_needs_no_call(kind, tmp_path, images):
    kind, *fit_first = kind.split()
    model = make(kind)
    if fit_first:
        model.compile("sgd", LOSS)
        model.fit(images, np.arange(5) % 3, verbose=0)
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    logits = loaded.serve(images.astype("float32"))
    np.testing.assert_allclose(logits, model(images), atol=1e-6)


def test_inputs_and_outputs_are_the_models(model, images):
    assert model.input_shape == (None, *SHAPE)
    assert model.output_shape == (None, 3)
    assert model.inputs == [model.input] and model.outputs == [model.output]
    assert model.compute_output_shape((7, *SHAPE)) == (7, 3)
    whole = keras.Model(model.input, model.output)
    assert len(whole.trainable_weights) == len(model.trainable_weights)
    np.testing.assert_allclose(whole(images), model(images), atol=1e-6)


def test_sites_are_read_by_models_of_their_own(model, images, tmp_path):
    """Also once they have been saved."""
    for read in (model.preactivations, model.gates):
        reader = keras.Model(model.input, read(model.input))
        reader.save(tmp_path / "reader.keras")
        reader = keras.models.load_model(tmp_path / "reader.keras")
        found = reader(images)
        for site, expected in read(images).items():
            np.testing.assert_allclose(found[site], expected, atol=1e-5)


def test_part_of_another_model(model, images):
    whole = keras.Sequential([model, keras.layers.Softmax()])
    expected = tf.nn.softmax(model(images))
    np.testing.assert_allclose(whole(images), expected, atol=1e-6)
    assert whole.output_shape == (None, 3)


def test_copies_compute_the_same(model, images):
    for copied in (
        keras.models.clone_model(model),
        type(model).from_config(model.get_config()),
        keras.models.model_from_json(model.to_json()),
    ):
        copied.set_weights(model.get_weights())
        np.testing.assert_array_equal(copied(images), model(images))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`")
@pytest.mark.parametrize("kind", ["dnn", "dlgn", "ensemble"])
def test_new_model_is_quantised(kind, images, tmp_path):
    model = make(kind)
    before = np.asarray(model(images))
    model = make(kind)
    model.quantize("int8")
    np.testing.assert_allclose(model(images), before, atol=0.02)
    kernels = [w for w in model.weights if w.dtype == "int8"]
    # EinsumDense and Dense can; convolutions cannot.
    assert len(kernels) == 1
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(images), model(images), atol=1e-6)


@pytest.mark.parametrize("shape", [SHAPE, (2, 5, 6), (2, 5, 6, 1), (4,)])
def test_images_of_another_shape_are_refused(model, shape):
    images = np.zeros(shape, "uint8")
    for read in (model, model.preactivations, model.gates, model.predict):
        with pytest.raises(UserError) as caught:
            read(images)
        line = str(caught.value)
        assert "\n" not in line
        assert "(n, 6, 5, 1)" in line and f"shape {shape}" in line


def test_images_that_are_no_numbers_are_refused(images):
    model = make("dnn")
    for numbers in (images, images.astype("float16"), images > 100):
        check_images(model, numbers)
    infinite = np.full(images.shape, np.inf)
    for others in (infinite, images.astype(str), images.astype(object)):
        with pytest.raises(UserError, match="images of finite numbers"):
            check_images(model, others)


def warnings_of(function, *arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*arguments)
    return [str(w.message) for w in caught if "pixels" in str(w.message)]


def test_pixels_between_0_and_1_are_warned_of_once(images):
    model, scaled = make("dgn"), images / np.float32(255)
    assert not warnings_of(model, np.zeros_like(images))
    (line,) = warnings_of(model, scaled)
    largest = f"{scaled.max():.3g}"
    assert "[0, 255]" in line and "c4gap_dgn" in line and largest in line
    assert not warnings_of(model, scaled)
    assert not warnings_of(make("dgn"), images)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "gates"])
def test_every_way_in_warns(method, images):
    model, scaled = make("dnn"), images / np.float32(255)
    model.compile("sgd", LOSS)
    labels = [np.arange(5) % 3] if method in ("fit", "evaluate") else []
    assert len(warnings_of(getattr(model, method), scaled, *labels)) == 1


def test_a_graph_looks_at_no_pixels(images):
    """Nor does a model that scales every image on its own."""
    model, scaled = make("dgn"), tf.constant(images / np.float32(255))
    graph = tf.function(model).get_concrete_function(scaled).graph
    assert not {"Abs", "Max"} & {node.type for node in graph.get_operations()}
    assert not warnings_of(make("dlgn"), scaled)
    assert len(warnings_of(model, scaled)) == 1
