"""Data sets in one .npz file, and the tool that writes them."""

import functools
import io
import pathlib
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from dlgn_tf.data import catalog, npz, sources
from dlgn_tf.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
TOOL = ROOT / "tools" / "prepare_data.py"
INFO = catalog.get("cifar10")
GREY = catalog.get("digits")
COUNTS = {"train": 7, "test": 4}
ALL = {"train": None, "test": None}


def splits_of(info, rng):
    return {
        split: (
            np.arange(count) * 3 % info.classes,
            rng.integers(0, 256, (count, *info.image_shape), dtype=np.uint8),
        )
        for split, count in COUNTS.items()
    }


def png(image, kind="png", **options):
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, kind, **options)
    return file.getvalue()


def write_one(path, file):
    """The same encoded image in both splits."""
    npz.write(path, {split: ([1], [file]) for split in COUNTS})


def encoded(splits):
    return {
        split: (labels, [png(image) for image in images])
        for split, (labels, images) in splits.items()
    }


def message(path, counts=ALL, info=INFO):
    with pytest.raises(UserError) as raised:
        npz.read(path, info, counts)
    text = str(raised.value)
    assert text.startswith(f"Cannot read {info.name}. Expected an .npz")
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < 500
    return text.partition("Received: ")[2]


@pytest.mark.parametrize("split", COUNTS)
@pytest.mark.parametrize("count", [0, -5])
def test_counts_below_one_are_refused(path, split, count):
    with pytest.raises(UserError, match=f"Received: {split}_examples={count}"):
        npz.read(path, INFO, {**ALL, split: count})


def assert_same_sets(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)


def change(path, **arrays):
    """Replaces arrays of a file; None takes one away."""
    with np.load(path) as file:
        arrays = {**file, **arrays}
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})


@pytest.fixture
def splits(rng):
    return splits_of(INFO, rng)


@pytest.fixture
def path(tmp_path, splits):
    npz.write(tmp_path / "arrays.npz", splits)
    return tmp_path / "arrays.npz"


@pytest.fixture
def encoded_path(tmp_path, splits):
    npz.write(tmp_path / "encoded.npz", encoded(splits))
    return tmp_path / "encoded.npz"


@pytest.mark.parametrize("info", [INFO, GREY], ids=lambda info: info.name)
@pytest.mark.parametrize("encode", [encoded, dict])
def test_what_is_written_is_read(info, encode, tmp_path, rng):
    splits = splits_of(info, rng)
    npz.write(tmp_path / "data.npz", encode(splits))
    found = npz.read(tmp_path / "data.npz", info, ALL)
    for part, split in zip(found, ("train", "test"), strict=True):
        labels, images = splits[split]
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int32)
        np.testing.assert_array_equal(part.images, images)
        np.testing.assert_array_equal(part.labels, labels)


def test_layout_is_as_documented(path, encoded_path, splits):
    with np.load(path) as file:
        assert sorted(file) == [
            "test_images",
            "test_labels",
            "train_images",
            "train_labels",
        ]
    with np.load(encoded_path) as file:
        for split, (labels, images) in splits.items():
            begin = 0
            for end, image in zip(file[f"{split}_ends"], images, strict=True):
                one = file[f"{split}_encoded"][begin:end].tobytes()
                assert one == png(image)
                begin = end
            np.testing.assert_array_equal(file[f"{split}_labels"], labels)


@pytest.mark.parametrize("name", ["path", "encoded_path"])
@pytest.mark.parametrize("count", [1, 6, 7])
def test_first_images(name, count, splits, request):
    counts = {"train": count, "test": 2}
    train, test = npz.read(request.getfixturevalue(name), INFO, counts)
    labels, images = splits["train"]
    np.testing.assert_array_equal(train.images, images[:count])
    np.testing.assert_array_equal(train.labels, labels[:count])
    np.testing.assert_array_equal(test.images, splits["test"][1][:2])


@pytest.mark.parametrize("name", ["path", "encoded_path"])
def test_more_images_than_there_are(name, request):
    path = request.getfixturevalue(name)
    assert "4 test images instead of 5" in message(
        path, {"train": 7, "test": 5}
    )


def test_whole_data_set_is_asked_for(path):
    """A run asks for all of the catalogue's images."""
    with pytest.raises(UserError, match="7 train images instead of 50000"):
        sources.load(
            "cifar10", train_examples=INFO.train_examples, npz_file=path
        )


def test_first_images_decode_no_others(encoded_path):
    with np.load(encoded_path) as file:
        files, ends = file["train_encoded"].copy(), file["train_ends"]
    files[ends[2] :] = 0
    change(encoded_path, train_encoded=files)
    npz.read(encoded_path, INFO, {"train": 3, "test": 1})
    assert "UnidentifiedImageError" in message(encoded_path)


