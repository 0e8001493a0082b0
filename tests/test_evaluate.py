"""Evaluation of a run against NumPy on its final model."""

import json
import shutil
import types

import keras
import numpy as np
import pytest
from scipy import special

from dlgn_tf import config as config_lib
from dlgn_tf import evaluate
from dlgn_tf.command import fields
from dlgn_tf.data import npz, sources
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model


@pytest.fixture(scope="module")
def run(tmp_path_factory, train_run):
    """A run with batch normalisation, and what its final model answers."""
    path = tmp_path_factory.mktemp("run")
    sizes = ("--depth=8", "--width=4", "--batch_size=64")
    steps = ("--learning_rates=0.01", "--train_steps=20")
    last = train_run(path, "resnet20_dlgn", *sizes, *steps)
    _, test = sources.load("digits")
    model = keras.models.load_model(path / "model.keras")
    logits = model(test.images, training=False).numpy().astype(np.float64)
    log_p = special.log_softmax(logits, axis=1)
    return types.SimpleNamespace(
        path=path,
        last=last,
        errors=int((logits.argmax(axis=1) != test.labels).sum()),
        loss=-log_p[np.arange(360), test.labels].mean(),
    )


def test_a_network_that_an_earlier_version_made(run, tmp_path, capsys):
    """Whatever the flags mean today, its .keras file describes it."""
    copy = shutil.copytree(run.path, tmp_path / "run")
    text = (copy / "flags.txt").read_text().replace("width=4", "width=5")
    (copy / "flags.txt").write_text(text)
    result = evaluate.evaluate(copy)
    assert (result["errors"], result["step"]) == (run.errors, 20)
    assert "as it was made" in capsys.readouterr().out
    for name in ("best.keras", "model.keras"):
        (copy / name).unlink()
    with pytest.raises(UserError, match="checkpoint of this model"):
        evaluate.evaluate(copy)


@pytest.mark.parametrize("batch_size", [500, 7])
def test_equals_numpy(batch_size, run):
    result = evaluate.evaluate(run.path, batch_size=batch_size)
    assert result.pop("test_classification_loss") == pytest.approx(
        run.loss, rel=1e-5
    )
    assert result.pop("test_accuracy") == pytest.approx(1 - run.errors / 360)
    assert result == {
        "model": "resnet20_dlgn",
        "dataset": "digits",
        "step": 20,
        "errors": run.errors,
        "test_images": 360,
    }
    # Something was learnt, and something is left.
    assert 0 < run.errors < 300


def test_equals_the_evaluation_of_training(run):
    result = evaluate.evaluate(str(run.path))
    for key in ("step", "test_accuracy", "test_images"):
        assert result[key] == run.last[key]
    assert result["test_classification_loss"] == pytest.approx(
        run.last["test_classification_loss"], rel=1e-6
    )


def test_images_of_another_place(run, tmp_path):
    """A run of an .npz is evaluated on it, or on a folder that is given."""
    copy, half = tmp_path / "run", tmp_path / "half.npz"
    shutil.copytree(run.path, copy)
    train, test = sources.load("digits", train_examples=20, test_examples=180)
    npz.write(
        half,
        {
            "train": (train.labels, train.images),
            "test": (test.labels, test.images),
        },
    )
    with (copy / "flags.txt").open("a") as file:
        file.write(f"--npz={half}\n")
    assert evaluate.evaluate(copy)["test_images"] == 180
    there = evaluate.evaluate(copy, tmp_path)
    assert there["test_images"] == 360
    assert there["errors"] == run.errors


def test_newest_checkpoint_is_taken(run, tmp_path):
    """Not the final model, which an unfinished run does not have."""
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    (copy / "model.keras").unlink()
    (copy / "metrics.jsonl").unlink()
    assert evaluate.evaluate(copy)["errors"] == run.errors


def weights_config(path, *arguments):
    words = ["--dataset=digits", f"--init_from={path}", *arguments]
    return config_lib.resolve_network(fields.parse(config_lib.Network, words))


NETWORK = ("--model=resnet20_dlgn", "--depth=8", "--width=4")


def test_weights_without_their_run(run, tmp_path):
    copy = tmp_path / "copy.keras"
    shutil.copy(run.path / "model.keras", copy)
    result = evaluate.evaluate_weights(weights_config(copy, *NETWORK))
    assert result["errors"] == run.errors
    assert result["test_classification_loss"] == pytest.approx(
        run.loss, rel=1e-5
    )
    assert result["step"] == 20


def test_weights_of_a_dnn(tmp_path):
    """Against the loaded model in NumPy."""
    model = create_model(
        "c4gap_dnn", (8, 8, 1), width=3, depth=2, seed=4, mean=0, std=1
    )
    model.save(tmp_path / "a.keras")
    config = weights_config(
        tmp_path / "a.keras", "--model=c4gap_dnn", "--depth=2", "--width=3"
    )
    _, test = sources.load("digits")
    logits = np.asarray(model(test.images))
    result = evaluate.evaluate_weights(config)
    wrong = (logits.argmax(axis=1) != test.labels).sum()
    # An image whose two best logits nearly tie may go either way.
    assert result["errors"] == pytest.approx(wrong, abs=1.1)
    assert result["step"] is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--model=resnet20_dgn", *NETWORK[1:]), "resnet20_dgn.*resnet20_dlgn"),
        ((*NETWORK, "--depth=14"), "init_from.*sites"),
        ((*NETWORK, "--normalization=unit"), "mean"),
        ((*NETWORK, "--gate_beta=4"), "beta 4"),
        ((*NETWORK, "--gate=hard"), "kind hard"),
        ((*NETWORK, "--value_input=ones"), "value_input ones"),
    ],
)
def test_weights_of_another_model(arguments, text, run):
    config = weights_config(run.path, *arguments)
    with pytest.raises(UserError, match=text):
        evaluate.evaluate_weights(config)


def test_no_run(tmp_path):
    with pytest.raises(UserError, match="Expected .*Received: .*no flags.txt"):
        evaluate.evaluate(tmp_path)


def test_nothing_is_changed(run):
    before = {p: p.stat().st_mtime_ns for p in run.path.rglob("*")}
    evaluate.evaluate(run.path)
    assert {p: p.stat().st_mtime_ns for p in run.path.rglob("*")} == before


# The only evaluation was at the end.
@pytest.mark.parametrize("which", ["newest", "best"])
def test_command(which, run, tmp_path, capsys, in_this_process):
    """The printed line and --output, on this process's TensorFlow."""
    output = tmp_path / "result.json"
    words = (f"--run_dir={run.path}", f"--which={which}")
    in_this_process(evaluate, *words, f"--output={output}")
    line = capsys.readouterr().out.splitlines()[-1]
    assert "resnet20_dlgn at step 20" in line
    assert f"test accuracy {1 - run.errors / 360:.2%}" in line
    assert f"{run.errors} errors in 360 images" in line
    result = json.loads(output.read_text())
    assert result["errors"] == run.errors
    assert result["test_classification_loss"] == pytest.approx(run.loss, 1e-5)
