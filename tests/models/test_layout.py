"""Models compute the same whatever Keras is set to, and once they are saved."""

import functools

import keras
import numpy as np
import pytest

from dlgn_tf.complexity.disentangler import disentangler
from dlgn_tf.complexity.tasks import create_task
from dlgn_tf.layers import BetaVQPooling
from dlgn_tf.locality.receptive_fields import ReceptiveFields
from dlgn_tf.locality.student import create_student
from dlgn_tf.models.build import create_model

SHAPE = (12, 10, 3)


@pytest.fixture
def keras_set():
    """A function that sets layout and precision until the test's end."""

    def set_to(layout="channels_last", floatx="float32"):
        keras.config.set_image_data_format(layout)
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(floatx)

    yield set_to
    set_to()


def pixels(shape=SHAPE):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2, *shape)).astype("float32")


SMALL = {
    "fc_dlgn": {"depth": 2, "width": 8},
    "fcresnet_dnn": {},
    "c4gap_dlgn_sf": {"depth": 2, "width": 8},
    "gconv_dnn": {"width": 8},
    "smallcnn_dnn": {"width": 8},
    "largecnn_dnn": {"width": 8, "apodized": True},
    "mlp_dnn": {},
    "plaincnn_dnn": {},
    "scattering3_mini_dnn": {},
    "resnet20_dnn": {"depth": 8},
    "vgg11_dnn": {"width": 8},
}


def zoo(name):
    large = ("plaincnn_dnn", "scattering3_mini_dnn", "vgg11_dnn")
    shape = (32, 32, 3) if name in large else SHAPE
    return create_model(name, shape, seed=0, **SMALL[name])


MAKERS = {
    **{name: functools.partial(zoo, name) for name in SMALL},
    "student": lambda: create_student(
        "dnn", ReceptiveFields.windows(4, [(2, 2), (2, 2)]), width=3, seed=0
    ),
    "disentangler": lambda: disentangler(4, (6, 5, 2), SHAPE, 1 / 16, seed=0),
    "task": lambda: create_task(1, SHAPE, 4, 2, pool=2, seed=0),
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_layer_has_the_layout_of_the_package(name, keras_set):
    keras_set("channels_first")
    model = MAKERS[name]()
    assert keras.config.image_data_format() == "channels_first"
    layouts = {getattr(x, "data_format", None) for x in model._flatten_layers()}
    assert layouts <= {"channels_last", None}


@pytest.mark.parametrize("name", ["fc_dlgn", "c4gap_dlgn_sf", "smallcnn_dnn"])
def test_a_model_made_with_channels_first(name, keras_set):
    expected = zoo(name)(pixels())
    keras_set("channels_first")
    np.testing.assert_array_equal(zoo(name)(pixels()), expected)


@pytest.mark.parametrize("beta", [0, 0.5, 1])
def test_pooling_made_with_channels_first(beta, keras_set, rng):
    images = rng.normal(size=(2, 4, 6, 3)).astype("float32")
    expected = BetaVQPooling(beta=beta)(images)
    keras_set("channels_first")
    np.testing.assert_array_equal(BetaVQPooling(beta=beta)(images), expected)


@pytest.mark.parametrize(
    ("name", "floatx"), [("fc_dlgn", "float16"), ("c4gap_dlgn_sf", "float64")]
)
def test_a_file_made_with_other_settings(name, floatx, keras_set, tmp_path):
    """Precision is that of the file too, not that of who reads it."""
    images = pixels()
    keras_set("channels_first", floatx)
    model = zoo(name)
    expected = np.asarray(model(images))
    assert model.layers[-1].dtype == floatx
    model.save(tmp_path / "model.keras")
    keras_set()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), expected)
