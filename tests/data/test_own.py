"""Data of one's own, read without a network: folders, .npz, tables, arrays."""

import dataclasses
import io
import itertools
import json
import os
import re
import types
import zlib

import numpy as np
import pytest
from PIL import Image

from dlgn_tf import config as config_lib
from dlgn_tf.data import (
    catalog,
    encoded,
    given,
    labels,
    own,
    preparing,
    registering,
)
from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.data.info import DatasetInfo
from dlgn_tf.data.reading import Reading
from dlgn_tf.data.stored import Split
from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.source import Source

WHOLE = {"train": None, "test": None}
CLASSES = ("ant", "bee", "cat")


def pixels(seed, shape=(6, 8, 3)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape, dtype=np.uint8)


def write_folder(root, count=10, classes=CLASSES, shape=(6, 8, 3)):
    """Images by the number that their file is called; returns all of them."""
    images = {}
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for k in range(count):
            image = pixels(100 * number + k, shape)
            Image.fromarray(image).save(root / name / f"{k}.png")
            images[image.tobytes()] = name
    return images


def file_of(array, kind="PNG", **options):
    """The bytes of an image file."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


def write_parquet(place, **columns):
    """A table of columns, or skips; returns its path."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), place / "train.parquet")
    return place / "train.parquet"


def read(name, path=None, **how):
    own_data = own.OwnData(name, path and str(path), Reading(**how))
    return own_data.measured(), *own_data.load(WHOLE)


def named(info, image_set):
    """Pairs of an image's bytes and its class."""
    images = image_set.images[: len(image_set)]
    return {
        image.tobytes(): info.names[label]
        for image, label in zip(images, image_set.labels, strict=True)
    }


def test_folder(tmp_path):
    expected = write_folder(tmp_path / "data")
    (tmp_path / "data" / ".hidden").write_text("x")
    (tmp_path / "data" / "ant" / "Thumbs.db").write_text("x")
    info, train, test = read("folder", tmp_path / "data", test_share=0.3)
    assert (info.image_shape, info.class_names) == ((6, 8, 3), CLASSES)
    assert {**named(info, train), **named(info, test)} == expected
    assert len(train) + len(test) == len(expected)
    # Of each class its share, and no order that tells it.
    assert np.bincount(test.labels).tolist() == [3, 3, 3]
    assert len(set(train.labels[:7].tolist())) > 1
    scaled = train.images.reshape(-1, 3) / 255
    np.testing.assert_allclose(info.mean, scaled.mean(axis=0))
    np.testing.assert_allclose(info.std, scaled.std(axis=0))
    _, again, _ = read("folder", tmp_path / "data", test_share=0.3)
    np.testing.assert_array_equal(again.images, train.images)
    _, other, _ = read(
        "folder", tmp_path / "data", test_share=0.3, split_seed=1
    )
    assert named(info, other) != named(info, train)


def test_folder_that_is_split(tmp_path):
    train = write_folder(tmp_path / "Train", 4)
    test = write_folder(tmp_path / "val", 2, CLASSES[:2])
    info, train_set, test_set = read("folder", tmp_path)
    assert named(info, train_set) == train
    assert named(info, test_set) == test


