"""Flip, pad, crop: vectorised NumPy against tf.image on each image."""

from benchmarks.rows import Comparison
from benchmarks.trainings import random_images
from benchmarks.turns import by_turns

# Long enough that starting a pipeline does not count.
IMAGES, STEPS = 50_000, 500


def compare(options):
    import tensorflow as tf

    from dlgn_tf.data import batches

    images = random_images(IMAGES)
    sampler = batches.BatchSampler(images, options.batch_size, 0, "flip_crop")

    def drain(dataset):
        # In a graph, as the training loop reads it.
        dataset.reduce(tf.constant(0), lambda count, _: count + 1).numpy()

    def augment(image, label):
        image = tf.cast(image, tf.float32) / 255.0
        image = tf.image.random_flip_left_right(image)
        image = tf.image.pad_to_bounding_box(image, 4, 4, 40, 40)
        return tf.image.random_crop(image, (32, 32, 3)), label

    stored = tf.data.Dataset.from_tensor_slices((images.images, images.labels))
    per_image = (
        stored.shuffle(IMAGES)
        .repeat()
        .map(augment, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(options.batch_size)
        .take(STEPS)
        .prefetch(tf.data.AUTOTUNE)
    )
    seconds = by_turns(
        options.rounds,
        lambda: drain(batches.train_dataset(sampler, 0, STEPS)),
        lambda: drain(per_image),
    )
    yield Comparison(
        "batch_at in NumPy",
        "tf.image on each image",
        "images/s",
        STEPS * options.batch_size,
        seconds,
    )
