"""Data sets that TensorFlow Datasets has prepared in a folder."""

import contextlib
from typing import Any

import numpy as np

from dlgn_tf.data import encoded, prepared
from dlgn_tf.data.images import ImageSet, count_of, labels_of
from dlgn_tf.data.stored import Split, Stored
from dlgn_tf.errors import UserError

# Images that one call of the decoder turns into one array.
_READ_BATCH = 512


def read(info, data_dir, wanted):
    """Reads a data set, which is downloaded where it is not prepared.

    Args:
        info: `DatasetInfo` whose source is `"tfds:NAME"`.
        data_dir: See `catalog.check_available`.
        wanted: Dict from `"train"` and `"test"` to how many of the first images
            are read, None for all.

    Returns:
        `(ImageSet, ImageSet)`: training and test images.

    Raises:
        UserError: if the copy is damaged or smaller than asked for, or cannot
            be downloaded.
    """
    folder = prepared.folder(info.tfds_name, data_dir)
    folder = folder or _download(info.name, info.tfds_name, data_dir)
    shards = _find_shards(info, folder)
    # Both sizes are checked before the first image is read.
    counts = {
        split: count_of(info, split, wanted[split], shards[split].num_examples)
        for split in shards
    }
    return tuple(
        _read_split(info, folder, shards[split].filepaths, counts[split])
        for split in ("train", "test")
    )


def read_encoded(info, data_dir):
    """Reads a prepared data set with its images as they are stored.

    Args:
        info: See `read`.
        data_dir: See `read`.

    Returns:
        Dict from `"train"` and `"test"` to `(labels, files)`: int32 array
        `(n,)` and list of n encoded images (PNG or JPEG) as bytes.

    Raises:
        UserError: if the copy is damaged.
    """
    folder, found = prepared.folder(info.tfds_name, data_dir), {}
    for split, shard in _find_shards(info, folder).items():
        labels, files = _files_of(info, folder, shard)
        found[split] = labels_of(info, folder, labels), files
    return found


def read_any(own: Any) -> Stored:
    """Lists the images of `tfds:NAME[/CONFIG]`, which stay encoded.

    Records of a set that was prepared as ArrayRecord stay on the disk; of
    others the encoded images are held in memory.

    Raises:
        UserError: if it is not prepared and may not be downloaded, is damaged,
            or has no images with one label each.
    """
    import tensorflow_datasets as tfds

    folder = prepared.folder(own.own_name, own.path)
    if folder is None and not own.download:
        raise UserError(
            f"Data set {own.name} is not at hand. Expected --data_dir=DIR of a "
            "copy prepared by TFDS (dlgn_tf.train --download gets one). "
            f"Received: {prepared.root(own.path)}"
        )
    folder = folder or _download(own.name, own.own_name, own.path)
    with _damage_named(own, folder):
        builder = tfds.builder_from_directory(folder)
        features, splits = builder.info.features, builder.info.splits
        label = features["label"]
        features["image"]  # noqa: B018
        if "train" not in splits:
            raise ValueError(f"splits {', '.join(splits)}")
    other = next((x for x in ("test", "validation") if x in splits), None)
    names = getattr(label, "names", None)
    return Stored(
        _split(own, builder, "train"),
        _split(own, builder, other) if other else None,
        tuple(names) if names else None,
    )


def _split(own, builder, part):
    place = f"{part} of {own.name}"
    info = builder.info
    if info.file_format.value == "array_record":
        import tensorflow_datasets as tfds

        source = builder.as_data_source(
            part, decoders={"image": tfds.decode.SkipDecoding()}
        )
        labels = [source[k]["label"] for k in range(len(source))]
        images = encoded.Files(
            range(len(source)),
            lambda k: source[k]["image"],
            lambda k: f"{place}, record {k}",
        )
        return Split(images, np.array(labels), place)
    folder = str(builder.data_dir)
    labels, files = _files_of(own, folder, info.splits[part])
    return Split(encoded.of_bytes(files, place), np.array(labels), place)