@pytest.mark.parametrize("policy", ["none", "flip_crop"])
@pytest.mark.parametrize("gib", [0, 3e-6])
def test_decoded_when_drawn_is_the_same(tmp_path, policy, gib):
    """Whatever is kept, a batch is a function of seed and step."""
    write_folder(tmp_path)
    info, train, test = read("folder", tmp_path)
    lazy_info, lazy, lazy_test = read("folder", tmp_path, cache_gib=gib)
    assert isinstance(train.images, np.ndarray)
    assert isinstance(lazy.images, encoded.EncodedImages)
    assert lazy.images._kept.nbytes <= gib * 2**30
    for name in ("mean", "std"):
        expected = getattr(info, name)
        np.testing.assert_allclose(getattr(lazy_info, name), expected)
    drawn = [BatchSampler(x, 7, 3, policy) for x in (train, lazy)]
    for step in (5, 0, 1, 5):
        for a, b in zip(*(x.batch_at(step) for x in drawn), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(lazy_test.images[:], test.images)
    assert lazy.images[-1].tobytes() == train.images[-1].tobytes()


def test_the_bound_holds_for_the_copies_that_augmentation_needs(
    tmp_path, monkeypatch
):
    """30 images of 6x8, and 24 of training twice on 14x16 pixels."""
    write_folder(tmp_path)
    held = 30 * 6 * 8 * 3 + 24 * 2 * 14 * 16 * 3
    _, train, _ = read("folder", tmp_path, cache_gib=held / 2**30)
    own.forget()
    _, lazy, _ = read("folder", tmp_path, cache_gib=(held - 1) / 2**30)
    assert len(train) == 24 and isinstance(train.images, np.ndarray)
    # All of them fit alone, so none is decoded twice.
    monkeypatch.setattr(encoded.EncodedImages, "decode", None)
    np.testing.assert_array_equal(lazy.images[:], train.images)
    drawn = [BatchSampler(x, 7, 3, "flip_crop") for x in (train, lazy)]
    for a, b in zip(*(x.batch_at(2) for x in drawn), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("gib", [0, 24 * 144 / 2**30, 27 * 144 / 2**30])
def test_test_images_are_kept_in_what_training_leaves(tmp_path, gib):
    """30 images of 144 bytes, of which 6 are test images."""
    write_folder(tmp_path)
    _, train, test = read("folder", tmp_path, cache_gib=gib)
    kept = [x.images.kept_bytes / 144 for x in (train, test)]
    bound = round(gib * 2**30 / 144)
    assert kept == [min(bound, 24), max(bound - 24, 0)]


def test_few_are_an_array_if_their_copies_fit_too(tmp_path, monkeypatch):
    """Ten images of 6x8 take 1440 bytes, and twice on 14x16 13440 more."""
    write_folder(tmp_path)
    _, train, _ = read("folder", tmp_path, cache_gib=0)
    for few, kind in ((14880, np.ndarray), (14879, encoded.EncodedImages)):
        monkeypatch.setattr(train.images, "_few", few)
        first = train.first(10).images
        assert isinstance(first, kind)
        np.testing.assert_array_equal(first[:], train.images[:10])
    # As Keras' `predict` takes what is no array.
    np.testing.assert_array_equal(np.asarray(first), first[:])


def test_other_data_are_decoded_once(tmp_path, monkeypatch, capsys):
    write_folder(tmp_path)
    info, *_ = read("folder", tmp_path)
    (tmp_path / "bee" / "note.txt").write_text("no image")
    decoded = []
    decode = encoded.EncodedImages.decode

    def counted(images, index):
        decoded.append(index)
        return decode(images, index)

    monkeypatch.setattr(encoded.EncodedImages, "decode", counted)
    how = Reading(skip_damaged=True)
    data = own.OwnData("folder", str(tmp_path), how, info, whole=True)
    assert [len(x) for x in data.load(WHOLE)] == [30, 30]
    assert len(decoded) == 30
    assert capsys.readouterr().out.count("left out 1 files") == 1


def test_sizes_and_modes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    image = Image.fromarray(pixels(0, (20, 40, 3)))
    for k, mode in enumerate(("RGB", "RGBA", "L", "P", "1", "LA")):
        kind = ("png", "gif" if mode == "P" else "png")[k % 2]
        image.convert(mode).save(tmp_path / "ab"[k % 2] / f"{mode}.{kind}")
    image.save(tmp_path / "a" / "z.jpg")
    image.resize((20, 20)).save(tmp_path / "b" / "z.bmp")
    image.save(tmp_path / "b" / "z.webp")
    for how, shape in (
        ({"image_size": "10x8"}, (10, 8, 3)),
        ({"image_size": "10", "channels": 1}, (10, 10, 1)),
        ({"image_size": 5, "channels": 4, "resize": "stretch"}, (5, 5, 4)),
    ):
        info, train, _ = read("folder", tmp_path, **how)
        assert info.image_shape == train.images.shape[1:] == shape


def test_centre_crop_and_stretch(tmp_path):
    """Left half black, right half white: the centre has both, as all has."""
    for name in "ab":
        (tmp_path / name).mkdir()
        for k in range(2):
            halves = np.zeros((4, 16), np.uint8)
            halves[:, 6:] = 255
            Image.fromarray(halves).save(tmp_path / name / f"{k}.png")
    _, cropped, _ = read("folder", tmp_path, image_size="4")
    np.testing.assert_array_equal(cropped.images[0, :, :, 0], [[255] * 4] * 4)
    _, stretched, _ = read("folder", tmp_path, image_size="4", resize="stretch")
    assert stretched.images[0, 0, 0, 0] == 0
    assert stretched.images[0, 0, 3, 0] == 255


def test_damaged_files_are_left_out(tmp_path, capsys):
    expected = write_folder(tmp_path)
    whole = (tmp_path / "bee" / "0.png").read_bytes()
    (tmp_path / "ant" / "cut.png").write_bytes(whole[:-30])
    (tmp_path / "bee" / "note.txt").write_text("no image")
    for gib in (1, 0):
        info, train, test = read(
            "folder", tmp_path, skip_damaged=True, cache_gib=gib
        )
        assert {**named(info, train), **named(info, test)} == expected
        assert "left out 1 files" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"cut\.png|note\.txt"):
        read("folder", tmp_path)


def keras_archive(path, **more):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.normal(size=(30, 5, 4)).astype("float32"),
        "y_train": np.arange(30) % 3 + 1,
        "x_test": rng.normal(size=(6, 5, 4)),
        "y_test": np.arange(6)[:, None] % 3 + 1,
    } | more
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return arrays


def test_any_npz(tmp_path):
    arrays = keras_archive(tmp_path / "a.npz")
    info, train, test = read("npz", tmp_path / "a.npz")
    assert info.class_names == ("1", "2", "3")
    assert (info.image_shape, info.dtype) == ((5, 4, 1), "float32")
    np.testing.assert_array_equal(train.images[..., 0], arrays["x_train"])
    np.testing.assert_array_equal(train.labels, arrays["y_train"] - 1)
    np.testing.assert_array_equal(test.labels, arrays["y_test"][:, 0] - 1)
    x = arrays["x_train"].astype("float64")
    np.testing.assert_allclose(info.mean, [x.mean() / 255], rtol=1e-6)
    np.testing.assert_allclose(info.std, [x.std() / 255], rtol=1e-6)


TABLE = """size,colour,kind,flag
1.5,red,oak,true
2.5,,elm,false
,blue,oak,true
4.5,red,elm,false
5.5,blue,oak,true
6.5,red,elm,false
"""


def test_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    info, train, test = read(
        "table", path, label="kind", missing="fill", test_share=0.34
    )
    # size, "" and blue and red of colour, flag.
    assert info.image_shape == (1, 1, 5) and info.class_names == ("elm", "oak")
    rows = np.concatenate([train.images, test.images])[:, 0, 0]
    # Of the training rows alone.
    known = [
        x for x in train.images[:, 0, 0, 0] if x in (1.5, 2.5, 4.5, 5.5, 6.5)
    ]
    mean = np.mean(known)
    assert len(train) == 4 and info.columns[0] == ("size", None, mean)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    expected = np.array(
        [
            [1.5, 0, 0, 1, 1],
            [2.5, 1, 0, 0, 0],
            [mean, 0, 1, 0, 1],
            [4.5, 0, 0, 1, 0],
            [5.5, 0, 1, 0, 1],
            [6.5, 0, 0, 1, 0],
        ]
    )
    np.testing.assert_allclose(rows, expected[np.argsort(expected[:, 0])])
    _, dropped, rest = read("table", path, label="kind", missing="drop")
    assert len(dropped) + len(rest) == 4
    # Other rows are read as those were: a word that was not there is none.
    path.write_text("flag,kind,size,colour\ntrue,oak,,green\n")
    other = own.OwnData(
        "table",
        str(path),
        Reading(label="kind", missing="fill"),
        info,
        whole=True,
    )
    _, test = other.load(WHOLE)
    np.testing.assert_allclose(test.images.ravel(), [mean, 0, 0, 0, 1])
    assert test.labels.tolist() == [1]


