"""A pass over a folder of images, by our pipeline."""

from dlgn_tf.data import given
from dlgn_tf.data.batches import BatchSampler, train_dataset


def job(path, kept_gib):
    def draw():
        data = given.from_folder(path, cache_gib=float(kept_gib))
        sampler = BatchSampler(data.train, 128, 0, "flip_crop")
        for _ in train_dataset(sampler, 0, len(data.train) // 128):
            pass

    return draw
