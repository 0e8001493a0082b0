import dataclasses
import json
import os
import pathlib
import types
import zipfile

import pytest

from dlgn_tf.data import catalog, prepared, sources
from dlgn_tf.errors import UserError


def prepare(data_dir, version, name="cifar10"):
    folder = data_dir / name / version
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    return str(folder)


def message(*args, **kwargs):
    with pytest.raises(UserError) as raised:
        catalog.check_available(*args, **kwargs)
    text = str(raised.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "name, classes, image_shape, train, test, augmentation",
    [
        ("digits", 10, (8, 8, 1), 1437, 360, "none"),
        ("mnist", 10, (28, 28, 1), 60000, 10000, "none"),
        ("cifar10", 10, (32, 32, 3), 50000, 10000, "flip_crop"),
        ("cifar100", 100, (32, 32, 3), 50000, 10000, "flip_crop"),
        ("svhn_cropped", 10, (32, 32, 3), 73257, 26032, "crop"),
    ],
)
def test_entries(name, classes, image_shape, train, test, augmentation):
    info = catalog.get(name)
    assert info.name == name
    assert info.classes == classes
    assert info.image_shape == image_shape
    assert (info.train_examples, info.test_examples) == (train, test)
    assert info.augmentation == augmentation
    assert len(info.mean) == len(info.std) == image_shape[-1]
    assert info.tfds_name == (None if name == "digits" else name)