def test_columns_are_learned_of_training_rows_alone(tmp_path, monkeypatch):
    """The mean for gaps, and words: each row here has one of its own."""
    path = tmp_path / "t.csv"
    lines = [f"{k},w{k},{'xy'[k % 2]}" for k in range(20)]
    path.write_text("\n".join(["a,b,kind", *lines]) + "\n")
    info, train, test = read("table", path, label="kind")
    numbers = train.images[:, 0, 0, 0]
    (_, _, fill), (_, words, _) = info.columns
    assert len(numbers) == 16 and fill == pytest.approx(numbers.mean())
    assert {*words} == {f"w{k:.0f}" for k in numbers}
    np.testing.assert_array_equal(test.images[..., 1:], 0)
    # A run goes on with more rows, and so another mean; not with other columns.
    now = types.SimpleNamespace(measured=info)
    for columns, refused in (
        ((("a", None, 9.0), info.columns[1]), False),
        ((("c", None, fill), info.columns[1]), True),
    ):
        began = dataclasses.replace(info, columns=columns)
        monkeypatch.setattr(RunDirectory, "_measured", lambda _, x=began: x)
        if refused:
            with pytest.raises(UserError, match="whose columns is that of"):
                RunDirectory(tmp_path)._other_data(now)
        else:
            assert not RunDirectory(tmp_path)._other_data(now)


