"""Training on several replicas, in 16 bits and through XLA."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.data.sources import load
from dlgn_tf.errors import UserError
from dlgn_tf.layers import BatchNorm
from dlgn_tf.training import configured, engines
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.totals import Totals

FLAGS = (
    "--model=resnet20_dlgn",
    "--depth=8",
    "--width=4",
    "--dataset=digits",
    "--augmentation=flip_crop",
    "--optimizer=sgd",
    # At 0.05 a rounding error of 1e-7 is 1e-3 after 30 steps.
    "--learning_rates=0.005",
    "--l2=0.0001",
    "--batch_size=32",
    # The last batch of 360 is one image: a replica gets none.
    "--eval_batch_size=359",
    "--log_every=10",
    "--eval_every=15",
)
SHORT = (*FLAGS, "--model=resnet20_dnn", "--train_steps=3")


@pytest.fixture
def no_gpus(gpus):
    gpus(0)


@pytest.fixture
def run(resolve, train, load_model, tmp_path):
    """A function from a name and flags to a run's weights and metrics."""

    def to_the_end(name, *flags):
        path = tmp_path / name
        train(resolve(*flags, f"--run_dir={path}"))
        return load_model(path), RunDirectory(path).read_metrics()

    return to_the_end


def assert_same_weights(model, expected, atol):
    for one, other in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_allclose(
            one.numpy(), other.numpy(), rtol=0, atol=atol, err_msg=other.path
        )


def test_two_replicas_equal_one(two_replicas, no_gpus, run, resolve):
    flags = (*FLAGS, "--train_steps=30")
    one, lines_of_one = run("single", *flags, "--strategy=single")
    two, lines_of_two = run("mirrored", *flags, "--strategy=mirrored")
    assert_same_weights(two, one, 1e-5)
    initial = configured.create_configured_model(resolve(*flags))
    moved = [
        np.abs(value - before).max()
        for value, before in zip(
            two.get_weights(), initial.get_weights(), strict=True
        )
    ]
    assert np.median(moved) > 1e-3
    assert [line["step"] for line in lines_of_one] == [15, 30]
    for line, expected in zip(lines_of_two, lines_of_one, strict=True):
        assert set(line) == set(expected)
        loss = "test_classification_loss"
        assert line[loss] == pytest.approx(expected[loss], abs=1e-5)
        for name in set(line) - {loss}:
            # To one image.
            assert line[name] == pytest.approx(expected[name], abs=1.01 / 360)


def replicas_of(variable):
    """A variable's values, one a replica."""
    return [value.numpy() for value in variable.value.values]


