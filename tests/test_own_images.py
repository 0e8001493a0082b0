"""Runs on images of one's own: an .npz, an entry of the catalogue, few images.

An entry that names no reader of its own once stood for scikit-learn's digits.
"""

import dataclasses
import json
import shutil
import types

import numpy as np
import pytest

import dlgn_tf.complexity.__main__ as complexity
import dlgn_tf.dual.__main__ as dual
import dlgn_tf.rainbow.__main__ as rainbow
from dlgn_tf import config as config_lib
from dlgn_tf import evaluate, inspect_model, remove_layers
from dlgn_tf.data import catalog, npz, sources
from dlgn_tf.errors import UserError

TRAIN, TEST = 90, 50
SMALL = ("--depth=6", "--width=6", "--batch_size=30", "--epochs=1")


def resolve(*arguments):
    return config_lib.from_flags(*map(str, arguments))


def write(path, train=TRAIN, test=TEST, seed=0):
    """Images that are not scikit-learn's."""
    rng = np.random.default_rng(seed)
    npz.write(
        path,
        {
            split: (
                np.arange(count) % 10,
                rng.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8),
            )
            for split, count in (("train", train), ("test", test))
        },
    )
    return path


@pytest.fixture(scope="module", autouse=True)
def own():
    """An entry of the catalogue as README asks for one."""
    entry = dataclasses.replace(
        catalog.get("digits"),
        name="own",
        source="npz",
        train_examples=None,
        test_examples=None,
    )
    catalog.DATASETS["own"] = entry
    yield entry
    del catalog.DATASETS["own"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of that entry, whose .npz has moved since."""
    from dlgn_tf.training import loop

    place = tmp_path_factory.mktemp("own")
    config = resolve(
        "--model=fcresnet_dlgn",
        "--block_depth=2",
        "--dataset=own",
        f"--npz={write(place / 'here.npz')}",
        f"--run_dir={place / 'run'}",
        *SMALL,
    )
    last = loop.train(config)
    moved = shutil.move(place / "here.npz", place / "moved.npz")
    return types.SimpleNamespace(path=place / "run", npz=moved, last=last)


def test_an_entry_trains_on_its_own_images(run):
    assert run.last["test_images"] == TEST
    assert run.last["step"] == TRAIN // 30
    with np.load(run.npz) as arrays:
        images, labels = arrays["test_images"], arrays["test_labels"]
    import keras

    model = keras.models.load_model(run.path / "model.keras")
    answers = np.asarray(model(images)).argmax(axis=1)
    assert run.last["test_accuracy"] == np.mean(answers == labels)


@pytest.mark.parametrize("name", ["own", "digits"])
def test_numbers_of_images_are_those_of_the_file(name, tmp_path):
    path = write(tmp_path / "a.npz", train=1500, test=2)
    given = (f"--dataset={name}", f"--npz={path}", "--batch_size=100")
    config = resolve(*given, "--epochs=2", "--model=fc_dlgn")
    assert config.train_examples == 1500
    assert (config.train_steps, config.eval_every) == (30, 15)
    # What a run has noted is read though its file is gone.
    path.unlink()
    again = resolve(*given, "--train_examples=1500", "--epochs=2")
    assert again.train_examples == 1500


@pytest.mark.parametrize(
    "arguments", [(), ("--data_dir=/nonexistent",), ("--download",)]
)
def test_an_entry_without_its_file_is_refused(arguments):
    with pytest.raises(UserError, match="Expected --npz=FILE"):
        config = resolve("--dataset=own", "--model=fc_dlgn", *arguments)
        catalog.check_available(**catalog.place_of(config))
    with pytest.raises(UserError, match="Expected --npz=FILE"):
        sources.load("own")


load = sources.load


class Asked(Exception):
    """Stands for the images that a command asks for."""


ENTRIES = {
    evaluate: ("run_dir",),
    inspect_model: ("run_dir",),
    dual: ("run_dir",),
    rainbow: ("run_dirs", "--parts=resampling"),
    complexity: ("run_dir",),
    remove_layers: ("run_dirs",),
}


@pytest.fixture
def asked_by(run, tmp_path, in_this_process, monkeypatch):
    """A function that calls a command up to where it reads its images."""

    def ask(**given):
        raise Asked(given)

    def call(entry, *more):
        which, *given = ENTRIES[entry]
        if entry is not evaluate:
            given.append(f"--output_dir={tmp_path / 'out'}")
        with pytest.raises(Asked) as raised:
            in_this_process(entry, f"--{which}={run.path}", *given, *more)
        return raised.value.args[0]

    monkeypatch.setattr(sources, "load", ask)
    return call


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.__name__)
def test_a_file_that_has_moved_is_named_again(entry, run, asked_by):
    with pytest.raises(UserError, match="here.npz, which does not exist"):
        asked_by(entry)
    asked = asked_by(entry, f"--npz={run.npz}")
    # There are fewer images than a command takes unless told otherwise.
    train, test = load(**asked)
    with np.load(run.npz) as arrays:
        images = arrays["train_images"][: len(train)]
        np.testing.assert_array_equal(train.images, images)
        np.testing.assert_array_equal(test.images, arrays["test_images"])


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.__name__)
def test_a_folder_is_refused_where_a_file_is_read(entry, asked_by, tmp_path):
    with pytest.raises(UserError, match="own are read from an .npz"):
        asked_by(entry, f"--data_dir={tmp_path}")


def test_evaluation_on_other_images(run, tmp_path):
    """Of the same kind; the network keeps its constants."""
    import keras

    result = evaluate.evaluate(run.path, dataset="digits")
    _, digits = sources.load("digits")
    model = keras.models.load_model(run.path / "model.keras")
    wrong = np.asarray(model(digits.images)).argmax(axis=1) != digits.labels
    assert result["dataset"] == "digits"
    assert (result["errors"], result["test_images"]) == (wrong.sum(), 360)
    few = write(tmp_path / "few.npz", test=7, seed=1)
    there = evaluate.evaluate(run.path, npz=few)
    assert (there["dataset"], there["test_images"]) == ("own", 7)
    with pytest.raises(UserError, match="8x8x1 .*10 classes.*dataset=mnist"):
        evaluate.evaluate(run.path, dataset="mnist", data_dir=tmp_path)


def test_a_saved_model_on_an_entry_of_ones_own(run, tmp_path, in_this_process):
    saved = tmp_path / "saved"
    (saved / "assets.extra").mkdir(parents=True)
    (saved / "saved_model.pb").touch()
    shutil.copy(run.path / "model.keras", saved / "assets.extra")
    given = (
        f"--saved_model={saved}",
        "--dataset=own",
        f"--output_dir={tmp_path / 'out'}",
    )
    with pytest.raises(UserError, match="own are read from an .npz"):
        in_this_process(inspect_model, *given)
    assert not (tmp_path / "out").exists()


def test_weights_are_evaluated_on_an_entry_of_ones_own(
    run, tmp_path, in_this_process
):
    output = tmp_path / "result.json"
    in_this_process(
        evaluate,
        f"--run_dir={run.path}",
        f"--init_from={run.path}",
        f"--npz={run.npz}",
        f"--output={output}",
    )
    assert json.loads(output.read_text())["test_images"] == TEST