def test_parquet_whose_words_are_not_utf8(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    words = pyarrow.array([b"a", b"\x9e", b"c", b"d"]).view("string")
    path = write_parquet(tmp_path, word=words, label=[0, 1, 0, 1])
    with pytest.raises(UserError, match="UTF-8.*column 'word'"):
        read("table", path, label="label")


@pytest.mark.parametrize("kind", ["binary(1)", "uuid()", "large_binary()"])
def test_parquet_of_bytes_is_refused(kind, tmp_path):
    """Though they could be read as numbers."""
    pyarrow = pytest.importorskip("pyarrow")
    size = 16 if kind == "uuid()" else 1
    bytes_ = [digit.encode() * size for digit in "1234"]
    wanted = getattr(pyarrow, kind.partition("(")[0])
    values = pyarrow.array(bytes_, wanted(*[1] * (kind == "binary(1)")))
    path = write_parquet(tmp_path, x=values, label=[0, 1, 0, 1])
    with pytest.raises(UserError, match="numbers or words .* 'x' of "):
        read("table", path, label="label")


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view"])
def test_parquet_of_words(kind, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    words = pyarrow.array(["a", None, "b", "a"], getattr(pyarrow, kind)())
    if kind != "string_view":
        words = words.dictionary_encode()
    path = write_parquet(tmp_path, x=words, label=[0, 1, 0, 1])
    info, *_ = read("table", path, label="label", missing="fill")
    ((name, categories, _),) = info.columns
    assert name == "x" and {*categories} <= {"", "a", "b"}


def test_parquet_and_a_folder_of_two_tables(tmp_path):
    columns = {"a": [1, 2, 3, 4], "b": [0.5, 1, 1.5, 2], "y": list("xyxy")}
    write_parquet(tmp_path, **columns)
    (tmp_path / "test.csv").write_text("y;b;a\nx;1.0;7\n")
    info, train, test = read("table", tmp_path, label="y")
    np.testing.assert_allclose(train.images[:, 0, 0, 0], [1, 2, 3, 4])
    np.testing.assert_allclose(test.images.ravel(), [7, 1])
    assert (info.names, test.labels.tolist()) == (("x", "y"), [0])


@pytest.mark.parametrize("name, entries", [("iris", 4), ("wine", 13)])
def test_vectors_of_scikit_learn(name, entries):
    info, train, test = read(f"sklearn:{name}")
    assert info.image_shape == (1, 1, entries)
    together = np.concatenate([train.images, test.images])[:, 0, 0]
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")()
    np.testing.assert_allclose(
        np.sort(together, axis=0), np.sort(data.data, axis=0), rtol=1e-6
    )
    assert info.class_names == tuple(map(str, data.target_names))


@pytest.mark.parametrize(
    "values, names",
    [
        ([7, 9, 7, 9], ("7", "9")),
        ([-1, 1, -1, 1], ("-1", "1")),
        (["no", "yes", "no", "yes"], ("no", "yes")),
        ([b"no", b"yes", b"no", b"yes"], ("no", "yes")),
        ([[1, 0], [0, 1], [1, 0], [0, 1]], ("0", "1")),
        ([[3.0], [4.0], [3.0], [4.0]], ("3", "4")),
        ([False, True, False, True], ("0", "1")),
        (np.array(["a", "b", "a", "b"], object), ("a", "b")),
    ],
    ids=str,
)
def test_labels(values, names):
    found, known = labels.plain(values, "here")
    known = known or labels.names_of(found)
    assert known == names
    assert labels.numbered(found, known, "here").tolist() == [0, 1, 0, 1]


def test_a_constant_entry_is_centred():
    x = np.array([[5.0, 1.0], [5.0, 3.0]] * 4)
    mean, std = preparing.moments(x[:, None, None].astype("float32"))
    np.testing.assert_allclose(mean, [5 / 255, 2 / 255])
    np.testing.assert_allclose(std, [1 / 255, 1 / 255])


def test_flags_of_other_data_are_refused(tmp_path):
    flags = ("--dataset=digits", "--model=fc_dlgn", "--image_size=3")
    with pytest.raises(UserError, match="--image_size has no effect"):
        config_lib.from_flags(*flags)
    keras_archive(tmp_path / "a.npz")
    flags = ("--dataset=npz", f"--npz={tmp_path / 'a.npz'}", "--label=a")
    with pytest.raises(UserError, match="--label has no effect"):
        config_lib.from_flags(*flags, "--model=fc_dlgn")


def test_registered_data():
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    registering.register("mine", lambda: ((x, y), (x[:4], y[:4])))
    try:
        config = config_lib.from_flags("--dataset=mine", "--model=fc_dlgn")
        assert config.info.image_shape == (1, 1, 2)
        assert config.normalization == "dataset"
        train, test = own.OwnData("mine").load(WHOLE)
        np.testing.assert_array_equal(train.images[:, 0, 0], x)
        assert len(test) == 4
        # As a cell does that is run twice.
        registering.register("mine", lambda: (x + 1, y))
        train, test = own.OwnData("mine").load(WHOLE)
        assert len(train) + len(test) == 20
        assert max(each.images.max() for each in (train, test)) == 40
        for values in ((x, y, x), None, ((x, y), (x,))):
            registering.register("mine", lambda values=values: values)
            with pytest.raises(UserError, match="of the function of mine"):
                own.OwnData("mine").load(WHOLE)
        for name in ("digits", "folder", "arrays", "a:b"):
            with pytest.raises(UserError, match="that there is not"):
                registering.register(name, lambda: None)
    finally:
        del own.KINDS["mine"]


def test_from_dataset():
    x, y = pixels(0, (12, 4, 4)), np.arange(12) % 3

    class Batches:
        num_batches = 3

        def __getitem__(self, k):
            return x[4 * k : 4 * k + 4], y[4 * k : 4 * k + 4]

    whole = given.from_arrays(x, y)
    for dataset in (Batches(), zip(x, y, strict=True)):
        data = given.from_dataset(dataset)
        np.testing.assert_array_equal(data.train.images, whole.train.images)
        np.testing.assert_array_equal(data.test.labels, whole.test.labels)
    # Two labels a batch, which could be one that is one-hot.
    pairs = Batches()
    pairs.num_batches, y = 6, np.arange(12) % 2
    Batches.__getitem__ = lambda _, k: (x[2 * k : 2 * k + 2], y[:2])
    data = given.from_dataset(pairs)
    assert data.info.image_shape == (4, 4, 1)
    for other in (3, "pairs"):
        with pytest.raises(UserError, match="one after the other.*(int|str)"):
            given.from_dataset(other)
    Batches.num_batches = None
    with pytest.raises(UserError, match="that ends"):
        given.from_dataset(Batches())
    with pytest.raises(UserError, match="pairs"):
        given.from_dataset([x])


X, Y = np.zeros((6, 4, 4)), np.arange(6) % 2
_object = np.empty(6, object)
_object[:] = [[1], [2, 3]] * 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((X, np.zeros(6)), "2 to 65,536 classes.* 1, '0'"),
        ((X, Y + 0.5), "labels that are integers.* 0.5 in row 1"),
        ((X, [0, 1, None, 0, 1, 0]), "none in row 3"),
        ((X, [0, 1, 0, np.nan, 1, 0]), "nan in row 4"),
        ((X, _object), "objects of type list"),
        ((X, Y[:5]), "as many labels.* 6 examples and 5 labels"),
        ((X[:0], Y[:0]), "at least one"),
        ((X, np.ones((6, 2), int)), "not one-hot"),
        ((np.full((6, 4, 4), np.nan), Y), "finite.* row 1"),
        ((np.append(X[:5], [X[0] + np.inf], 0), Y), "row 6"),
        ((np.full((6, 4), 1e300), Y), "finite"),
        ((_object, Y), "Expected numbers of shape.* object"),
        ((np.array(["a"] * 6), Y), "Expected numbers of shape"),
        ((X + 1j, Y), "complex128"),
        ((np.zeros(6), Y), "of shape .6,"),
        ((np.zeros((6, 0)), Y), "at least one pixel"),
        ((X, Y, X[:, :3], Y), "test images of the shape"),
        ((X, Y, X, Y + 1), "only classes of the training data.* '2'"),
        ((X, Y, X), "x_test with y_test"),
        ((np.zeros((70_000, 1)), np.arange(70_000)), "2 to 65,536 classes"),
        ((X[:2], [0, 1]), "two examples of a class"),
    ],
)
def test_bad_arrays(arguments, message):
    with pytest.raises(UserError, match=message):
        given.from_arrays(*arguments)


@pytest.mark.parametrize(
    "more, message",
    [
        ({"class_names": 3}, "class_names one after .*int 3"),
        ({"class_names": "ab"}, "class_names one after .*str 'ab'"),
        ({"x_test": X, "y_test": Y, "test_share": 0.5}, "without x_test"),
        ({"x_test": X, "y_test": Y, "split_seed": 0}, "without x_test"),
        ({"class_names": ["a", "a"]}, "names of classes that differ"),
        # As flags are checked.
        ({"test_share": 2}, "Expected"),
        ({"test_share": np.nan}, "Expected"),
        ({"split_seed": -1}, "Expected"),
    ],
)
def test_bad_arguments(more, message):
    with pytest.raises(UserError, match=message):
        given.from_arrays(X, Y, **more)


def test_labels_of_strings_of_any_length():
    words = np.array(["no", "yes"] * 3, np.dtypes.StringDType())
    assert given.from_arrays(X, words).info.names == ("no", "yes")


def test_an_archive_of_test_images_without_labels_is_refused(tmp_path):
    keras_archive(tmp_path / "a.npz", y_test=None)
    with pytest.raises(UserError, match="arrays x_train, y_train, x_test"):
        read("npz", tmp_path / "a.npz")


def test_no_right_to_read(tmp_path, monkeypatch):
    write_folder(tmp_path, 2)
    walk = os.walk

    def refused(path, onerror):
        if str(path).endswith("bee"):
            onerror(PermissionError(13, "Permission denied", str(path)))
        return walk(path, onerror=onerror)

    monkeypatch.setattr(os, "walk", refused)
    with pytest.raises(UserError, match="may be read.*bee, Permission denied"):
        given.from_folder(tmp_path)