def _download(shown, name, data_dir):
    """Lets TFDS download and prepare a data set; returns its folder."""
    import tensorflow_datasets as tfds

    root = prepared.root(data_dir)
    try:
        builder = tfds.builder(name, data_dir=root)
        builder.download_and_prepare()
    # Of the network, in `requests`, and of the disk.
    except (
        OSError,
        tfds.download.DownloadError,
        tfds.core.DatasetNotFoundError,
    ) as error:
        raise UserError(
            f"Cannot download {shown}. Expected a network and a writable "
            f"{root}. Received: {_one_line(error)}"
        ) from error
    return str(builder.data_dir)


def _find_shards(info, folder):
    """What TFDS knows of the two splits in a folder."""
    import tensorflow_datasets as tfds

    with _damage_named(info, folder):
        builder = tfds.builder_from_directory(folder)
        if builder.info.file_format.value != "tfrecord":
            raise ValueError(f"{builder.info.file_format.value} files")
        return {name: builder.info.splits[name] for name in ("train", "test")}


@contextlib.contextmanager
def _damage_named(info, folder):
    """Turns what TFDS raises of a damaged copy into a `UserError`."""
    from google.protobuf import json_format

    try:
        yield
    except (
        ValueError,
        KeyError,
        OSError,
        AssertionError,
        TypeError,
        json_format.Error,
    ) as error:
        raise _damaged(info, folder, error) from error


def _read_split(info, folder, paths, count):
    import tensorflow as tf

    images = np.empty((count, *info.image_shape), np.uint8)
    labels = np.empty(count, np.int64)
    done = 0
    try:
        for batch, batch_labels in _decode(info, paths, count):
            end = done + len(batch)
            images[done:end] = batch
            labels[done:end] = batch_labels
            done = end
    except tf.errors.OpError as error:
        raise _damaged(info, folder, error) from error
    if done < count:
        raise _damaged(info, folder, f"{done} images instead of {count}")
    return ImageSet(images, labels_of(info, folder, labels))


def _files_of(info, folder, shard):
    """Labels as they are stored and encoded images of a split."""
    import tensorflow as tf

    labels, files = [], []
    try:
        batches = _records(shard.filepaths, shard.num_examples)
        for parsed in batches.map(_parse).as_numpy_iterator():
            labels.extend(parsed["label"])
            files.extend(parsed["image"])
    except tf.errors.OpError as error:
        raise _damaged(info, folder, error) from error
    if len(files) < shard.num_examples:
        found = f"{len(files)} images instead of {shard.num_examples}"
        raise _damaged(info, folder, found)
    return labels, files


def _records(paths, count):
    """Batches of the first records of some shards, unparsed."""
    import tensorflow as tf

    records = tf.data.TFRecordDataset([str(path) for path in paths])
    return records.take(count).batch(_READ_BATCH)


def _parse(records):
    """A batch of records as a dict of encoded images and labels."""
    import tensorflow as tf

    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    return tf.io.parse_example(records, features)


def _decode(info, paths, count):
    """Iterates over `(images, labels)` of the first records of some shards.

    Whole batches are parsed and decoded in one call: CIFAR-10 takes a quarter
    of the time of a `map` over single records, as TFDS has it.
    """
    import tensorflow as tf

    image_spec = tf.TensorSpec(info.image_shape, tf.uint8)

    def decode_image(encoded):
        # map_fn refuses one that has another shape than `image_spec`.
        return tf.io.decode_image(
            encoded, channels=info.image_shape[-1], expand_animations=False
        )

    def decode_batch(records):
        parsed = _parse(records)
        images = tf.map_fn(
            decode_image, parsed["image"], fn_output_signature=image_spec
        )
        return images, parsed["label"]

    batches = _records(paths, count)
    batches = batches.map(decode_batch, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()


def _damaged(info, folder, what):
    return UserError(
        f"Cannot read {info.name}. Expected a copy prepared by TFDS in "
        f"{folder}. Received: {_one_line(what)}"
    )


def _one_line(what):
    """An error's kind and its first words, without a line break."""
    text = " ".join(str(getattr(what, "message", what)).split())
    # TensorFlow names the node of its graph before, the operation behind.
    text = text.rpartition("}} ")[2].partition(" [Op:")[0]
    text = text if len(text) <= 160 else f"{text[:160]}..."
    kind = f"{type(what).__name__}: " if isinstance(what, Exception) else ""
    return f"{kind}{text}"
