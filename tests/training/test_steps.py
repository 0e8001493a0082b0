"""Training and evaluation steps against plain ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from dlgn_tf.data import batches
from dlgn_tf.data.images import ImageSet
from dlgn_tf.layers import PixelNormalization
from dlgn_tf.models.build import create_model
from dlgn_tf.models.relu import ReLUNetwork
from dlgn_tf.training.steps import Evaluation, TrainingSteps, losses_and_errors
from dlgn_tf.training.totals import Totals

SHAPE, CLASSES, UNITS, BATCH = (2, 3, 1), 4, 5, 6
RATE, MOMENTUM, L2, BETA = 0.1, 0.9, 0.03, 2.0
MEAN, STD = 0.4, 0.3


def measures(logits, labels):
    """Cross-entropies, number of errors and probabilities."""
    probabilities = special.softmax(logits.astype(np.float64), axis=1)
    losses = -np.log(probabilities[np.arange(len(labels)), labels])
    return losses, int((logits.argmax(1) != labels).sum()), probabilities


def tiny_network():
    model = create_model(
        "fc_dlgn",
        SHAPE,
        CLASSES,
        depth=3,
        width=UNITS,
        beta=BETA,
        epsilon=0.0,
        mean=MEAN,
        std=STD,
        seed=3,
    )
    generator = np.random.default_rng(5)
    for variable in model.weights:
        variable.assign(generator.normal(0, 0.7, variable.shape))
    return model


def random_batches(rng, count, batch=BATCH, shape=SHAPE, classes=CLASSES):
    images = rng.integers(0, 256, (count, batch, *shape), dtype=np.uint8)
    labels = rng.integers(0, classes, (count, batch), dtype=np.int32)
    return images, labels


def iterator_over(strategy, images, labels):
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    return iter(strategy.experimental_distribute_dataset(dataset))


def sgd(nesterov=False):
    return keras.optimizers.SGD(RATE, momentum=MOMENTUM, nesterov=nesterov)


@pytest.fixture
def one_device():
    return tf.distribute.get_strategy()


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("train_gates", [True, False])
def test_training_equals_plain_steps(
    train_gates, nesterov, rng, one_device, naive_sgd
):
    images, labels = random_batches(rng, 5)
    model, expected = tiny_network(), tiny_network()
    for each in (model, expected):
        each.gating_network.trainable = train_gates
    plain = naive_sgd(expected, lambda _: RATE, MOMENTUM, nesterov, L2)
    gating = model.gating_network.get_weights()
    optimizer = sgd(nesterov)
    steps = TrainingSteps(model, optimizer, one_device, BATCH, L2)
    iterator = iterator_over(one_device, images, labels)
    # Two calls: 2 steps, then 3.
    for part in (slice(0, 2), slice(2, 5)):
        measured = [
            plain.step(i, y)
            for i, y in zip(images[part], labels[part], strict=True)
        ]
        totals = steps(iterator, len(measured))
        assert totals.steps == len(measured)
        assert_measured(totals, measured, BATCH)
    for actual, wanted in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_allclose(
            actual, wanted, rtol=0, atol=1e-5, err_msg=wanted.path
        )
    if not train_gates:
        np.testing.assert_equal(gating, model.gating_network.get_weights())
    assert int(optimizer.iterations) == 5


def assert_measured(totals, measured, batch):
    """Fails unless `Totals` are sums of what plain steps have measured."""
    assert totals.images == len(measured) * batch
    assert totals.errors == sum(m.errors for m in measured)
    assert totals.classification_loss == pytest.approx(
        sum(m.losses.sum() for m in measured), rel=1e-5
    )
    assert totals.regularization_loss == pytest.approx(
        sum(m.regularization for m in measured), rel=1e-5
    )


def test_totals_are_of_the_weights_before_each_step(rng, one_device):
    """So that the first point of a curve shows the initial network."""
    images, labels = random_batches(rng, 1)
    model = tiny_network()
    losses, errors, _ = measures(model(images[0]).numpy(), labels[0])
    steps = TrainingSteps(model, sgd(), one_device, BATCH, 0.0)
    totals = steps(iterator_over(one_device, images, labels), 1)
    assert totals.mean_classification_loss == pytest.approx(losses.mean())
    assert totals.error_rate == pytest.approx(errors / BATCH)
    assert totals.mean_regularization_loss == 0


def test_losses_of_layers_are_added(rng, one_device):
    """A kernel with a regulariser of its own moves by both."""
    inputs = keras.Input((3,))
    outputs = keras.layers.Dense(
        CLASSES, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.2)
    )(inputs)
    model = ReLUNetwork(
        keras.Model(inputs, outputs), PixelNormalization(std=1 / 255), []
    )
    x = rng.normal(size=(1, BATCH, 3)).astype(np.float32)
    y = rng.integers(0, CLASSES, (1, BATCH), dtype=np.int32)
    kernel = model.get_weights()[0].astype(np.float64)
    steps = TrainingSteps(
        model, keras.optimizers.SGD(RATE), one_device, BATCH, L2
    )
    totals = steps(iterator_over(one_device, x, y), 1)
    _, _, probabilities = measures(x[0] @ kernel, y[0])
    gradient = x[0].T @ (probabilities - np.eye(CLASSES)[y[0]]) / BATCH
    gradient += 2 * (0.2 + L2) * kernel
    np.testing.assert_allclose(
        model.get_weights()[0], kernel - RATE * gradient, atol=1e-6
    )
    assert totals.regularization_loss == pytest.approx(
        (0.2 + L2) * (kernel**2).sum(), rel=1e-5
    )


def test_l2_leaves_batch_normalisation_out(rng, one_device):
    model = create_model("resnet20_dnn", (8, 8, 1), 3, width=4, depth=8, seed=0)
    for variable in model.trainable_variables:
        if variable.name in ("gamma", "beta"):
            variable.assign(np.full(variable.shape, 50.0))
    kernels = [
        layer.get_weights()[0]
        for layer in model.network.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))
    ]
    assert len(kernels) == 8
    expected = sum((kernel.astype(np.float64) ** 2).sum() for kernel in kernels)
    images, labels = random_batches(rng, 1, shape=(8, 8, 1), classes=3)
    steps = TrainingSteps(model, sgd(), one_device, BATCH, 1.0)
    totals = steps(iterator_over(one_device, images, labels), 1)
    assert totals.regularization_loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("batch", [1, 4, 5, 64])
def test_evaluation_is_exact_over_ragged_batches(batch, rng, one_device):
    images, labels = random_batches(rng, 1, batch=13)
    images, labels = images[0], labels[0]
    model = tiny_network()
    losses, errors, _ = measures(model(images).numpy(), labels)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch)
    seen = []
    totals = Evaluation(model, one_device)(dataset, 13, seen.append)
    assert totals.images == 13
    assert totals.errors == errors
    assert totals.error_rate == pytest.approx(errors / 13)
    assert totals.mean_classification_loss == pytest.approx(
        losses.mean(), rel=1e-5
    )
    assert seen == list(range(1, -(-13 // batch) + 1))


def test_ties_and_extreme_logits():
    """The first of equal logits wins; nothing overflows."""
    logits = tf.constant([[1.0, 1.0], [1.0, 1.0], [1e4, -1e4]])
    losses, errors = losses_and_errors(logits, tf.constant([0, 1, 1]))
    np.testing.assert_allclose(losses, [np.log(2), np.log(2), 2e4], rtol=1e-6)
    assert int(errors) == 2


def test_means_of_totals():
    totals = Totals()
    assert totals.error_rate == totals.mean_classification_loss == 0
    totals = Totals(10, 4, 10.0, 8.0, 5)
    assert totals.error_rate == 0.5
    assert totals.mean_classification_loss == 1.0
    assert totals.mean_regularization_loss == 2.0


def batch_norm_network(family):
    return create_model(
        f"resnet20_{family}", (8, 8, 1), 3, width=4, depth=8, seed=1
    )


@pytest.mark.parametrize(
    "family,replicas", [("dnn", "two_replicas"), ("dlgn", "one_device")]
)
def test_steps_equal_plain_ones(family, replicas, request, rng, naive_sgd):
    """Batch normalisation over the global batch, gradients summed."""
    strategy = request.getfixturevalue(replicas)
    images, labels = random_batches(rng, 5, 8, (8, 8, 1), 3)
    expected = batch_norm_network(family)
    plain = naive_sgd(expected, lambda _: RATE, MOMENTUM, False, 0.01)
    measured = [plain.step(i, y) for i, y in zip(images, labels, strict=True)]
    with strategy.scope():
        model = batch_norm_network(family)
        optimizer = sgd()
    steps = TrainingSteps(model, optimizer, strategy, 8, 0.01)
    totals = steps(iterator_over(strategy, images, labels), 5)
    for actual, wanted in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_allclose(
            actual.numpy(),
            wanted.numpy(),
            rtol=1e-5,
            atol=1e-5,
            err_msg=wanted.path,
        )
    assert_measured(totals, measured, 8)


@pytest.mark.parametrize("count", [12, 13, 9])
def test_two_replicas_evaluate_ragged_batches(count, two_replicas, rng):
    """Batches of 4; the last one holds 4, 1 (one replica idles) or 1."""
    images, labels = random_batches(rng, 1, count, (8, 8, 1), 3)
    images, labels = images[0], labels[0]
    with two_replicas.scope():
        model = batch_norm_network("dnn")
    expected = batch_norm_network("dnn")
    losses, errors, _ = measures(
        expected(images, training=False).numpy().astype(np.float64), labels
    )
    dataset = batches.test_dataset(
        ImageSet(images, labels), 4, batches.Share(2, 0, 2)
    )
    distributed = two_replicas.distribute_datasets_from_function(
        lambda _: dataset
    )
    totals = Evaluation(model, two_replicas)(distributed, count)
    assert totals.errors == errors
    assert totals.mean_classification_loss == pytest.approx(
        losses.mean(), rel=1e-5
    )


def test_sums_go_on_where_they_were(rng, one_device):
    """However many steps are taken at once, to the last bit."""
    images, labels = random_batches(rng, 6, 8, (8, 8, 1), 3)

    def run(*counts):
        model = batch_norm_network("dnn")
        steps = TrainingSteps(model, sgd(), one_device, 8, 0.01)
        iterator = iterator_over(one_device, images, labels)
        totals = Totals()
        for count in counts:
            totals = steps(iterator, count, totals)
        return totals

    assert run(6) == run(1, 2, 3) == run(5, 1)
    assert run(6).steps == 6


def test_stops_at_a_loss_that_is_not_finite(rng, one_device):
    images, labels = random_batches(rng, 6, 8, (8, 8, 1), 3)
    model = batch_norm_network("dnn")
    steps = TrainingSteps(model, sgd(), one_device, 8, 0.0)
    iterator = iterator_over(one_device, images, labels)
    assert steps(iterator, 2).finite
    head = model.network.get_layer("logits")
    head.bias.assign([np.inf, 0.0, 0.0])
    totals = steps(iterator, 4)
    assert not totals.finite
    assert totals.steps == 1
