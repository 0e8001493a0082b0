"""The loop, on digits, against a plain loop of eager steps."""

import re

import keras
import numpy as np
import pytest

from dlgn_tf.training.run_directory import RunDirectory


def read_metrics(path):
    return RunDirectory(path).read_metrics()


def checkpoint_steps(path):
    names = [p.name for p in (path / "checkpoints").glob("ckpt-*.index")]
    return sorted(int(re.findall(r"\d+", name)[0]) for name in names)


def contents(path):
    """Bytes of every file below `path`, but for the final model."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file.name not in ("model.keras", "lock")
    }


def assert_weights_close(actual, expected, atol):
    keras.tree.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=atol),
        actual,
        expected,
    )


def test_flags_of_a_run_give_its_config(whole_run):
    assert RunDirectory(whole_run.path).read_config() == whole_run.config
    lines = (whole_run.path / "flags.txt").read_text().splitlines()
    for flag in (
        "--model=vconv_dlgn",
        "--dataset=digits",
        "--width=4",
        "--train_steps=10",
        "--learning_rates=0.1,0.05",
        "--boundaries=4",
        "--nesterov",
        "--seed=7",
    ):
        assert flag in lines


def test_metrics_equal_those_of_plain_loop(
    whole_run, expected_run, cross_entropies
):
    metrics = read_metrics(whole_run.path)
    assert [line["step"] for line in metrics] == [3, 6, 9, 10]
    images = expected_run.test_images.images
    labels = expected_run.test_images.labels
    best = 0.0
    for line in metrics:
        expected_run.model.set_weights(expected_run.weights[line["step"]])
        logits = expected_run.model(images, training=False).numpy()
        accuracy = (logits.argmax(axis=1) == labels).mean()
        # An image whose two best logits nearly tie may go either way.
        assert line["test_accuracy"] == pytest.approx(accuracy, abs=1.1 / 360)
        assert line["test_classification_loss"] == pytest.approx(
            cross_entropies(logits, labels).mean(), rel=1e-4
        )
        assert line["test_error_rate"] == pytest.approx(
            1 - line["test_accuracy"]
        )
        assert line["test_images"] == 360
        best = max(best, line["test_accuracy"])
        assert line["best_test_accuracy"] == best
    assert whole_run.last == metrics[-1]


def test_final_accuracy_is_that_of_final_model(
    whole_run, load_model, expected_run, cross_entropies
):
    model = load_model(whole_run.path)
    labels = expected_run.test_images.labels
    logits = model(expected_run.test_images.images, training=False).numpy()
    last = read_metrics(whole_run.path)[-1]
    accuracy = (np.argmax(logits, axis=1) == labels).mean()
    assert last["test_accuracy"] == pytest.approx(accuracy, abs=1e-12)
    assert last["test_classification_loss"] == pytest.approx(
        cross_entropies(logits, labels).mean(), rel=1e-5
    )
    # Ten steps do teach it something: chance is 10 %.
    assert accuracy > 0.3


def test_weights_equal_those_of_plain_loop(whole_run, load_model, expected_run):
    weights = load_model(whole_run.path).get_weights()
    assert_weights_close(weights, expected_run.weights[10], 1e-5)
    moved = [
        np.abs(one - other).max()
        for one, other in zip(weights, expected_run.weights[0], strict=True)
    ]
    assert max(moved) > 0.01


def test_resumed_run_continues_its_records(whole_run, resumed_run):
    resumed = read_metrics(resumed_run.path)
    whole = read_metrics(whole_run.path)
    assert [line["step"] for line in resumed] == [3, 6, 9, 10]
    for one, other in zip(resumed, whole, strict=True):
        for key in one:
            assert one[key] == pytest.approx(other[key], rel=1e-5), key
    assert checkpoint_steps(resumed_run.path) == [6, 9, 10]
    assert "--train_steps=10" in (resumed_run.path / "flags.txt").read_text()
    assert "continuing at step 6" in resumed_run.printed[1]
    assert "continuing" not in resumed_run.printed[0]


def test_run_prints_what_it_does(whole_run):
    printed = whole_run.printed
    # Convolutions of 4 and 8 filters, dense layers of 12, twice; logits.
    gating = (9 * 4 + 4) + (9 * 4 * 8 + 8) + (8 * 8 * 8 * 12 + 12) + (144 + 12)
    assert f"{2 * gating + 130:,} parameters" in printed
    assert "4 gate sites" in printed
    assert "230 training images, 360 test images" in printed
    assert str(whole_run.path) in printed
    for step in (2, 4, 6, 8, 10):
        assert f"step {step}/10" in printed
    assert "step 3/10" not in printed


@pytest.mark.parametrize("steps", [10, 4])
def test_finished_run_is_left_alone(
    steps, resumed_run, resolve, train, run_flags, load_model
):
    before = contents(resumed_run.path)
    weights = load_model(resumed_run.path).get_weights()
    config = resolve(
        *run_flags, f"--train_steps={steps}", f"--run_dir={resumed_run.path}"
    )
    again = train(config)
    assert "nothing to train" in again.printed
    assert again.last == resumed_run.last
    assert contents(resumed_run.path) == before
    assert_weights_close(load_model(resumed_run.path).get_weights(), weights, 0)


def test_first_checkpoint_cut_short(pretend):
    """Killed in the first save of all: there is nothing to lose."""
    path = pretend("--train_steps=3").path
    for file in (path / "checkpoints").iterdir():
        file.unlink()
    # It is written after checkpoints, so a kill then leaves none.
    (path / "model.keras").unlink()
    (path / "checkpoints" / "ckpt-5_temp").mkdir()
    (path / "checkpoints" / "ckpt-5_temp" / "part").write_bytes(b"x")
    printed = pretend("--train_steps=6").printed
    assert "the first checkpoint was not finished" in printed
    assert "continuing at step" not in printed
    assert checkpoint_steps(path) == [3, 6]


def test_finished_run_without_metrics(pretend):
    """What is not needed to go on may be missing."""
    (pretend("--train_steps=2").path / "metrics.jsonl").unlink()
    assert pretend("--train_steps=2").last["step"] == 2


def test_lost_line_is_measured_again(pretend):
    first = pretend("--train_steps=6")
    metrics = first.path / "metrics.jsonl"
    *before, _ = metrics.read_text().splitlines(keepends=True)
    assert before
    metrics.write_text("".join(before))
    assert pretend("--train_steps=6").last == first.last
    assert len(read_metrics(first.path)) == len(before) + 1


def test_seed_of_the_weights_is_that_of_the_start(pretend):
    pretend("--train_steps=2", "--weights_seed=5")
    path = pretend("--train_steps=3", "--weights_seed=7").path
    text = (path / "flags.txt").read_text()
    assert "--weights_seed=5\n" in text
    assert "--train_steps=3\n" in text


def test_changes_are_told(pretend):
    assert "another" not in pretend("--train_steps=2").printed
    printed = pretend("--train_steps=3", "--seed=8", "--l2=0.5").printed
    assert "continuing with another seed: 7 -> 8" in printed
    assert "continuing with another l2: 0.001 -> 0.5" in printed
    assert printed.count("continuing with another") == 2


def test_steps_per_loop_changes_nothing(start, whole_run, load_model):
    seldom = ("--steps_per_loop=3", "--log_every=100", "--eval_every=100")
    path = start("--train_steps=10", *seldom).path
    assert [line["step"] for line in read_metrics(path)] == [10]
    assert checkpoint_steps(path) == [10]
    assert_weights_close(
        load_model(path).get_weights(),
        load_model(whole_run.path).get_weights(),
        1e-6,
    )
