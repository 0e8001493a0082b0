"""Members trained as one model against networks trained one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from dlgn_tf import evaluate, export
from dlgn_tf.data import batches, sources
from dlgn_tf.models.build import create_model
from dlgn_tf.training import event_file
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.steps import Evaluation, TrainingSteps

MEMBERS, STEPS, BATCH = 3, 10, 12
SHAPE, CLASSES = (8, 8, 1), 10
OPTIMIZERS = {
    "adam": (lambda: keras.optimizers.Adam(0.01), 0.0),
    "sgd": (
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        0.01,
    ),
}
FLAGS = (
    "--model=c1gap_dnn",
    "--dataset=digits",
    "--members=3",
    "--width=6",
    "--batch_size=32",
    "--learning_rates=0.01",
    "--log_every=10",
    "--eval_every=20",
    "--eval_batch_size=77",
    "--seed=2",
)


def create(seed=4, **options):
    return create_model(
        "c1gap_dnn", SHAPE, CLASSES, width=5, seed=seed, **options
    )


def train_steps(model_of, optimizer, strategy, images, count=STEPS):
    """The model and its `Totals` after `count` steps."""
    create_optimizer, l2 = OPTIMIZERS[optimizer]
    with strategy.scope():
        model, rule = model_of(), create_optimizer()
    steps = TrainingSteps(model, rule, strategy, BATCH, l2)
    sampler = batches.BatchSampler(images, BATCH, 0, "none")
    dataset = batches.train_dataset(sampler, 0, count)
    dataset = dataset.unbatch().batch(BATCH, drop_remainder=True)
    iterator = iter(strategy.experimental_distribute_dataset(dataset))
    return model, steps(iterator, count)


@pytest.fixture
def images():
    return sources.load("digits", train_examples=150)[0]


@pytest.fixture
def one_device():
    return tf.distribute.get_strategy()


def assert_members_equal(model, optimizer, strategy, images, sums):
    """Fails unless each member is what it is when trained alone."""
    stacked, before = model.get_weights(), create(members=MEMBERS).get_weights()
    penalties = 0
    for index in range(MEMBERS):
        single, totals = train_steps(
            lambda seed=4 + index: create(seed), optimizer, strategy, images
        )
        penalties += totals.regularization_loss
        weights = single.get_weights()
        for ours, wanted, start in zip(stacked, weights, before, strict=True):
            np.testing.assert_allclose(
                ours[index], wanted, rtol=1e-4, atol=1e-5
            )
            assert np.abs(wanted - start[index]).max() > 0.01
    assert sums.regularization_loss == pytest.approx(penalties, rel=1e-4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_members_equal_networks_trained_alone(optimizer, images, one_device):
    model, totals = train_steps(
        lambda: create(members=MEMBERS), optimizer, one_device, images
    )
    assert_members_equal(model, optimizer, one_device, images, totals)


def test_on_two_replicas(images, two_replicas, one_device):
    model, totals = train_steps(
        lambda: create(members=MEMBERS), "sgd", two_replicas, images
    )
    assert_members_equal(model, "sgd", one_device, images, totals)


@pytest.mark.parametrize("rule", ["mean_softmax", "mean_logits"])
def test_totals_of_training_are_the_ensembles(
    rule, images, one_device, cross_entropies
):
    """Of the first step, whose weights are known."""
    _, totals = train_steps(
        lambda: create(members=MEMBERS, ensemble_rule=rule),
        "adam",
        one_device,
        images,
        count=1,
    )
    x, y = batches.BatchSampler(images, BATCH, 0, "none").batch_at(0)
    logits = combined(rule, [create(4 + i)(x) for i in range(MEMBERS)])
    assert totals.errors == (logits.argmax(axis=1) != y).sum()
    assert totals.classification_loss == pytest.approx(
        cross_entropies(logits, y).sum(), rel=1e-5
    )
    assert totals.member_errors == ()


def combined(rule, member_logits):
    stacked = np.stack(member_logits).astype(np.float64)
    if rule == "mean_logits":
        return stacked.mean(axis=0)
    return np.log(special.softmax(stacked, axis=-1).mean(axis=0))


@pytest.mark.parametrize("replicas", ["one_device", "two_replicas"])
@pytest.mark.parametrize("batch", [13, 5, 64])
def test_evaluation_counts_the_errors_of_each(
    batch, replicas, request, rng, cross_entropies
):
    """The last batch is ragged, or everything is in one."""
    strategy = request.getfixturevalue(replicas)
    x = rng.integers(0, 256, (27, *SHAPE), dtype=np.uint8)
    y = rng.integers(0, CLASSES, 27, dtype=np.int32)
    with strategy.scope():
        model = create(members=MEMBERS)
    dataset = strategy.experimental_distribute_dataset(
        tf.data.Dataset.from_tensor_slices((x, y)).batch(batch)
    )
    totals = Evaluation(model, strategy)(dataset, len(x))
    each = [create(4 + index)(x).numpy() for index in range(MEMBERS)]
    assert totals.member_errors == tuple(
        (logits.argmax(axis=1) != y).sum() for logits in each
    )
    assert len(set(totals.member_errors)) > 1
    assert totals.member_accuracies == [
        pytest.approx(1 - errors / 27) for errors in totals.member_errors
    ]
    logits = combined("mean_softmax", each)
    assert totals.errors == (logits.argmax(axis=1) != y).sum()
    assert totals.classification_loss == pytest.approx(
        cross_entropies(logits, y).sum(), rel=1e-5
    )


def test_single_network_has_no_members(images, one_device):
    dataset = batches.test_dataset(images, 64)
    totals = Evaluation(create(), one_device)(dataset, len(images))
    assert totals.member_errors == ()


@pytest.fixture(scope="module")
def run(resolve, train, tmp_path_factory):
    path = tmp_path_factory.mktemp("ensemble") / "run"
    flags = (*FLAGS, f"--run_dir={path}")
    train(resolve(*flags, "--train_steps=20"))
    return path, train(resolve(*flags, "--train_steps=40")).printed


def test_run_goes_on_and_records_members(run, load_model):
    path, printed = run
    assert "3 gate sites" in printed and "continuing at step 20" in printed
    lines = RunDirectory(path).read_metrics()
    assert [line["step"] for line in lines] == [20, 40]
    _, test = sources.load("digits")
    model = load_model(path)
    logits = model(test.images, by_member=True).numpy()
    accuracies = (logits.argmax(axis=2) == test.labels[:, None]).mean(axis=0)
    assert lines[1]["test_member_accuracies"] == pytest.approx(
        accuracies.tolist()
    )
    predicted = combined("mean_softmax", logits.transpose(1, 0, 2))
    assert lines[1]["test_accuracy"] == pytest.approx(
        (predicted.argmax(axis=1) == test.labels).mean()
    )
    assert len(set(accuracies)) > 1
    losses = [line["test_classification_loss"] for line in lines]
    assert losses[1] < losses[0] < np.log(10)


def test_curves_of_members(run):
    path, _ = run
    tags = {tag for _, tag, _ in event_file.read_events(path / "test")}
    assert {
        f"test/member_error_rate_{which}" for which in ("min", "mean", "max")
    } <= tags
    assert {f"gates_open/member{index}_conv1" for index in range(3)} <= tags


def test_exported_ensemble(run, load_model, tmp_path):
    path, _ = run
    model = load_model(path)
    export.export(model, str(tmp_path / "export"))
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    images = sources.load("digits")[1].images[:9]
    answer = loaded.signatures["serving_default_uint8"](
        images=tf.constant(images)
    )
    each = model(images, by_member=True).numpy().transpose(1, 0, 2)
    np.testing.assert_allclose(
        answer["probabilities"],
        np.exp(combined("mean_softmax", each)),
        rtol=1e-4,
    )
    gates = loaded.signatures["gates_uint8"](images=tf.constant(images))
    assert {name: gate.shape for name, gate in gates.items()} == {
        f"member{index}_conv1": (9, 8, 8, 6) for index in range(3)
    }


def test_evaluate(run):
    path, _ = run
    result = evaluate.evaluate(path, batch_size=50)
    last = RunDirectory(path).read_metrics()[-1]
    assert result["test_member_accuracies"] == last["test_member_accuracies"]
    assert len(result["test_member_accuracies"]) == 3


def test_weights_do_not_depend_on_the_number_of_members(images):
    """What one learns is not touched by who else is trained."""
    found = []
    for members in (2, 3):
        model, _ = train_steps(
            lambda members=members: create(members=members),
            "adam",
            tf.distribute.get_strategy(),
            images,
        )
        found.append([weight[:2] for weight in model.get_weights()])
    for two, three in zip(*found, strict=True):
        np.testing.assert_allclose(two, three, rtol=1e-5, atol=1e-6)