def test_entries_are_all_named_and_frozen():
    assert list(catalog.DATASETS) == [
        "digits",
        "mnist",
        "cifar10",
        "cifar100",
        "svhn_cropped",
        "sdi",
        "sdii",
        "sdiii",
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalog.get("digits").classes = 3


def test_cifar_constants_are_those_of_the_lineage():
    for name in ("cifar10", "cifar100"):
        info = catalog.get(name)
        assert info.mean == (0.4914, 0.4822, 0.4465)
        assert info.std == (0.2023, 0.1994, 0.2010)


@pytest.mark.parametrize(
    "name, near", [("cifar", "cifar10"), ("CIFAR100", "cifar100")]
)
def test_unknown_name_gets_the_nearest(name, near):
    with pytest.raises(UserError) as raised:
        catalog.get(name)
    text = str(raised.value)
    assert "\n" not in text
    assert (
        "Expected one of digits, mnist, cifar10, cifar100, svhn_cropped, sdi, "
        "sdii, sdiii." in text
    )
    assert near in text.partition("nearest are ")[2].partition(". ")[0]
    assert text.endswith(f"Received: dataset={name}")


def test_unknown_name_without_a_near_one():
    with pytest.raises(UserError) as raised:
        catalog.get("zzz")
    assert "nearest" not in str(raised.value)


def test_digits_need_nothing(tmp_path):
    catalog.check_available("digits", tmp_path / "missing")


def test_prepared_copy_is_available(tmp_path):
    prepare(tmp_path, "3.0.2")
    catalog.check_available("cifar10", tmp_path)
    catalog.check_available("cifar10", str(tmp_path))


def test_download_makes_anything_available(tmp_path):
    catalog.check_available("cifar10", tmp_path / "missing", download=True)


def test_unknown_name_is_not_available(tmp_path):
    assert "Unknown data set" in message("imagenet", tmp_path, download=True)


def test_missing_copy_is_explained(tmp_path):
    prepare(tmp_path, "3.0.2", "cifar10")
    text = message("cifar100", tmp_path)
    assert f"{tmp_path}, which holds no cifar100/" in text
    for way_out in ("--data_dir=DIR", "--download", "--dataset=digits"):
        assert way_out in text


def test_missing_folder_is_named_as_such(tmp_path):
    text = message("cifar10", tmp_path / "missing")
    assert f"{tmp_path / 'missing'}, which is no existing folder" in text


@pytest.mark.parametrize("data_dir", [None, "~/tensorflow_datasets"])
def test_home_is_filled_in(data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    root = tmp_path / "tensorflow_datasets"
    assert str(root) in message("cifar10", data_dir)
    prepare(root, "3.0.2")
    catalog.check_available("cifar10", data_dir)


@pytest.mark.parametrize("version", ["incomplete.AB12_3.0.2", "tmp", ""])
def test_unfinished_copy_is_missing(version, tmp_path):
    prepare(tmp_path, version)
    assert "holds no cifar10/" in message("cifar10", tmp_path)


def test_version_without_its_description_is_missing(tmp_path):
    os.remove(f"{prepare(tmp_path, '3.0.2')}/dataset_info.json")
    assert "holds no cifar10/" in message("cifar10", tmp_path)


def test_newest_version_counts(tmp_path):
    prepare(tmp_path, "3.0.9")
    newest = prepare(tmp_path, "3.0.10")
    prepare(tmp_path, "incomplete.9_9.9.9")
    assert prepared.folder("cifar10", tmp_path) == newest


def archive(path):
    with zipfile.ZipFile(path, "w"):
        return path


def test_source_is_checked(tmp_path):
    with pytest.raises(UserError, match="is not at hand"):
        catalog.source("cifar10", tmp_path)
    with pytest.raises(UserError, match="Unknown data set"):
        catalog.source("nothing", None, "given.npz")
    prepare(tmp_path, "3.0.2")
    assert catalog.source("cifar10", tmp_path) == {
        "name": "cifar10",
        "data_dir": tmp_path,
        "npz_file": None,
    }
    # Nobody looks for the folder.
    file = archive(tmp_path / "given.npz")
    given = catalog.source("cifar10", "/nonexistent", file)
    assert given["npz_file"] == file


def test_an_npz_is_checked(tmp_path):
    missing, text = tmp_path / "missing.npz", tmp_path / "text.npz"
    text.write_text("no archive")
    with pytest.raises(UserError, match="missing.npz, which does not exist"):
        catalog.check_available("cifar10", npz_file=missing)
    for path in (text, tmp_path):
        with pytest.raises(UserError, match=f"Received: {path}$"):
            catalog.check_available("digits", npz_file=path)


def test_source_of_a_run(tmp_path):
    """What is given now goes before what the run was trained on."""
    prepare(tmp_path / "run", "3.0.2")
    prepare(tmp_path / "now", "3.0.2")

    def source(data_dir, npz, now):
        config = types.SimpleNamespace(
            dataset="cifar10", data_dir=data_dir, npz=npz
        )
        found = catalog.source_of_run(config, now)
        assert found["name"] == "cifar10"
        return found["data_dir"], found["npz_file"]

    run, now = tmp_path / "run", tmp_path / "now"
    npz = archive(tmp_path / "run.npz")
    assert source(run, None, None) == (run, None)
    assert source(run, None, now) == (now, None)
    assert source(None, npz, None) == (None, npz)
    assert source(None, npz, now) == (now, None)
    with pytest.raises(UserError, match="is not at hand"):
        source(run, None, tmp_path / "missing")


def test_images_named_now_go_before_those_of_a_run(tmp_path):
    run = archive(tmp_path / "run.npz")
    now = archive(tmp_path / "now.npz")
    config = types.SimpleNamespace(dataset="digits", data_dir=None, npz=run)
    for data_dir in (None, tmp_path):
        found = catalog.source_of_run(config, data_dir, now)
        assert found["npz_file"] == now
    prepare(tmp_path, "1.0.0", "cifar100")
    config = types.SimpleNamespace(
        dataset="cifar10", data_dir=tmp_path, npz=None
    )
    with pytest.raises(UserError, match="32x32x3 .*10 classes.*cifar100"):
        catalog.source_of_run(config, dataset="cifar100")
    prepare(tmp_path, "1.0.0", "svhn_cropped")
    found = catalog.source_of_run(config, dataset="svhn_cropped")
    assert (found["name"], found["data_dir"]) == ("svhn_cropped", tmp_path)


@pytest.fixture
def add(monkeypatch):
    """A function that adds an entry like that of the digits."""

    def add_entry(source):
        entry = dataclasses.replace(
            catalog.get("digits"), name="own", source=source
        )
        monkeypatch.setitem(catalog.DATASETS, "own", entry)
        return entry

    return add_entry


def test_an_entry_whose_images_are_in_an_npz(add, tmp_path):
    assert add("npz").tfds_name is None
    for given in ({}, {"download": True}, {"data_dir": tmp_path}):
        assert "Expected --npz=FILE" in message("own", **given)
    catalog.check_available("own", npz_file=archive(tmp_path / "a.npz"))


def test_an_entry_of_tfds(add, tmp_path):
    assert add("tfds:mnist").tfds_name == "mnist"
    assert "mnist/VERSION" in message("own", tmp_path)
    prepare(tmp_path, "3.0.1", "mnist")
    catalog.check_available("own", tmp_path)


def test_an_entry_whose_reader_there_is_not(add):
    add("tdfs:mnist")
    assert message("own").endswith("Received: tdfs:mnist")


def test_an_entry_of_digits_that_are_others(monkeypatch):
    """Digits are read for the entry of digits alone."""
    for change in ({"source": "sklearn:wine"}, {"image_shape": (9, 9, 1)}):
        entry = dataclasses.replace(catalog.get("digits"), name="own", **change)
        monkeypatch.setitem(catalog.DATASETS, "own", entry)
        with pytest.raises(UserError, match="Received: own"):
            sources.load("own")


def test_numbers_of_images_of_a_prepared_copy(tmp_path, monkeypatch):
    """As many as TFDS has noted; those of the catalogue until then."""
    known = {"train": 50_000, "test": 10_000}
    assert catalog.examples("cifar10", tmp_path) == known
    folder = pathlib.Path(prepare(tmp_path, "3.0.2"))
    splits = [
        {"name": "train", "shardLengths": ["12", "8"]},
        {"name": "test", "shardLengths": ["10"]},
    ]
    info = folder / "dataset_info.json"
    info.write_text(json.dumps({"splits": splits}))
    found = catalog.examples("cifar10", tmp_path)
    assert found == {"train": 20, "test": 10}
    # A copy that is not there says nothing, whatever lies here.
    monkeypatch.chdir(folder)
    assert catalog.examples("cifar10", tmp_path / "missing") == known
    noted = '{"splits": [{"name": "train"%s}]}'
    words = noted % ', "shardLengths": ["x"]'
    for damaged in ("", "[]", "{}", noted % "", words):
        info.write_text(damaged)
        assert catalog.examples("cifar10", tmp_path) == known
    given = catalog.examples("cifar10", tmp_path, tmp_path / "missing.npz")
    assert given == known


def test_catalog_imports_nothing_heavy(printed_by):
    code = (
        "import sys\n"
        "from dlgn_tf.data import catalog\n"
        "try:\n"
        "    catalog.check_available('cifar10', '/nonexistent')\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)\n"
        "for name in ('numpy', 'tensorflow', 'keras', 'sklearn'):\n"
        "    assert name not in sys.modules, name\n"
    )
    assert printed_by(code) == "UserError\n"