def test_an_archive_given_is_what_is_read(tmp_path):
    """For a run of a folder, too."""
    write_folder(tmp_path / "a", 4)
    flags = "--dataset=folder", f"--data_dir={tmp_path / 'a'}"
    config = config_lib.from_flags(*flags, "--model=fc_dlgn")
    path = tmp_path / "b.npz"
    np.savez(path, x=np.stack([pixels(k) for k in range(3)]), y=[*CLASSES])
    place = catalog.source_of_run(config, npz_file=path, whole=True)
    _, test = place["own"].load(WHOLE)
    assert (place["name"], test.labels.tolist()) == ("npz", [0, 1, 2])


def test_a_table_needs_the_run_that_says_how_it_is_read(tmp_path):
    network = Source(model_path=tmp_path, dataset="table")
    with pytest.raises(UserError, match="--run_dir with --dataset=table"):
        network.images(tmp_path)


def test_classes_of_a_saved_model_are_compared(tmp_path):
    (tmp_path / "assets").mkdir()
    listed = tmp_path / "assets" / "class_names.txt"
    network = Source(saved_model=tmp_path, dataset="arrays")
    x = np.zeros((6, 2))
    data = given.from_arrays(x, ["a  b", "c", "d"] * 2)
    vars(network)["of_images"] = data.info
    model = types.SimpleNamespace(
        objective=objectives.CLASSES, image_shape=(1, 1, 2), classes=3
    )
    network.check_images(model)
    for text in ("a b\nc\nd\n", "c\nd\na b\n"):
        listed.write_text(text)
        if text.startswith("a"):
            network.check_images(model)
            continue
        with pytest.raises(UserError, match="c, d, a b. Received: a b, c, d"):
            network.check_images(model)


def make(root, name):
    """Bad folders, archives and tables, by name: path, `--dataset`, flags."""
    how, kind = {}, "folder"
    if name == "empty folder":
        (root / "x").mkdir()
        root = root / "x"
    elif name == "empty class":
        write_folder(root, 2)
        (root / "dog").mkdir()
    elif name == "one class":
        write_folder(root, 3, ("ant",))
    elif name == "other size":
        write_folder(root, 3)
        Image.fromarray(pixels(0, (7, 8, 3))).save(root / "bee" / "odd.png")
    elif name == "no image":
        write_folder(root, 2)
        (root / "bee" / "odd.png").write_text("x" * 100)
    elif name == "all damaged":
        for each in "ab":
            (root / each).mkdir()
            for name in ("odd.png", "even.png"):
                (root / each / name).write_text("x")
        how = {"skip_damaged": True}
    elif name == "test class":
        write_folder(root / "train", 3)
        write_folder(root / "test", 1, ("dog",))
    elif name == "a file":
        root = root / "odd.txt"
        root.write_text("x")
    elif name == "nowhere":
        root = root / "odd"
    elif name == "no label flag":
        kind, root = "table", root / "odd.csv"
        root.write_text("kind,a\nx,1\n")
    elif name == "a folder as npz":
        kind = "npz"
    else:
        kind, path = "npz", root / "odd.npz"
        if name == "cut npz":
            keras_archive(path)
            path.write_bytes(path.read_bytes()[:-200])
        elif name == "object npz":
            np.savez(path, x_train=_object, y_train=Y)
        elif name == "other npz":
            np.savez(path, data=X)
        return kind, path, how
    return kind, root, how


@pytest.mark.parametrize(
    "name, message",
    [
        ("empty folder", "a folder for each class"),
        ("empty class", "none in .*dog"),
        ("one class", "2 to 65,536 classes.* 'ant'"),
        ("other size", r"--image_size.*odd.png"),
        ("no image", r"--skip_damaged. Received: .*odd.png"),
        ("all damaged", "none of which is one"),
        ("test class", "only classes of the training data.*'dog'"),
        ("a file", "a folder .*odd.txt, a file"),
        ("nowhere", "odd, which does not exist"),
        ("no label flag", "Expected --label=COLUMN"),
        ("cut npz", "x_train.*odd.npz"),
        ("object npz", "x_train.*odd.npz, ValueError: Object arrays"),
        ("other npz", "arrays data"),
        ("a folder as npz", "to name a file"),
    ],
)
def test_bad_files(tmp_path, name, message):
    kind, path, how = make(tmp_path, name)
    with pytest.raises(UserError, match=message) as raised:
        read(kind, path, **how)
    assert "\n" not in str(raised.value)


GREEN = "kind,a\nx,rot\ny,grün\n"


@pytest.mark.parametrize(
    "content, message",
    [
        ("a,b\n1,2\n3,4\n", "a column of .*odd.csv: a, b. .*--label=kind"),
        ("kind,a,a\nx,1,2\ny,3,4\n", "2 named 'a'"),
        ("kind,a\nx,1\ny,\nx,2\n", "none in row 2 of 'a'"),
        ("kind,a\nx,1\n,2\ny,2\n", "none in row 2 of 'kind'"),
        ("kind,a\nx,1\ny,inf\nx,2\ny,3\n", "inf in row 2 of 'a'"),
        ("kind,a\nx,1\ny,2,3\n", "a table in CSV"),
        ("", "a table in CSV"),
        ("kind\nx\ny\nx\ny\n", "1 to 65,536 entries"),
        ("kind,a\nx,2020-01-01\ny,2020-01-02\nx,2020-01-01\n", "'a' of date"),
        ("kind,a\n0.5,1\n1.5,2\n0.5,3\n", "0.5 in row 1"),
        (GREEN.encode("utf-16"), "UTF-16 and not in UTF-8"),
        (GREEN.encode("latin-1"), "'a' of binary, which is no text in UTF-8"),
    ],
)
def test_bad_tables(tmp_path, content, message):
    path = tmp_path / "odd.csv"
    path.write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    with pytest.raises(UserError, match=message) as raised:
        read("table", path, label="kind")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "how, message",
    [
        ({"image_size": "0"}, "--image_size"),
        ({"image_size": "4x5x6"}, "--image_size"),
        ({"image_size": "99999"}, "--image_size"),
        ({"channels": 2}, "--channels"),
        ({"test_share": 1.0}, "--test_share below 1"),
        ({"label": "x"}, "--label has no effect"),
    ],
)
def test_bad_flags(tmp_path, how, message):
    write_folder(tmp_path, 2)
    with pytest.raises(UserError, match=message):
        read("folder", tmp_path, **how)


