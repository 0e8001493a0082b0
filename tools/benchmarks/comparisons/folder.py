"""PNGs of 96x96 from the disk, augmented, against Keras' reader.

A round is a pass over all of the larger folder.
"""

import itertools
import pathlib
import tempfile

from benchmarks.processes import Worker
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

# Decoded images that are kept, in GiB, and images of the two folders.
KEPT_GIB, FOLDERS = (0.0, 0.15), (5_000, 20_000)


def compare(options):
    with tempfile.TemporaryDirectory() as root:
        for count in FOLDERS:
            _write_pngs(f"{root}/{count}", count)
        sizes = " and ".join(f"{count:,}" for count in FOLDERS)
        largest = max(FOLDERS)
        for kept in KEPT_GIB:
            peaks = " and ".join(
                f"{_peak_gib(f'{root}/{count}', kept):.2f}" for count in FOLDERS
            )
            jobs = _jobs(f"{root}/{largest}", kept, options.batch_size)
            yield Comparison(
                f"own pipeline, {largest:,} PNGs of 96x96, {kept} GiB kept "
                "decoded",
                "image_dataset_from_directory",
                "images/s",
                largest // options.batch_size * options.batch_size,
                by_turns(options.rounds, *jobs),
                f"peak memory of one pass over {sizes} images {peaks} GiB",
            )


def _peak_gib(path, kept):
    with Worker(None, "folder_pass", path, kept) as worker:
        return worker.peak_gib()


def _write_pngs(root, count):
    """Smooth colours with some noise, in ten classes."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for k in range(10):
        pathlib.Path(root, f"class{k}").mkdir(parents=True)
    for k in range(count):
        small = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
        large = np.asarray(small.resize((96, 96), Image.Resampling.BICUBIC))
        noise = rng.integers(-6, 7, large.shape)
        image = (large + noise).clip(0, 255).astype("uint8")
        Image.fromarray(image).save(f"{root}/class{k % 10}/{k}.png")


def _jobs(path, kept, size):
    """Functions that draw a pass of augmented batches, by a pipeline each."""
    import keras
    import tensorflow as tf

    from dlgn_tf.data import given
    from dlgn_tf.data.batches import BatchSampler, train_dataset

    data = given.from_folder(path, cache_gib=kept)
    sampler = BatchSampler(data.train, size, 0, "flip_crop")
    steps = len(data.train) // size
    starts = itertools.count(steps, steps)

    def augment(images, labels):
        images = tf.image.random_flip_left_right(images)
        images = tf.image.resize_with_crop_or_pad(images, 104, 104)
        shape = (tf.shape(images)[0], 96, 96, 3)
        return tf.image.random_crop(images, shape), labels

    theirs = keras.utils.image_dataset_from_directory(
        path, image_size=(96, 96), batch_size=size, verbose=False
    )
    theirs = theirs.map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    # What is drawn ahead must not be done while the other side is measured.
    theirs = theirs.take(steps).prefetch(tf.data.AUTOTUNE)

    def draw(batches):
        for _ in batches:
            pass

    def ours():
        start = next(starts)
        draw(train_dataset(sampler, start, start + steps))

    # One pass, until what is kept is decoded.
    draw(train_dataset(sampler, 0, steps))
    return ours, lambda: draw(theirs)
