"""The command: what it writes, and what it says to a mistake."""

import dataclasses
import functools

import keras
import numpy as np
import pytest

from dlgn_tf.complexity import __main__ as entry
from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model, load_model

SMALL = ("--images=60", "--epochs=2", "--draws=48", "--width=0.03")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def command(in_this_process):
    return functools.partial(in_this_process, entry)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    """A network of the zoo that is as it was drawn."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model = create_model("c4gap_dlgn", (8, 8, 1), width=4, seed=0)
    model(np.zeros((1, 8, 8, 1), "uint8"))
    model.save(path)
    return path


def test_a_gated_network(tmp_path, command, model_path, capsys, read_table):
    folder = tmp_path / "new"
    command(
        f"--model_path={model_path}",
        "--dataset=digits",
        "--network=gating",
        "--layer=conv3",
        "--orders=4,7",
        "--panels=1",
        "--resamples=20",
        *SMALL,
        f"--output_dir={folder}",
    )
    assert sorted(p.name for p in folder.iterdir()) == [
        "commands.json",
        "effectiveness.csv",
        "effectiveness.png",
        "nets",
        "panels.csv",
        "panels_0.png",
        "report.md",
        "significance.csv",
        "significance.png",
    ]
    nets = {p.name for p in (folder / "nets").glob("*.keras")}
    assert nets == {"order_04.keras", "order_07.keras"}
    rows = read_table(folder / "significance.csv")
    assert [row["order"] for row in rows] == ["4", "7"]
    for row in rows:
        ends = float(row["significance_low"]), float(row["significance_high"])
        assert ends[0] < ends[1]
    report = (folder / "report.md").read_text()
    assert "conv3 of the gating network" in report
    assert "How to read the shares" in report and "NAME_low" in report
    assert "first 60 training and 360 test images" in " ".join(report.split())
    assert (folder / "panels_0.png").read_bytes().startswith(PNG)
    # f, and three panels an order, of eight rows of pixels.
    assert len(read_table(folder / "panels.csv")) == 8 * (1 + 3 * 2)
    printed = capsys.readouterr().out
    assert "remainder" in printed
    _, test = sources.load("digits")
    whole = load_model(model_path)
    right = np.argmax(whole.predict(test.images), -1) == test.labels
    line = f"[0, 255], has a test accuracy of {right.mean():.2%} on the first"
    assert line in printed and line in report


def test_a_wrong_layer_lists_the_layers(tmp_path, command, model_path):
    with pytest.raises(UserError) as caught:
        command(
            f"--model_path={model_path}",
            "--dataset=digits",
            "--layer=conv9",
            f"--output_dir={tmp_path}",
        )
    said = str(caught.value)
    assert "conv1, conv2, conv3, conv4" in said and "layer=conv9" in said
    assert not list(tmp_path.iterdir())


def test_images_of_another_size(tmp_path, command):
    image = keras.Input((9, 9, 1))
    h = keras.layers.Conv2D(4, 3, name="conv")(image)
    keras.Model(image, h, name="mine").save(tmp_path / "mine.keras")
    with pytest.raises(UserError, match=r"Received: digits, images \(8, 8, 1"):
        command(
            f"--model_path={tmp_path / 'mine.keras'}",
            "--dataset=digits",
            "--layer=conv",
            f"--output_dir={tmp_path / 'out'}",
        )


def test_experiment_three_at_the_scale_of_hours(
    tmp_path, command, read_table, monkeypatch
):
    """The scale of hours, cut by flags: digits stand for photographs."""
    from dlgn_tf.complexity.experiments import settings

    hours = settings.SCALES["hours"]
    short = dataclasses.replace(hours, teacher_width=4, teacher_epochs=1)
    monkeypatch.setitem(settings.SCALES, "hours", short)
    command(
        "--experiment=effectiveness",
        "--scale=hours",
        "--dataset=digits",
        "--depths=8",
        "--counts=20",
        "--orders=4",
        "--seeds=1",
        *SMALL,
        f"--output_dir={tmp_path}",
    )
    rows = read_table(tmp_path / "effectiveness.csv")
    assert [r["network"] for r in rows] == ["resnet8-20"]
    report = (tmp_path / "report.md").read_text()
    assert "augmentation flip_crop" in report and "1 epochs of 32" in report


MISTAKES = {
    "--output_dir=x": "--experiment=NAME. Received: none",
    "--run_dir=a --experiment=1 --output_dir=x": "run_dir and experiment",
    "--experiment=1": "--output_dir=DIR",
    "--experiment=1 --layer=x --output_dir=x": "--layer=x",
    "--experiment=6 --scale=full --output_dir=x": "--scale=full",
    "--experiment=2 --networks=a.csv --output_dir=x": "--networks=a.csv",
    "--experiment=1 --orders=4,x --output_dir=x": "--orders=4,x",
    "--run_dir=nowhere --output_dir=x": "--run_dir",
    "--model_path=nowhere --output_dir=x": "--model_path=nowhere",
    "--run_dir=nowhere --dataset=digits --output_dir=x": "--dataset=digits",
    "--experiment=gated --data_dir=nowhere --output_dir=x": "nowhere",
    "--experiment=1 --orders=5 --images=20 --output_dir=out": "orders=5",
    "--experiment=6 --networks=no.csv --output_dir=x": "no.csv",
    "--experiment=2 --depths=8,9 --output_dir=x": "depth=9",
    "--experiment=1 --widths=0.5 --output_dir=x": "--widths=0.5",
    "--experiment=3 --compressed_depth=8 --output_dir=x": "compressed_depth=8",
    "--run_dir=nowhere --counts=20 --output_dir=x": "--counts=20",
    "--experiment=3 --resamples=9 --output_dir=x": "--resamples=9",
    "--experiment=5 --compressed=a.csv --output_dir=x": "--compressed=a.csv",
}


@pytest.mark.parametrize("line", list(MISTAKES))
def test_mistakes(tmp_path, command, line, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="Expected.*Received") as caught:
        command(*line.split())
    assert MISTAKES[line] in str(caught.value)
