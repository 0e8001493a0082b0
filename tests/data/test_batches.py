import concurrent.futures
import random

import numpy as np
import pytest

from dlgn_tf.data import batches
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError


def image_set(count, shape=(6, 5, 3)):
    """Image i is labelled i, so that labels tell which images came."""
    rng = np.random.default_rng(3)
    images = rng.integers(1, 256, (count, *shape), dtype=np.uint8)
    return ImageSet(images, np.arange(count, dtype=np.int32))


def sampler(count=20, batch_size=8, seed=0, augmentation="none"):
    return batches.BatchSampler(
        image_set(count), batch_size, seed, augmentation
    )


def labels(a_sampler, steps):
    return np.concatenate(
        [a_sampler.batch_at(step)[1] for step in range(steps)]
    )


def assert_same_batch(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "count, batch_size",
    [(12, 4), (12, 12), (10, 4), (7, 16), (5, 23), (1, 3), (9, 1)],
)
def test_each_epoch_holds_each_image_once(count, batch_size):
    drawn = labels(sampler(count, batch_size), 6 * count)
    assert len(drawn) == 6 * count * batch_size
    for epoch in drawn.reshape(-1, count):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(count))


def test_each_epoch_has_its_own_order():
    epochs = labels(sampler(50, 50), 6)
    orders = {tuple(order) for order in epochs.reshape(6, 50)}
    assert len(orders) == 6
    assert tuple(range(50)) not in orders


def test_order_does_not_depend_on_the_batch_size():
    expected = labels(sampler(20, 1), 120)
    for batch_size in (3, 8, 20, 60):
        drawn = labels(sampler(20, batch_size), 120 // batch_size)
        np.testing.assert_array_equal(drawn, expected[: len(drawn)])


def test_images_come_with_their_labels():
    data = image_set(20)
    images, drawn = sampler().batch_at(2)
    assert images.dtype == np.uint8
    assert drawn.dtype == np.int32
    assert images.shape == (8, 6, 5, 3)
    for image, label in zip(images, drawn, strict=True):
        np.testing.assert_array_equal(image, data.images[label])


@pytest.mark.parametrize(
    "make",
    [
        sampler,
        lambda: sampler(augmentation="flip_crop"),
        lambda: balanced((9, 4, 30, 7), 8, seed=3),
    ],
    ids=["as they are", "augmented", "balanced"],
)
def test_batch_is_a_pure_function_of_the_step(make):
    one = make()
    # Many more epochs than the sampler keeps orders of.
    in_order = [one.batch_at(step) for step in range(60)]
    steps = list(range(60))
    random.Random(0).shuffle(steps)
    for step in steps:
        assert_same_batch(one.batch_at(step), in_order[step])
    assert_same_batch(make().batch_at(41), in_order[41])


def test_threads_may_share_a_sampler():
    steps = list(range(60)) * 4
    random.Random(1).shuffle(steps)
    shared, alone = (sampler(augmentation="flip_crop") for _ in range(2))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(shared.batch_at, steps))
    for step, batch in zip(steps, drawn, strict=True):
        assert_same_batch(batch, alone.batch_at(step))


@pytest.mark.parametrize("seed", [1, 2**32, 2**63, 2**64 - 1])
def test_seed_decides(seed):
    drawn = labels(sampler(seed=seed), 10)
    np.testing.assert_array_equal(labels(sampler(seed=seed), 10), drawn)
    assert not np.array_equal(labels(sampler(seed=0), 10), drawn)


def test_seed_is_not_a_shift_of_the_epochs():
    one = labels(sampler(50, 50, seed=0), 4).reshape(4, 50)
    other = labels(sampler(50, 50, seed=1), 4).reshape(4, 50)
    assert not {tuple(x) for x in one} & {tuple(x) for x in other}


def classes_of(counts):
    """Images numbered in their first pixels, class c of counts[c] images."""
    total = sum(counts)
    numbers = np.random.default_rng(5).permutation(total).astype(np.uint8)
    of_class = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return ImageSet(numbers[:, None, None, None], of_class)


def balanced(counts, batch_size, seed=0):
    return batches.BatchSampler(
        classes_of(counts), batch_size, seed, balanced=True
    )


@pytest.mark.parametrize("batch_size", [1, 3, 4, 8, 10, 40])
def test_balanced_batches_hold_each_class_as_often(batch_size):
    one = balanced((9, 4, 30, 7), batch_size)
    total = np.zeros(4)
    for step in range(30):
        images, drawn = one.batch_at(step)
        counts = np.bincount(drawn, minlength=4)
        assert counts.max() - counts.min() <= 1
        total += counts
    assert total.max() - total.min() <= 1


def test_balanced_batches_go_through_every_class():
    """Each class's own images come equally often, and with its label."""
    counts = (2, 6, 3)
    data, one = classes_of(counts), balanced(counts, 9)
    numbers = dict(zip(data.images.ravel(), data.labels, strict=True))
    # 18 turns a class: whole passes of all three.
    seen = np.concatenate([one.batch_at(step)[0].ravel() for step in range(6)])
    drawn = np.concatenate([one.batch_at(step)[1] for step in range(6)])
    assert [numbers[image] for image in seen] == list(drawn)
    for image, label in numbers.items():
        assert np.sum(seen == image) == 18 // counts[label]