@pytest.mark.parametrize(
    "name", ["sklearn:moon", "tfds:nowhere_to_be_found", "arrays"]
)
def test_bad_names(tmp_path, name):
    with pytest.raises(UserError, match="Expected"):
        read(name, tmp_path)
    with pytest.raises(UserError, match="folder, npz, table, tfds:NAME"):
        catalog.get("fodler")


def odd_contents():
    """Contents of files that nobody would call images, archives or tables."""
    frames = [Image.fromarray(pixels(k)) for k in (1, 2)]
    film = {"save_all": True, "append_images": frames}
    good = file_of(pixels(0))
    array = io.BytesIO()
    np.save(array, X)
    archive = io.BytesIO()
    np.savez(archive, x=X, y=Y)
    return {
        "nothing": b"",
        "one byte": b"\0",
        "text": b"hello\n",
        "png": good,
        "png twice": good * 2,
        "png head": good[:33],
        "png magic": good[:8],
        "png bits": good[:60] + bytes(20) + good[80:],
        "tiff": file_of(pixels(0), "TIFF"),
        "film": file_of(pixels(0), "GIF", **film),
        "wide": file_of(np.zeros((1, 20_000), bool)),
        "deep": file_of(np.full((6, 8), 40_000, np.uint16)),
        "npy": array.getvalue(),
        "npz": archive.getvalue(),
        "pdf": b"%PDF-1.4\n%%EOF",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "html": b"<html></html>",
        "json": b'{"a": 1}',
        "zip": b"PK\5\6" + bytes(18),
        "gzip": b"\x1f\x8b\x08" + bytes(9),
        "elf": b"\x7fELF" + bytes(60),
        "zeros": bytes(5000),
        "ones": b"\xff" * 5000,
        "bom": b"\xef\xbb\xbfkind,a\nx,1\ny,2\nx,2\ny,1\n",
        "utf-16": "kind,a\nx,1\n".encode("utf-16"),
        "latin": "kind,ä\nx,ö\n".encode("latin-1"),
        "nul": b"kind,a\nx,\0\ny,1\n",
        "quote": b'kind,a\n"x,1\ny,2\n',
        "header": b"kind,a\n",
        "spaces": b"kind a\nx 1\n",
        "parquet": b"PAR1" + bytes(8) + b"PAR1",
        "pickle": b"\x80\x04K\x01.",
        "jpeg head": b"\xff\xd8\xff\xe0\0\x10JFIF",
        "bmp head": b"BM" + bytes(20),
        "webp head": b"RIFF\x10\0\0\0WEBPVP8 ",
    }


ODD = odd_contents()
WORKS = {
    ("png", "folder"),
    ("png twice", "folder"),
    ("film", "folder"),
    ("deep", "folder"),
    ("npz", "npz"),
    ("bom", "table"),
}


@pytest.mark.parametrize(
    "name, kind", [*itertools.product(ODD, ("folder", "npz", "table"))]
)
def test_odd_files(tmp_path, name, kind):
    """Each is read or refused by one line that names it."""
    how = {"label": "kind"} if kind == "table" else {}
    path = tmp_path / "odd"
    if kind == "folder":
        write_folder(tmp_path / "all", 2)
        path = tmp_path / "all" / "bee" / "odd"
    path.write_bytes(ODD[name])
    try:
        read(kind, tmp_path / "all" if kind == "folder" else path, **how)
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        assert (name, kind) not in WORKS
    else:
        assert (name, kind) in WORKS


def test_reading_imports_no_tensorflow(tmp_path, printed_by):
    write_folder(tmp_path, 2)
    code = (
        "import sys; from dlgn_tf import data\n"
        f"data.from_folder({str(tmp_path)!r}, cache_gib=0)\n"
        "print({'tensorflow', 'keras'} & {*sys.modules})"
    )
    assert "set()" in printed_by(code)


def test_other_data_are_mapped_by_name(tmp_path):
    """Of other data all are test images, and classes have the run's numbers."""
    write_folder(tmp_path / "a", 4)
    expected = write_folder(tmp_path / "b", 2, CLASSES[1:])
    info, _, _ = read("folder", tmp_path / "a")
    other = own.OwnData("folder", str(tmp_path / "b"), info=info, whole=True)
    other = other.read_now()
    assert other.counts()["test"] == 4
    _, test = other.load(WHOLE)
    assert named(info, test) == expected and len(test) == 4
    grey = dataclasses.replace(info, image_shape=(6, 9, 3))
    with pytest.raises(UserError, match=r"6x9.*--image_size.*6x8 of .*png"):
        dataclasses.replace(other, info=grey).load(WHOLE)
    for size in ("6x8", "5"):
        how = Reading(image_size=size, skip_damaged=True)
        with pytest.raises(UserError, match="of --image_size"):
            dataclasses.replace(other, info=grey, how=how).load(WHOLE)
    how = Reading(image_size="6x9")
    _, test = dataclasses.replace(other, info=grey, how=how).load(WHOLE)
    assert test.images.shape == (4, 6, 9, 3)


@pytest.mark.parametrize(
    "words, said", [("red", ""), ("blue", "2 rows of .* have words in 'a'")]
)
def test_words_that_training_lacks_are_told(tmp_path, words, said, capsys):
    path = tmp_path / "rows.csv"
    path.write_text("k,a\n" + "x,red\ny,green\n" * 9)
    info, _, _ = read("table", path, label="k")
    path.write_text(f"k,a\nx,{words}\ny,{words}\n")
    how = Reading(label="k")
    own.OwnData("table", str(path), how, info, whole=True).load(WHOLE)
    printed = capsys.readouterr().out
    assert re.search(said, printed) and bool(said) == ("words in" in printed)


