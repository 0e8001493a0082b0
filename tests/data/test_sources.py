import json
import os
import pathlib

import numpy as np
import pytest
import requests

from dlgn_tf.data import catalog, own, sources, tfds
from dlgn_tf.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
CIFAR_DIR = pathlib.Path(
    os.environ.get("DLGN_TF_DATA_DIR", ROOT.parent / "shared" / "data" / "tfds")
)
TRAIN, TEST = 20, 10


def _pixels(count, shape=(32, 32, 3), seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8)


def _labels(count):
    # Not in order, and all ten.
    return np.arange(count) * 7 % 10


def _record(encoded, label):
    import tensorflow as tf

    bytes_list = tf.train.BytesList(value=[encoded])
    int64_list = tf.train.Int64List(value=[label])
    features = {
        "image": tf.train.Feature(bytes_list=bytes_list),
        "label": tf.train.Feature(int64_list=int64_list),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString()


def _write_shard(path, images, labels):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, label in zip(images, labels, strict=True):
            writer.write(_record(tf.io.encode_png(image).numpy(), int(label)))


def _prepare(data_dir, version="3.0.2", seed=0):
    """Writes a small CIFAR-10 as TFDS would, in two training shards."""
    import tensorflow_datasets as tfds

    folder = data_dir / "cifar10" / version
    folder.mkdir(parents=True)
    tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(32, 32, 3)),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
    ).save_config(folder)
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    splits = [
        {"name": name, "shardLengths": lengths, "filepathTemplate": template}
        for name, lengths in (("train", ["12", "8"]), ("test", ["10"]))
    ]
    info = {"name": "cifar10", "version": version, "fileFormat": "tfrecord"}
    info_path = folder / "dataset_info.json"
    info_path.write_text(json.dumps({**info, "splits": splits}))
    images, labels = _pixels(TRAIN, seed=seed), _labels(TRAIN)
    for shard, part in enumerate((slice(0, 12), slice(12, 20))):
        path = folder / f"cifar10-train.tfrecord-{shard:05}-of-00002"
        _write_shard(path, images[part], labels[part])
    test_path = folder / "cifar10-test.tfrecord-00000-of-00001"
    _write_shard(test_path, _pixels(TEST, seed=seed + 1), _labels(TEST))
    return folder


@pytest.fixture
def folder(tmp_path):
    return _prepare(tmp_path)


def shard(folder, name="train.tfrecord-00001-of-00002"):
    return folder / f"cifar10-{name}"


def load(folder, **kwargs):
    return sources.load("cifar10", folder.parents[1], **kwargs)


def message(folder, **kwargs):
    with pytest.raises(UserError) as raised:
        load(folder, **kwargs)
    text = str(raised.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


def assert_damaged(folder):
    text = message(folder)
    assert "cifar10" in text
    assert str(folder) in text
    assert "Op:" not in text and "{{" not in text
    return text.partition("Received: ")[2]


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    train, test = sources.load("digits")
    assert (len(train), len(test)) == (1437, 360)
    for part in (train, test):
        assert part.images.shape == (len(part), 8, 8, 1)
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int32)
    digits = load_digits()
    scaled = np.floor(digits.images * 255 / 16 + 0.5).astype(np.uint8)
    expected = [
        (x.tobytes(), y) for x, y in zip(scaled, digits.target, strict=True)
    ]
    found = [
        (x.tobytes(), y)
        for part in (train, test)
        for x, y in zip(part.images, part.labels, strict=True)
    ]
    assert sorted(found) == sorted(expected)


def test_digits_are_split_by_class_and_always_alike():
    train, test = sources.load("digits")
    counts = np.bincount(np.concatenate([train.labels, test.labels]))
    excess = np.bincount(test.labels) - counts * 360 / 1797
    assert np.max(np.abs(excess)) < 1
    again, _ = sources.load("digits")
    np.testing.assert_array_equal(again.images, train.images)


def test_digits_constants_are_measured_on_the_training_split():
    train, _ = sources.load("digits")
    info = catalog.get("digits")
    pixels = train.images / 255
    np.testing.assert_allclose(info.mean, pixels.mean(), atol=5e-5)
    np.testing.assert_allclose(info.std, pixels.std(), atol=5e-5)


