"""Data of one's own through the commands, which need no flag but the run's."""

import json
import types

import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import config as config_lib
from dlgn_tf import evaluate, export, inspect_model
from dlgn_tf.training import loop

SMALL = ("--width=4", "--batch_size=30", "--epochs=1")


def trained(place, *flags):
    config = config_lib.from_flags(f"--run_dir={place / 'run'}", *SMALL, *flags)
    return types.SimpleNamespace(path=place / "run", last=loop.train(config))


def write_archive(place):
    """Grey images without an axis of channels, of classes 1 to 7."""
    rng = np.random.default_rng(0)
    labels = np.arange(140) % 7 + 1
    images = rng.normal(size=(140, 28, 28)).astype("float32")
    path = place / "own.npz"
    np.savez(
        path,
        x_train=images,
        y_train=labels,
        x_test=images[:35],
        y_test=labels[:35],
    )
    return path


def write_table(place):
    rng = np.random.default_rng(0)
    words = np.array(["red", "green", ""])
    lines = ["size,colour,kind"]
    for number in range(120):
        size = "" if number % 10 == 0 else f"{rng.normal() + number % 2:.3f}"
        kind = ("pear", "fig")[number % 2]
        lines.append(f"{size},{words[rng.integers(3)]},{kind}")
    path = place / "own.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def folder_run(write_images, tmp_path_factory):
    place = tmp_path_factory.mktemp("folder")
    write_images(place / "images", (48, 64, 3), 100)
    return trained(
        place,
        "--model=c1gap_dlgn",
        "--dataset=folder",
        f"--data_dir={place / 'images'}",
    )


ARRAYS = ("--model=c1gap_dlgn", "--dataset=npz", "--npz={}")
TABLE = ("--model=fc_dlgn", "--dataset=table", "--data_dir={}")
OF_ARRAYS_AND_TABLES = pytest.mark.parametrize(
    "flags, write, classes",
    [
        (ARRAYS, write_archive, list("1234567")),
        (
            (*TABLE, "--label=kind", "--missing=fill"),
            write_table,
            ["fig", "pear"],
        ),
    ],
    ids=["npz", "table"],
)


def trained_on(place, flags, write):
    path = write(place)
    return trained(place, *(flag.format(path) for flag in flags))


@pytest.mark.usefixtures("unrendered")
@OF_ARRAYS_AND_TABLES
def test_what_no_flag_says_again(
    flags, write, classes, in_this_process, tmp_path
):
    run = trained_on(tmp_path, flags, write)
    known = json.loads((run.path / "data.json").read_text())
    assert known["class_names"] == classes
    output = tmp_path / "evaluation.json"
    in_this_process(evaluate, f"--run_dir={run.path}", f"--output={output}")
    assert json.loads(output.read_text())["test_accuracy"] == pytest.approx(
        run.last["test_accuracy"]
    )
    in_this_process(inspect_model, f"--run_dir={run.path}", "--images=20")
    page = (run.path / "inspection" / "index.html").read_text()
    assert all(name in page for name in classes)


def test_folder(folder_run, in_this_process, tmp_path):
    run = folder_run.path
    output = tmp_path / "evaluation.json"
    in_this_process(evaluate, f"--run_dir={run}", f"--output={output}")
    found = json.loads(output.read_text())
    assert found["test_images"] == 60
    assert found["test_accuracy"] == pytest.approx(
        folder_run.last["test_accuracy"]
    )
    in_this_process(inspect_model, f"--run_dir={run}", "--images=20")
    page = (run / "inspection" / "index.html").read_text()
    assert all(name in page for name in ("ant", "bee", "cat"))
    exported = tmp_path / "exported"
    in_this_process(export, f"--run_dir={run}", f"--export_dir={exported}")
    names = (exported / "assets" / "class_names.txt").read_text().split()
    assert names == ["ant", "bee", "cat"]
    assert dlgn_tf.load_run(run).model.classes == 3


@pytest.mark.slow
@OF_ARRAYS_AND_TABLES
def test_runs_of_arrays_and_tables_are_exported(
    flags, write, classes, in_this_process, tmp_path
):
    run = trained_on(tmp_path, flags, write)
    exported = tmp_path / "exported"
    in_this_process(export, f"--run_dir={run.path}", f"--export_dir={exported}")
    names = (exported / "assets" / "class_names.txt").read_text().split()
    assert names == classes
    model = dlgn_tf.load_run(run.path).model
    images = np.ones((2, *model.image_shape), "float32")
    import tensorflow as tf

    served = tf.saved_model.load(str(exported)).signatures["serving_default"]
    logits = served(images=tf.constant(images))["logits"]
    np.testing.assert_allclose(logits, model(images), rtol=1e-4, atol=1e-5)