def test_missing_file(tmp_path):
    assert "FileNotFoundError" in message(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x93NUMPY"])
def test_file_of_another_kind(content, tmp_path):
    (tmp_path / "data.npz").write_bytes(content)
    message(tmp_path / "data.npz")


def test_single_array(tmp_path):
    with (tmp_path / "data.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    message(tmp_path / "data.npz")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_truncated_file(part, path):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert "BadZipFile" in message(path)


def with_a_byte_changed(path, begin):
    """Changes one byte of a file after the other, a few of them."""
    content = path.read_bytes()
    for index in range(begin, len(content), 97):
        damaged = bytearray(content)
        damaged[index] ^= 0xFF
        yield path.write_bytes(damaged)


@pytest.mark.parametrize("name", ["path", "encoded_path"])
def test_changed_byte(name, request):
    """Whichever byte it is: one line, or the same data."""
    path = request.getfixturevalue(name)
    expected = npz.read(path, INFO, ALL)
    for _ in with_a_byte_changed(path, 0):
        try:
            found = npz.read(path, INFO, ALL)
        except UserError as error:
            assert "Cannot read cifar10." in str(error)
        else:
            assert_same_sets(found, expected)


def test_changed_byte_of_a_compressed_file(path, tmp_path):
    """Decompressors have errors of their own."""
    squeezed = tmp_path / "squeezed.npz"
    with np.load(path) as arrays:
        smooth = {name: arrays[name] // 64 for name in arrays}
    np.savez_compressed(squeezed, **smooth)
    found = set()
    for _ in with_a_byte_changed(squeezed, 64):
        try:
            npz.read(squeezed, INFO, ALL)
        except UserError as raised:
            found.add(type(raised.__cause__).__name__)
    assert {"error", "BadZipFile"} <= found


@pytest.mark.parametrize(
    "ends",
    [
        np.arange(1.0, 8),
        np.arange(7, 0, -1),
        np.full(7, -1),
        np.full(7, 10**9),
        np.full((7, 1), 5),
        np.array(7),
        np.full(7, 5j),
    ],
    ids=str,
)
def test_ends_that_are_none(ends, encoded_path):
    change(encoded_path, train_ends=ends)
    message(encoded_path)


@pytest.mark.parametrize("files", [np.zeros((70, 3), np.uint8), np.zeros(70)])
def test_encoded_files_that_are_no_bytes(files, encoded_path):
    change(encoded_path, train_encoded=files, train_ends=np.arange(10, 80, 10))
    message(encoded_path)


def test_arrays_that_say_they_hold_more_than_is_there(path):
    """They are refused before there is memory for them."""
    with zipfile.ZipFile(path) as archive:
        content = {x: archive.read(x) for x in archive.namelist()}
    header = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": (2**40,)}
    np.lib.format.write_array_header_1_0(header, described)
    content["train_images.npy"] = header.getvalue() + bytes(64)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    assert f"{2**40:,} bytes in train_images.npy of " in message(path)


def test_what_lies_beside_arrays_is_passed_over(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README", "text")
    npz.read(path, INFO, ALL)


@pytest.mark.parametrize("kind", ["eps", "tiff", "ppm", "ico"])
def test_images_of_formats_that_are_not_named(kind, splits, tmp_path):
    """Of an EPS Pillow makes a picture by starting Ghostscript."""
    _, images = splits["train"]
    write_one(tmp_path / "data.npz", png(images[0], kind))
    assert "UnidentifiedImageError" in message(tmp_path / "data.npz")


@pytest.mark.parametrize("kind", ["gif", "bmp", "png", "webp"])
def test_images_of_formats_that_are(kind, tmp_path, rng):
    image = rng.integers(0, 256, (8, 8), dtype=np.uint8)
    options = {"lossless": True} if kind == "webp" else {}
    write_one(tmp_path / "data.npz", png(image, kind, **options))
    train, _ = npz.read(tmp_path / "data.npz", GREY, ALL)
    # WebP keeps colours in another form, exactly all the same.
    np.testing.assert_array_equal(train.images[0, ..., 0], image)


@pytest.mark.parametrize("most, kind", [(100, "Bomb"), (600, "pixels")])
def test_images_as_large_as_bombs(most, kind, encoded_path, monkeypatch):
    """A line, and no warning beside it."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if kind == "Bomb":
            assert kind in message(encoded_path)
        else:
            npz.read(encoded_path, INFO, ALL)


@pytest.mark.parametrize("low", [0, 0x55])
def test_grey_images_of_sixteen_bits(low, tmp_path, rng):
    image = rng.integers(0, 256, (8, 8), dtype=np.uint8)
    deep = image.astype(np.uint16) * 256 + (low or image)
    write_one(tmp_path / "data.npz", png(deep))
    train, _ = npz.read(tmp_path / "data.npz", GREY, ALL)
    np.testing.assert_array_equal(train.images[0, ..., 0], image)


@pytest.mark.parametrize("name", ["path", "encoded_path"])
def test_count(name, request):
    assert npz.count(request.getfixturevalue(name), INFO) == COUNTS


@pytest.mark.parametrize("missing", ["train_labels", "test_images"])
def test_missing_array(missing, path):
    change(path, **{missing: None})
    assert "KeyError" in message(path)


def test_images_of_another_data_set(path):
    assert "(32, 32, 3)" in message(path, info=GREY)


def test_encoded_images_of_another_shape(tmp_path, splits):
    """With as many pixels as the right ones have."""
    reshaped = {
        split: (labels, images.reshape(-1, 16, 64, 3))
        for split, (labels, images) in splits.items()
    }
    npz.write(tmp_path / "data.npz", encoded(reshaped))
    assert "16" in message(tmp_path / "data.npz")


def test_images_of_another_type(path):
    change(path, train_images=np.zeros((7, 32, 32, 3), np.float32))
    assert "float32" in message(path)


@pytest.mark.parametrize("labels", [np.zeros(6), np.zeros(8)])
@pytest.mark.parametrize("name", ["path", "encoded_path"])
def test_as_many_labels_as_images(name, labels, request):
    path = request.getfixturevalue(name)
    change(path, train_labels=labels.astype(np.int32))
    message(path)


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_out_of_range(label, path):
    change(path, test_labels=np.array([0, label, 1, 2], np.int32))
    with pytest.raises(UserError) as raised:
        sources.load("cifar10", npz_file=path)
    assert f"{path} do not fit. Expected 0 to 9" in str(raised.value)
    assert str(label) in str(raised.value).partition("Received: ")[2]


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 0.5, 2],
        [0, 1, np.nan, 2],
        ["0", "1", "2", "3"],
        [b"0", b"1", b"2", b"3"],
        [0, 1, 2j, 3],
        [0, 1, 2**32, 2],
        [0, 1, 2**40 + 1, 2],
        [0, 1, -(2**32), 2],
        [0, 1, np.inf, 2],
        np.array([0, 1, 2**64 - 1, 2], np.uint64),
        np.array([0, 1, 2, 3], "datetime64[s]"),
    ],
    ids=str,
)
def test_labels_that_are_no_classes(labels, path):
    """Cast to int32, each of them would pass for one."""
    change(path, test_labels=np.array(labels))
    with pytest.raises(UserError) as raised:
        sources.load("cifar10", npz_file=path)
    text = str(raised.value)
    assert f"{path} do not fit. Expected" in text and "0 to 9" in text
    assert "Received: " in text and "\n" not in text


@pytest.mark.parametrize("kind", [np.float32, np.uint8, np.int64, bool])
def test_whole_labels_of_any_type(kind, path):
    change(path, test_labels=np.array([0, 1, 1, 0], kind))
    _, test = sources.load("cifar10", npz_file=path)
    assert test.labels.dtype == np.int32
    np.testing.assert_array_equal(test.labels, [0, 1, 1, 0])


def test_empty_split(path):
    change(
        path,
        test_labels=np.zeros(0, np.int32),
        test_images=np.zeros((0, 32, 32, 3), np.uint8),
    )
    message(path)


@pytest.fixture
def prepare(load_tool, in_this_process):
    """A function that runs the tool with flags."""
    return functools.partial(in_this_process, load_tool("prepare_data"))


@pytest.mark.parametrize("keep", [False, True])
def test_tool_writes_what_is_prepared(
    keep, tmp_path, prepare, capsys, module_of
):
    pytest.importorskip("tensorflow_datasets")
    folder = module_of(ROOT / "tests" / "data" / "test_sources.py")._prepare(
        tmp_path
    )
    output = tmp_path / "cifar10.npz"
    words = (f"--data_dir={tmp_path}", f"--output={output}")
    prepare(*words, *["--encoded"] * keep)
    assert "20 train images, 10 test images" in capsys.readouterr().out
    with np.load(output) as file:
        assert ("train_encoded" in file) == keep
    for counts in ({}, {"train_examples": 13, "test_examples": 3}):
        expected = sources.load("cifar10", folder.parents[1], **counts)
        found = sources.load("cifar10", npz_file=output, **counts)
        assert_same_sets(found, expected)


def test_tool_writes_digits(tmp_path, prepare):
    output = tmp_path / "new" / "digits.npz"
    prepare("--dataset=digits", f"--output={output}")
    found = sources.load("digits", npz_file=output)
    assert_same_sets(found, sources.load("digits"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--output=data.txt", "data.txt"),
        ("--output=x.npz --data_dir=/nonexistent", "/nonexistent"),
        ("--output=x.npz --dataset=imagenet", "imagenet"),
        ("--output=/proc/x.npz --dataset=digits", "/proc"),
    ],
)
def test_tool_refuses(line, words, prepare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words) as raised:
        prepare(*line.split())
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_tool_ends_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, TOOL],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("tools/prepare_data.py: Expected --output=")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["raw", "encoded"])
@pytest.mark.parametrize("count", [None, 3])
def test_labels_of_fewer_images_are_refused(kind, count, tmp_path, rng):
    """However few are asked for: the rest may have lost theirs anywhere."""
    path, splits = tmp_path / "cut.npz", splits_of(INFO, rng)
    labels, images = splits["train"]
    splits["train"] = labels[:5], images
    if kind == "encoded":
        splits = encoded(splits)
    npz.write(path, splits)
    assert "7 images and labels (5,)" in message(path, {**ALL, "train": count})