def test_first_digits():
    train, test = sources.load("digits")
    few, fewer = sources.load("digits", train_examples=30, test_examples=1)
    np.testing.assert_array_equal(few.images, train.images[:30])
    np.testing.assert_array_equal(few.labels, train.labels[:30])
    np.testing.assert_array_equal(fewer.labels, test.labels[:1])


@pytest.mark.parametrize("split, most", [("train", 1437), ("test", 360)])
@pytest.mark.parametrize("excess", ["none", "negative", "more"])
def test_digits_wanted_out_of_range(split, most, excess):
    wanted = {"none": 0, "negative": -5, "more": most + 1}[excess]
    with pytest.raises(UserError) as raised:
        sources.load("digits", **{f"{split}_examples": wanted})
    assert f"1 to {most}," in str(raised.value)
    assert f"{split}_examples={wanted}" in str(raised.value)


def test_prepared_copy_is_read_in_order(folder):
    before = sorted((p.name, p.stat().st_mtime_ns) for p in folder.iterdir())
    train, test = load(folder)
    for part, count, seed in ((train, TRAIN, 0), (test, TEST, 1)):
        assert len(part) == count
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int32)
        np.testing.assert_array_equal(part.images, _pixels(count, seed=seed))
        np.testing.assert_array_equal(part.labels, _labels(count))
    after = sorted((p.name, p.stat().st_mtime_ns) for p in folder.iterdir())
    assert after == before


def test_batches_of_records_are_joined(folder, monkeypatch):
    monkeypatch.setattr(tfds, "_READ_BATCH", 7)
    train, _ = load(folder)
    np.testing.assert_array_equal(train.images, _pixels(TRAIN))
    np.testing.assert_array_equal(train.labels, _labels(TRAIN))


def test_a_set_of_tfds_is_read_as_data_of_ones_own(folder):
    """By name, with Pillow: the same images, and no constants assumed."""
    root = folder.parents[1]
    data = own.OwnData("tfds:cifar10", str(root))
    assert data.measured().names == tuple("0123456789")
    whole = {"train": None, "test": None}
    for one, other in zip(
        data.load(whole), sources.load("cifar10", root), strict=True
    ):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
    scaled = one.images.reshape(-1, 3) / 255
    assert np.abs(data.measured().mean - scaled.mean(axis=0)).max() < 0.05


@pytest.mark.parametrize("count", [1, 12, 13, 20])
def test_first_examples(folder, count):
    train, test = load(folder, train_examples=count, test_examples=3)
    np.testing.assert_array_equal(train.images, _pixels(TRAIN)[:count])
    np.testing.assert_array_equal(train.labels, _labels(TRAIN)[:count])
    np.testing.assert_array_equal(test.images, _pixels(TEST, seed=1)[:3])


def test_what_is_not_asked_for_is_not_read(folder):
    shard(folder).write_bytes(b"")
    train, _ = load(folder, train_examples=12)
    np.testing.assert_array_equal(train.images, _pixels(TRAIN)[:12])


def test_newest_version_is_read(folder):
    _prepare(folder.parents[1], "3.0.10", seed=50)
    train, _ = load(folder)
    np.testing.assert_array_equal(train.images, _pixels(TRAIN, seed=50))


@pytest.mark.parametrize(
    "split, wanted, most",
    [("train", 21, 20), ("train", 0, 20), ("test", 11, 10)],
)
def test_examples_wanted_out_of_range(folder, split, wanted, most):
    shard(folder).unlink()
    text = message(folder, **{f"{split}_examples": wanted})
    assert f"1 to {most}, the {split} images of cifar10" in text
    assert f"{split}_examples={wanted}" in text


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_out_of_range(folder, label):
    labels = _labels(8)
    labels[5] = label
    _write_shard(shard(folder), _pixels(8), labels)
    text = message(folder)
    assert str(folder) in text
    assert "Expected 0 to 9" in text
    assert str(label) in text.partition("Received: ")[2]


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