def stem_statistics(images, old_mean, old_variance, kernel):
    """Moving statistics behind the first convolution, in NumPy."""
    # Constants of digits.
    pixels = (images / 255.0 - 0.3054) / 0.3760
    padded = np.pad(pixels, [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    outputs = np.einsum("nijcab,abco->nijo", windows, kernel).reshape(
        -1, kernel.shape[-1]
    )
    return (
        0.99 * old_mean + 0.01 * outputs.mean(0),
        0.99 * old_variance + 0.01 * outputs.var(0),
    )


def test_local_statistics_are_averaged(
    two_replicas, no_gpus, resolve, tmp_path
):
    """Each replica moves its own by its half of the batch."""
    config = resolve(
        *SHORT,
        "--normalization=dataset",
        "--strategy=mirrored",
        "--batch_norm=local",
        f"--run_dir={tmp_path}",
    )
    train_images, test_images = load("digits")
    sampler = BatchSampler(train_images, 32, 0, "flip_crop")
    engine = engines.create_engine(config)
    engine.start(sampler, 3)
    moving = configured.moving_statistics(engine.model)
    halves = [configured.create_configured_model(config) for _ in range(2)]
    stem, convolution = (
        next(x for x in engine.model.network.layers if isinstance(x, kind))
        for kind in (BatchNorm, keras.layers.Conv2D)
    )
    for step in range(3):
        images, _ = sampler.batch_at(step)
        parts = images[:16], images[16:]
        trained = [v.numpy() for v in engine.model.trainable_variables]
        kernel = convolution.kernel.numpy()
        of_stem = map(
            functools.partial(stem_statistics, kernel=kernel),
            parts,
            replicas_of(stem.moving_mean),
            replicas_of(stem.moving_variance),
        )
        of_stem = list(of_stem)
        for model, part in zip(halves, parts, strict=True):
            variables = model.trainable_variables
            for variable, value in zip(variables, trained, strict=True):
                variable.assign(value)
            model(part, training=True)
        assert engine.train(1, Totals()).steps == 1
        for index, variable in enumerate(moving):
            for replica, value in enumerate(replicas_of(variable)):
                expected = configured.moving_statistics(halves[replica])[index]
                np.testing.assert_allclose(
                    value, expected.numpy(), rtol=1e-5, atol=1e-5
                )
        for replica, (mean, variance) in enumerate(of_stem):
            np.testing.assert_allclose(
                replicas_of(stem.moving_mean)[replica], mean, atol=1e-5
            )
            np.testing.assert_allclose(
                replicas_of(stem.moving_variance)[replica], variance, atol=1e-5
            )
    before = [replicas_of(variable) for variable in moving]
    assert max(np.abs(one - two).max() for one, two in before) > 1e-3
    means = [np.mean(values, axis=0) for values in before]

    engine.save(tmp_path / "checkpoints" / "ckpt-3")
    assert_averaged(moving, means)
    single = configured.create_configured_model(config)
    engines.restore_model(tmp_path / "checkpoints" / "ckpt-3", single)
    for variable, mean in zip(
        configured.moving_statistics(single), means, strict=True
    ):
        np.testing.assert_allclose(variable.numpy(), mean, atol=1e-6)

    # Apart again; an evaluation must see the mean.
    for variable, values in zip(moving, before, strict=True):
        for part, value in zip(variable.value.values, values, strict=True):
            part.assign(value)
    for variable, value in zip(
        single.trainable_variables,
        engine.model.trainable_variables,
        strict=True,
    ):
        variable.assign(value.numpy())
    totals = engine.evaluate(test_images, 359)
    assert_averaged(moving, means)
    logits = single(test_images.images, training=False).numpy()
    assert totals.images == 360
    errors = (logits.argmax(1) != test_images.labels).sum()
    assert abs(totals.errors - errors) <= 1


def assert_averaged(variables, means):
    for variable, mean in zip(variables, means, strict=True):
        one, two = replicas_of(variable)
        np.testing.assert_array_equal(one, two)
        np.testing.assert_allclose(one, mean, rtol=1e-6, atol=1e-6)


def test_batch_that_does_not_split(
    two_replicas, no_gpus, resolve, train, tmp_path
):
    config = resolve(
        *SHORT,
        "--batch_size=33",
        "--strategy=mirrored",
        f"--run_dir={tmp_path}",
    )
    with pytest.raises(UserError) as raised:
        train(config)
    assert "2 replicas. Received: batch_size=33" in str(raised.value)
    assert not (tmp_path / "model.keras").exists()


@pytest.mark.parametrize(
    ("family", "policy"),
    [("dnn", "mixed_bfloat16"), ("dlgn", "mixed_float16")],
)
def test_mixed_precision(family, policy, run, dtype_policy):
    model, lines = run(
        "run",
        *SHORT,
        f"--model=resnet20_{family}",
        f"--mixed_precision={policy}",
        "--strategy=single",
    )
    assert lines[-1]["step"] == 3
    assert np.isfinite(lines[-1]["test_classification_loss"])
    assert {weight.dtype for weight in model.weights} == {"float32"}
    layer = next(
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Conv2D)
    )
    assert layer.compute_dtype == policy.removeprefix("mixed_")
    images = load("digits", train_examples=2)[0].images
    assert model(images).dtype == tf.float32
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_xla_changes_nothing(run):
    try:
        tf.function(tf.negative, jit_compile=True)(tf.ones([]))
    except (tf.errors.OpError, ValueError) as error:
        pytest.skip(f"no XLA here: {error}")
    flags = (*SHORT, "--strategy=single")
    plain, lines = run("plain", *flags)
    compiled, lines_of_xla = run("xla", *flags, "--xla")
    assert_same_weights(compiled, plain, 1e-4)
    assert lines_of_xla[0]["test_classification_loss"] == pytest.approx(
        lines[0]["test_classification_loss"], rel=1e-3
    )


@pytest.mark.parametrize(
    "other",
    ["--strategy=mirrored", "--strategy=multi_worker", "--deterministic"],
)
def test_xla_is_refused(other, resolve):
    with pytest.raises(UserError) as raised:
        resolve(*SHORT, "--xla", other)
    assert str(raised.value).startswith(f"--xla cannot work with {other}")
    assert "\n" not in str(raised.value)
