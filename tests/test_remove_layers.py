"""The command that leaves layers out: on runs, a checkpoint, refusals."""

import functools
import os
import pathlib
import shutil

import keras
import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import remove_layers
from dlgn_tf.data import sources
from dlgn_tf.errors import UserError

PACKAGE_PARENT = pathlib.Path(dlgn_tf.__file__).parents[1]
SHARED = PACKAGE_PARENT.parent / "shared" / "data"
PUBLISHED = SHARED / "lineage_checkpoints" / "cifar_resnet32.tf"
CIFAR_DIR = pathlib.Path(os.environ.get("DLGN_TF_DATA_DIR", SHARED / "tfds"))
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory, train_run):
    """Runs of two ResNets and of a network that has no blocks."""
    folder = tmp_path_factory.mktemp("runs")
    fixed = ("--width=4", "--batch_size=64", "--learning_rates=0.01")

    def train(name, model, *arguments):
        train_run(folder / name, model, *fixed, *arguments)

    train("v1", "resnet20_dnn", "--depth=8", "--train_steps=200")
    train("v2", "resnet110_dlgn", "--depth=8", "--train_steps=200")
    train("plain", "c4gap_dnn", "--train_steps=1")
    return folder


@pytest.fixture
def command(in_this_process):
    """A function of arguments that runs the command in this process."""
    return functools.partial(in_this_process, remove_layers)


def test_runs(runs, tmp_path, command, capsys, read_table):
    command(
        f"--run_dirs={runs / 'v1'},{runs / 'v2'}",
        "--test_examples=200",
        f"--output_dir={tmp_path / 'new' / 'place'}",
    )
    rows = read_table(tmp_path / "new" / "place" / "removals.csv")
    blocks = [f"group{group}_block1" for group in (1, 2, 3)]
    assert [(row["model"], row["removed"]) for row in rows] == [
        (model, removed)
        for model in ("resnet20_dnn", "resnet110_dlgn")
        for removed in ("", *blocks)
    ]
    assert {row["images"] for row in rows} == {"200"}

    # The final model of the run, its branches silenced by their weights.
    _, test = sources.load("digits", test_examples=200)
    model = keras.models.load_model(runs / "v1" / "model.keras")
    for row in rows[:4]:
        if row["removed"]:
            norm = model.network.get_layer(f"{row['removed']}_conv2_bn")
            kept = norm.get_weights()
            norm.set_weights([0 * kept[0], 0 * kept[1], *kept[2:]])
        predicted = np.asarray(model(test.images)).argmax(-1)
        if row["removed"]:
            norm.set_weights(kept)
        assert int(row["errors"]) == (predicted != test.labels).sum()
        assert float(row["accuracy"]) == (200 - int(row["errors"])) / 200
    # Something was learnt, which leaving out takes away.
    assert int(rows[0]["errors"]) < 100
    assert len({row["errors"] for row in rows}) > 2

    png = (tmp_path / "new" / "place" / "removals.png").read_bytes()
    assert png.startswith(PNG)
    printed = capsys.readouterr().out
    assert "layer removal: network 8/8" in printed
    assert f"resnet20_dnn: {1 - int(rows[0]['errors']) / 200:.2%}" in printed


@pytest.mark.usefixtures("unrendered")
def test_two_runs_of_one_model_are_told_apart(
    runs, tmp_path, command, read_table
):
    again = shutil.copytree(runs / "v1", tmp_path / "again")
    command(
        f"--run_dirs={runs / 'v1'},{again}",
        "--test_examples=50",
        f"--output_dir={tmp_path / 'out'}",
    )
    rows = read_table(tmp_path / "out" / "removals.csv")
    labels = [row["model"] for row in rows]
    assert labels == [str(runs / "v1")] * 4 + [str(again)] * 4
    errors = [row["errors"] for row in rows]
    assert errors[:4] == errors[4:]


@pytest.mark.needs_cifar
@pytest.mark.slow
def test_a_published_network(tmp_path, command, read_table):
    if not (CIFAR_DIR / "cifar10").is_dir() or not PUBLISHED.parent.is_dir():
        pytest.skip(f"no cifar10 in {CIFAR_DIR} or no {PUBLISHED}")
    command(
        "--model=resnet32_dnn",
        f"--init_from={PUBLISHED}",
        f"--data_dir={CIFAR_DIR}",
        "--test_examples=200",
        f"--output_dir={tmp_path}",
    )
    rows = read_table(tmp_path / "removals.csv")
    assert len(rows) == 16
    accuracies = [float(row["accuracy"]) for row in rows]
    assert accuracies[0] > 0.75
    # Most blocks can go; a chain of layers would be at chance.
    assert np.median(accuracies[1:]) > 0.5
    # The first blocks of groups 1 and 2 cannot.
    assert accuracies[1] < 0.5 and accuracies[6] < 0.5


# Missing, contradicting or impossible: answered before TensorFlow is there.
REFUSALS = {
    "": "Expected --output_dir",
    "--output_dir=out": "--run_dirs=A,B or --model=NAME --init_from=PREFIX",
    "--output_dir=out --run_dirs=nowhere": "nowhere.*no flags.txt",
    "--output_dir=out --run_dirs=plain": "left out.*Received: c4gap",
    "--output_dir=out --run_dirs=v1,plain": "left out.*Received: c4gap",
    "--output_dir=out --init_from=x": "--model and --init_from together",
    "--output_dir=out --model=resnet20_dnn": "together.*resnet20_dnn",
    "--output_dir=out --run_dirs=v1 --block=original": "no effect on runs",
    "--output_dir=out --run_dirs=v1 --networks=both": "dgn.*Received: none",
    "--output_dir=out --run_dirs=v1 --dataset=cifar10": "cifar10, digits",
    "--output_dir=out --run_dirs=v1 --test_examples=361": "360.*361",
    "--output_dir=file --run_dirs=v1": "output_dir.*file is a file",
    "--output_dir=out --model=resnet20_dnm --init_from=x": "resnet20_dnn",
    "--output_dir=out --model=resnet20_dnn --init_from=x": "not at hand",
}


@pytest.mark.parametrize("arguments", REFUSALS)
def test_refusals(runs, tmp_path, command, monkeypatch, arguments):
    for name in ("v1", "plain"):
        (tmp_path / name).symlink_to(runs / name)
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/nonexistent/home")

    def refuse():
        raise AssertionError("Keras was about to be imported")

    monkeypatch.setattr(remove_layers.startup, "import_keras", refuse)
    with pytest.raises(UserError, match=REFUSALS[arguments]) as caught:
        command(*arguments.split())
    assert "Received" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_not_there(tmp_path, command):
    with pytest.raises(UserError, match="nothing, where there is none"):
        command(
            "--model=resnet20_dnn",
            f"--init_from={tmp_path / 'nothing'}",
            "--dataset=digits",
            f"--output_dir={tmp_path / 'out'}",
        )
