"""What callers of the library do: many networks in a loop, no images at all."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.complexity import distillation
from dlgn_tf.complexity.features import feature_of
from dlgn_tf.data.images import ImageSet
from dlgn_tf.dual.tangent_kernel import empirical_ntk
from dlgn_tf.errors import UserError
from dlgn_tf.inspection import gate_statistics, interventions, templates
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.models.build import create_model
from dlgn_tf.models.graphs import graph_of
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.moments import in_batches
from dlgn_tf.training.engines import evaluate_model

SHAPE = (8, 8, 1)
# TensorFlow warns when five calls in a row have traced.
TIMES = 6


@pytest.fixture(scope="module")
def model():
    return create_model("fc_dgn", SHAPE, width=4, depth=2, seed=0)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (4, *SHAPE), dtype=np.uint8)


@pytest.fixture
def warned():
    """What TensorFlow says of tracing while a test runs."""
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    yield said
    logger.removeHandler(handler)
    logger.setLevel(level)


def contributions(model, images):
    DualView(model).contributions(images[:1], model.site_names[0])


def linearization(model, images):
    templates.linearization(model, model.site_names[0], images[0])


def statistics(model, images):
    gate_statistics.collect(model, images, np.arange(len(images)))


def accuracy(model, images):
    labels = np.arange(len(images), dtype=np.int32)
    evaluate_model(model, ImageSet(images, labels), 100)


def kernel(model, images):
    empirical_ntk(model, images[:1])


def one_step(model, images):
    net = tf.keras.Sequential(
        [
            tf.keras.Input(SHAPE),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(2),
        ]
    )
    step = distillation._Steps(net)
    step(images, [np.zeros((len(images), 2), "float32")], 1e-3, 4)


@pytest.mark.parametrize(
    "call",
    [contributions, linearization, statistics, accuracy, kernel, one_step],
)
def test_calls_in_a_loop_warn_of_no_tracing(call, model, images, warned):
    for _ in range(TIMES):
        call(model, images)
    assert not [text for text in warned if "retracing" in text]


@pytest.mark.parametrize("make, count", [(tf.function, 1), (graph_of, 0)])
def test_one_function_traced_again_and_again_is_told(make, count, warned):
    """The control: what TensorFlow makes of the same loop."""

    def loop():
        def double(x):
            total = 0 * x
            for _ in tf.range(2):
                total += x
            return total

        assert make(double)(tf.constant(3)).numpy() == 6

    for _ in range(TIMES):
        loop()
    assert any("retracing" in text for text in warned) == count


def feature(model, images):
    return feature_of(model, None, "value").trunk(images)


def contributions_to(model, images):
    return DualView(model).contributions(images, model.site_names[0])


def outputs(model, images):
    return distillation.outputs_of(model, images)


def covariances(model, images):
    return weight_covariances([model], in_batches(images))


@pytest.mark.parametrize(
    "call",
    [
        accuracy,
        contributions_to,
        covariances,
        empirical_ntk,
        feature,
        interventions.mean_gates,
        outputs,
        statistics,
    ],
)
def test_no_images(call, model, images):
    with pytest.raises(UserError, match="Expected .*Received: "):
        call(model, images[:0])


def test_a_model_answers_nothing_for_no_images(model, images):
    assert model(images[:0]).shape == (0, 10)
    for gate in model.gates(images[:0]).values():
        assert gate.shape[0] == 0