def test_another_scale_is_told(tmp_path, capsys):
    """Pixels in [0, 255] beside those in [0, 1]; a class alone is no scale."""
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 4, 4, 1), np.float32), np.arange(40) % 2
    info = given.from_arrays(x, y).info
    for factor, told in ((1.0, False), (0.5, False), (255.0, True)):
        path = tmp_path / "rows.npz"
        np.savez(path, x_train=factor * x, y_train=y)
        data = own.OwnData("npz", str(path), info=info, whole=True)
        data.load(WHOLE)
        assert ("was trained on" in capsys.readouterr().out) == told


def other_labels(tmp_path, trained, values):
    """Numbers of labels of other data, for a network of classes."""
    info = trained
    if not isinstance(trained, DatasetInfo):
        x = np.zeros((2 * len(trained), 2))
        info = given.from_arrays(x, np.repeat(trained, 2)).info
    path = tmp_path / "other.npz"
    np.savez(path, x=np.zeros((len(values), *info.image_shape)), y=values)
    data = own.OwnData("npz", str(path), info=info, whole=True)
    return data.load(WHOLE)[1].labels.tolist()


def test_numbers_of_other_data_stand_for_classes_that_are_words(tmp_path):
    assert other_labels(tmp_path, CLASSES, [2, 0, 2]) == [2, 0, 2]
    with pytest.raises(UserError, match="from 0 to 2 .*Received: 0 to 3"):
        other_labels(tmp_path, CLASSES, [3, 0])
    # Names that are numbers are not places.
    assert other_labels(tmp_path, (1, 2, 3), [1, 2]) == [0, 1]
    with pytest.raises(UserError, match="only classes of the training data"):
        other_labels(tmp_path, (5, 6, 7), [0, 1])
    assert other_labels(tmp_path, (5, 6, 7), np.eye(3, dtype=int)) == [0, 1, 2]


def test_classes_of_a_run_of_the_catalogue_are_numbers(tmp_path):
    info = dataclasses.replace(
        catalog.get("digits"),
        image_shape=(1, 1, 2),
        dtype="float32",
        mean=(0.0,) * 2,
        std=(1.0,) * 2,
    )
    assert other_labels(tmp_path, info, [3, 5]) == [3, 5]
    with pytest.raises(UserError, match="from 0 to 9 .*Received: 0 to 11"):
        other_labels(tmp_path, info, np.arange(12))


def test_splits_have_the_same_classes():
    """By name; columns of one-hot labels are in the order of the names."""
    x = np.zeros((6, 2))
    with pytest.raises(UserError, match="only classes .* '5'.* '0', '1'"):
        given.from_arrays(x, [5, 6, 7] * 2, x, [0, 1, 2] * 2)
    with pytest.raises(UserError, match="only classes of the training data"):
        given.from_arrays(x, list("abc") * 2, x, [0, 1, 2] * 2)
    columns = np.eye(3, dtype=int)[[1, 2] * 3]
    data = given.from_arrays(x, [1, 2, 3] * 2, x, columns)
    assert data.test.labels.tolist() == [1, 2] * 3
    with pytest.raises(UserError, match="of 2 classes.* 3 columns"):
        given.from_arrays(x, [1, 2] * 3, x, columns)


@pytest.mark.parametrize(
    "values, names, received",
    [
        (np.zeros(4), ["a"], "1, 'a'"),
        (np.zeros(4), ["a", "b"], "1, '0'"),
        ([0, 1] * 2, map(str, range(70_000)), "70,000"),
        (np.eye(4, 70_000, dtype="int8"), None, "70,000"),
    ],
    ids=["one", "one of two", "names", "columns"],
)
def test_too_few_and_too_many_classes_that_have_names(values, names, received):
    with pytest.raises(UserError, match=f"2 to 65,536 .* {received}$"):
        given.from_arrays(np.zeros((4, 2)), values, class_names=names)


def test_the_split_of_encoded_images_follows_from_the_seed():
    """Only a folder has them in an order of the seed already."""
    files = [file_of(pixels(0)) + bytes([k]) for k in range(20)]
    stored = Split(encoded.of_bytes(files, "x"), np.arange(20) % 2, "x")
    drawn = [
        preparing._divided(stored, Reading(split_seed=seed))
        for seed in (None, 0, 1, 2)
    ]
    tests = [tuple(test.images.items) for _, test in drawn]
    assert len({*tests}) == 3 and tests[0] == tests[1]


def test_images_by_mask(tmp_path):
    write_folder(tmp_path)
    drawn = read("folder", tmp_path, cache_gib=0)[1]
    mask = drawn.labels == 1
    np.testing.assert_array_equal(
        drawn.images[mask], drawn.images[np.flatnonzero(mask)]
    )
    with pytest.raises(IndexError):
        drawn.images[len(drawn)]


def test_what_is_no_file_is_passed_over(tmp_path):
    write_folder(tmp_path, 3)
    os.mkfifo(tmp_path / "ant" / "pipe")
    _, train, test = read("folder", tmp_path)
    assert len(train) + len(test) == 9


def test_a_column_of_large_numbers_is_standardised():
    seconds = 1.7e9 + 1000 * np.arange(10.0)[:, None]
    info = given.from_arrays(seconds, [0, 1] * 5).info
    assert info.std[0] * 255 == pytest.approx(3000, rel=0.2)


def test_one_file_more_leaves_the_split_as_it_is(tmp_path):
    write_folder(tmp_path, 20)
    before = [{*named(*x)} for x in splits(tmp_path)]
    Image.fromarray(pixels(999)).save(tmp_path / "ant" / "a new one.png")
    after = [{*named(*x)} for x in splits(tmp_path)]
    assert len(before[1] & after[1]) >= len(before[1]) - 1
    assert len(after[1] - before[1]) <= 1