def test_seed_decides_balanced_batches():
    one, other = (balanced((9, 4, 30, 7), 8, seed=seed) for seed in (3, 4))
    assert not all(
        np.array_equal(other.batch_at(step)[0], one.batch_at(step)[0])
        for step in range(3)
    )


def test_balanced_batches_are_shuffled_within():
    """Halves of a batch, as two replicas take them, are of all classes."""
    one = balanced((50, 50), 64)
    firsts = [np.mean(one.batch_at(step)[1][:32]) for step in range(20)]
    assert 0.4 < np.mean(firsts) < 0.6 and np.std(firsts) > 0


def test_balanced_batches_of_the_classes_that_there_are():
    data = ImageSet(
        np.zeros((6, 1, 1, 1), np.uint8), np.int32([5] * 4 + [7] * 2)
    )
    drawn = batches.BatchSampler(data, 4, 0, balanced=True).batch_at(3)[1]
    assert sorted(drawn) == [5, 5, 7, 7]


def test_augmentation_leaves_the_order_alone():
    np.testing.assert_array_equal(
        labels(sampler(augmentation="flip_crop"), 20), labels(sampler(), 20)
    )


def test_augmented_images_come_from_their_own():
    data = image_set(20)
    images, drawn = sampler(augmentation="crop").batch_at(1)
    for image, label in zip(images, drawn, strict=True):
        padded = np.pad(data.images[label], ((4, 4), (4, 4), (0, 0)))
        assert any(
            np.array_equal(padded[y : y + 6, x : x + 5], image)
            for y in range(9)
            for x in range(9)
        )


def test_augmentation_is_drawn_anew_each_step_and_seed():
    # One image over and over: what differs is the augmentation.
    seen = set()
    for seed in range(4):
        one = sampler(1, 1, seed=seed, augmentation="flip_crop")
        seen |= {one.batch_at(step)[0].tobytes() for step in range(25)}
    # 100 draws out of 162 give 75 distinct ones on average, 3.4 deviation.
    assert 60 < len(seen) < 90


def test_batch_is_a_copy():
    a_sampler = sampler()
    images, drawn = a_sampler.batch_at(0)
    images[:] = 0
    drawn[:] = 0
    assert_same_batch(a_sampler.batch_at(0), sampler().batch_at(0))


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"count": 0}, "examples"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**64}, "seed="),
        ({"augmentation": "flip"}, "augmentation=flip"),
    ],
)
def test_arguments_out_of_range(kwargs, match):
    with pytest.raises(UserError, match=match):
        sampler(**kwargs)


def test_negative_step():
    with pytest.raises(UserError, match="step=-1"):
        sampler().batch_at(-1)


@pytest.mark.parametrize("start", [0, 7])
def test_train_dataset_follows_the_sampler(start):
    a_sampler = sampler(augmentation="flip_crop")
    dataset = batches.train_dataset(a_sampler, start, 60)
    assert dataset.cardinality() == 60 - start
    # Twice: a second pass is no other.
    for _ in range(2):
        drawn = list(dataset.as_numpy_iterator())
        assert len(drawn) == 60 - start
        for step, batch in enumerate(drawn, start):
            assert_same_batch(batch, a_sampler.batch_at(step))


def test_train_dataset_has_static_shapes():
    images, drawn = batches.train_dataset(sampler(), 0, 2).element_spec
    assert images.shape.as_list() == [8, 6, 5, 3]
    assert drawn.shape.as_list() == [8]
    assert (images.dtype.name, drawn.dtype.name) == ("uint8", "int32")


def test_train_dataset_outlives_its_sampler():
    dataset = batches.train_dataset(sampler(), 3, 5)
    for step, batch in enumerate(dataset.as_numpy_iterator(), 3):
        assert_same_batch(batch, sampler().batch_at(step))


@pytest.mark.parametrize(
    "batch_size, sizes", [(8, [8, 8, 4]), (10, [10, 10]), (64, [20])]
)
def test_test_dataset_gives_every_image_in_order(batch_size, sizes):
    data = image_set(20)
    dataset = batches.test_dataset(data, batch_size)
    drawn = list(dataset.as_numpy_iterator())
    assert [len(part) for _, part in drawn] == sizes
    images, found = (
        np.concatenate(parts) for parts in zip(*drawn, strict=True)
    )
    assert_same_batch((images, found), (data.images, data.labels))
    assert dataset.element_spec[0].shape.as_list() == [None, 6, 5, 3]


def test_test_dataset_of_empty_batches():
    with pytest.raises(UserError, match="batch_size=0"):
        batches.test_dataset(image_set(3), 0)


def test_sampler_needs_no_tensorflow(printed_by):
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from dlgn_tf.data import batches, sources\n"
        "train, test = sources.load('digits')\n"
        "sampler = batches.BatchSampler(train, 16, 0, 'crop')\n"
        "print(sampler.batch_at(100)[0].shape)\n"
    )
    assert printed_by(code) == "(16, 8, 8, 1)\n"