HARMS = {
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:-1]), "DataLossError"),
    "cut off": (
        lambda p: p.write_bytes(p.read_bytes()[:-5000]),
        "DataLossError",
    ),
    "flipped": (flip, "DataLossError"),
    "gone": (lambda path: path.unlink(), "NotFoundError"),
    "short": (
        lambda path: _write_shard(path, _pixels(7), _labels(7)),
        "19 images instead of 20",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_damaged_shard(folder, harm):
    harmed, received = HARMS[harm]
    harmed(shard(folder))
    assert received in assert_damaged(folder)
    with pytest.raises(UserError) as raised:
        sources.load_encoded("cifar10", folder.parents[1])
    text = str(raised.value)
    assert str(folder) in text and "\n" not in text and len(text) < 500


def test_images_of_another_size(folder):
    _write_shard(shard(folder), _pixels(8, (28, 28, 3)), _labels(8))
    assert "InvalidArgumentError" in assert_damaged(folder)


def test_what_is_no_image(folder):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(shard(folder))) as writer:
        for _ in range(8):
            writer.write(_record(b"no image", 1))
    assert "InvalidArgumentError" in assert_damaged(folder)


def test_records_of_another_kind(folder):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(shard(folder))) as writer:
        writer.write(tf.train.Example().SerializeToString())
    assert "InvalidArgumentError" in assert_damaged(folder)


def test_truncated_description(folder):
    path = folder / "dataset_info.json"
    path.write_text(path.read_text()[:60])
    assert_damaged(folder)
    data = own.OwnData("tfds:cifar10", str(folder.parents[1]))
    with pytest.raises(UserError, match=f"prepared by TFDS in {folder}"):
        data.measured()


@pytest.mark.parametrize(
    "old, new, received",
    [
        ('"train"', '"trian"', "train"),
        ('"tfrecord"', '"array_record"', "array_record files"),
    ],
)
def test_description_of_something_else(folder, old, new, received):
    path = folder / "dataset_info.json"
    path.write_text(path.read_text().replace(old, new))
    assert received in assert_damaged(folder)


def test_missing_features(folder):
    (folder / "features.json").unlink()
    assert_damaged(folder)


def test_missing_data_set(tmp_path):
    with pytest.raises(UserError, match="--download"):
        sources.load("cifar100", tmp_path)


def test_download_prepares_in_the_given_folder(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    asked = []

    class Builder:
        def __init__(self, name, data_dir):
            asked.append((name, data_dir))
            self.data_dir = tmp_path / "cifar10" / "3.0.2"

        def download_and_prepare(self):
            _prepare(tmp_path)

    monkeypatch.setattr(tfds, "builder", Builder)
    train, _ = sources.load("cifar10", tmp_path, download=True)
    np.testing.assert_array_equal(train.images, _pixels(TRAIN))
    # The second time it is there.
    sources.load("cifar10", tmp_path, download=True)
    assert asked == [("cifar10", str(tmp_path))]


@pytest.mark.parametrize("kind", ["ConnectionError", "DatasetNotFoundError"])
def test_download_that_fails(kind, tmp_path, monkeypatch):
    """Without a network, or of what TFDS does not have."""
    import tensorflow_datasets as tfds

    kinds = requests.exceptions, tfds.core
    error = next(getattr(x, kind) for x in kinds if hasattr(x, kind))
    error = error("no route\nto host")

    class Builder:
        def __init__(self, name, data_dir):
            pass

        def download_and_prepare(self):
            raise error

    monkeypatch.setattr(tfds, "builder", Builder)
    with pytest.raises(UserError) as raised:
        sources.load("cifar10", tmp_path, download=True)
    text = str(raised.value)
    assert text.startswith("Cannot download cifar10.")
    assert str(tmp_path) in text
    assert text.endswith(f"Received: {kind}: no route to host")


@pytest.mark.needs_cifar
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_what_tfds_gives(name):
    import tensorflow_datasets as tfds

    if not (CIFAR_DIR / name).is_dir():
        pytest.skip(f"no {name} in {CIFAR_DIR}")
    found = sources.load(name, CIFAR_DIR, train_examples=700, test_examples=90)
    for part, split in zip(found, ("train[:700]", "test[:90]"), strict=True):
        images, labels = tfds.load(
            name,
            split=split,
            data_dir=CIFAR_DIR,
            download=False,
            as_supervised=True,
            batch_size=-1,
        )
        np.testing.assert_array_equal(part.images, images)
        np.testing.assert_array_equal(part.labels, labels)
        # Nearly every class is among so many.
        classes = catalog.get(name).classes
        assert len(set(part.labels.tolist())) > 0.5 * classes