def splits(root):
    info, *sets = read("folder", root)
    return [(info, x) for x in sets]


def test_what_a_folder_of_splits_has_besides(tmp_path, capsys):
    for part in ("train", "test", "val", "docs"):
        write_folder(tmp_path / "data" / part, 3)
    info, _, test = read("folder", tmp_path / "data")
    assert (info.class_names, len(test)) == (CLASSES, 9)
    assert "not looked at" in capsys.readouterr().out
    write_folder(tmp_path / "vehicles", 3, ("train", "bus"))
    assert read("folder", tmp_path / "vehicles")[0].classes == 2


def test_unprintable_classes_are_refused(tmp_path):
    write_folder(tmp_path, 3, ("ant", "b\udcffe"))
    with pytest.raises(UserError, match="printable names"):
        read("folder", tmp_path)


def test_tables_of_decimal_commas_and_question_marks(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    path.write_text("a;b;c;label\n1,5;?;x;u\n2,5;3;7;u\n,5;4;8;v\n4;5,25;9;v\n")
    info, train, test = read("table", path, label="label", missing="fill")
    names = [name for name, *_ in info.columns]
    assert names == ["a", "b", "c"]
    assert [among for _, among, _ in info.columns][:2] == [None, None]
    rows = np.concatenate([train.images, test.images])[:, 0, 0, :2]
    expected = {1.5: np.nan, 2.5: 3, 0.5: 4, 4: 5.25}
    for a, b in rows:
        if not np.isnan(expected[float(a)]):
            assert b == expected[float(a)]
    said = "'c' of .* is taken for words: 'x' in row 1 is no number"
    assert re.search(said, capsys.readouterr().out)


def test_data_sets_one_by_one_with_one_hot_labels():
    """Also where there are as many classes as rows of an image."""
    images = [pixels(k, (3, 3)) for k in range(12)]
    labels = np.eye(3, dtype=int)[np.arange(12) % 3]
    data = given.from_dataset(list(zip(images, labels, strict=True)))
    assert data.info.image_shape == (3, 3, 1) and data.info.classes == 3
    batch = np.stack(images), np.arange(12) % 3
    data = given.from_dataset([batch, batch])
    assert len(data.train) + len(data.test) == 24
    images[3] = pixels(0, (4, 3))
    with pytest.raises(UserError, match=r"one shape.*\(3, 3\) and \(4, 3\)"):
        given.from_dataset(list(zip(images, labels, strict=True)))


@pytest.mark.parametrize(
    "field, value",
    [
        ("name", 3),
        ("description", "a\nb"),
        ("source", None),
        ("train_examples", -1),
        ("test_examples", "many"),
        ("classes", True),
        ("classes", 0),
        ("mean", ["0.5"]),
        ("mean", [1, 1]),
        ("std", [float("nan")]),
        ("std", [0]),
        ("more", 1),
        ("class_names", ["a"]),
        ("class_names", ["x", "x"]),
        ("class_names", [1, 2]),
        ("columns", [["a", None]]),
        ("columns", [["a", ["b", 3], 0.0]]),
        ("columns", [["a", None, "x"]]),
        ("checksums", [3, 4]),
        ("image_shape", [1, 1, 10**12]),
        ("image_shape", 3),
    ],
)
def test_what_was_measured_is_checked(field, value):
    """What a run has kept of its data is read again, or refused."""
    info = given.from_arrays(np.eye(4)[:, :1], [0, 0, 1, 1]).info
    known = info.as_dict()
    assert DatasetInfo.of_dict(json.loads(json.dumps(known)), "x") == info
    for other in ({**known, field: value}, None):
        with pytest.raises(UserError, match="x.* else; mend or delete it"):
            DatasetInfo.of_dict(other, "x")


def test_a_class_of_damaged_files_alone_is_refused(tmp_path):
    write_folder(tmp_path)
    for path in (tmp_path / "bee").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match="each class.*none of 'bee'"):
        read("folder", tmp_path, skip_damaged=True)


@pytest.mark.parametrize("gib", [None, 0.0])
def test_examples_have_a_checksum(tmp_path, monkeypatch, gib, capsys):
    """Whether they are held or decoded when drawn; others are noticed."""
    write_folder(tmp_path)
    held, train, test = read("folder", tmp_path)
    expected = [
        f"{zlib.crc32(x.images.tobytes() + x.labels.tobytes()):08x}"
        for x in (train, test)
    ]
    monkeypatch.setattr(encoded, "_FEW", 0)
    info, *_ = read("folder", tmp_path, cache_gib=gib)
    assert list(info.checksums) == list(held.checksums) == expected
    path = next((tmp_path / "ant").iterdir())
    Image.fromarray(pixels(999)).save(path)
    own.forget()
    capsys.readouterr()
    source = own.OwnData("folder", str(tmp_path), Reading(), info)
    source.load(WHOLE)
    assert "holds other examples than" in capsys.readouterr().out


def test_gaps_and_large_labels_of_arrays_are_refused():
    masked = np.ma.masked_greater(np.arange(4.0).reshape(4, 1), 2)
    with pytest.raises(UserError, match="1 masked"):
        given.from_arrays(masked, [0, 0, 1, 1])
    with pytest.raises(UserError, match=f"Received: {2**63 + 1}"):
        given.from_arrays(np.eye(4), np.array([0, 0, 1, 2**63 + 1], np.uint64))


@pytest.mark.parametrize("columns", [10**5, 10**6])
def test_columns_without_end_are_counted_first(columns, tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(map(str, range(columns))) + ",y\n")
    with pytest.raises(UserError, match=f"Received: .* with {columns + 1:,}"):
        read("table", path, label="y")


@pytest.mark.parametrize("name", ["npz", "folder", "table"])
def test_a_pipe_in_place_of_data_is_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="a device or a pipe"):
        read(name, tmp_path / "pipe", label="y" if name == "table" else None)
