import numpy as np
import pytest

from dlgn_tf.data import augmentation, catalog
from dlgn_tf.errors import UserError


def noise(*shape):
    """Pixels without zeros, so that black ones are padding."""
    return np.random.default_rng(7).integers(1, 256, shape, dtype=np.uint8)


def crops(image, pad):
    """All crops of one image, by slicing its padded copy."""
    height, width, _ = image.shape
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    side = range(2 * pad + 1)
    return [padded[y : y + height, x : x + width] for y in side for x in side]


def augment(images, policy, rng, pad=4):
    """All of them, as they are drawn from an array."""
    everything = np.arange(len(images))
    return augmentation.AugmentedImages(images, policy, pad).draw(
        everything, rng
    )


def which(candidates, image):
    """The index of an image among candidates; there must be just one."""
    (found,) = [i for i, c in enumerate(candidates) if np.array_equal(c, image)]
    return found


def assert_uniform(counts):
    """Chi-squared, 6 standard deviations wide; the draws are seeded."""
    expected = np.sum(counts) / len(counts)
    statistic = np.sum((counts - expected) ** 2 / expected)
    freedom = len(counts) - 1
    assert abs(statistic - freedom) < 6 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 6, 3)])
def test_each_crop_is_equally_likely(shape):
    image = noise(*shape)
    batch = np.repeat(image[None], 4000, axis=0)
    cropped = augment(batch, "crop", np.random.default_rng(0), pad=4)
    assert cropped.shape == batch.shape
    assert cropped.dtype == np.uint8
    candidates = {crop.tobytes(): i for i, crop in enumerate(crops(image, 4))}
    assert len(candidates) == 81
    places = [candidates[crop.tobytes()] for crop in cropped]
    assert_uniform(np.bincount(places, minlength=81))
    # Neighbours in a batch are drawn independently: rows agree 1 time in 9.
    rows, columns = np.divmod(places, 9)
    for place in (rows, columns):
        assert abs(np.mean(place[1:] == place[:-1]) - 1 / 9) < 0.03
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.08


def test_each_image_is_cropped_from_itself():
    batch = noise(50, 7, 10, 3)
    cropped = augment(batch, "crop", np.random.default_rng(1), pad=2)
    places = [
        which(crops(a, 2), b) for a, b in zip(batch, cropped, strict=True)
    ]
    assert len(set(places)) > 10


def test_crop_keeps_floats():
    batch = noise(4, 6, 6, 2).astype(np.float32) / 255
    cropped = augment(batch, "crop", np.random.default_rng(0), pad=1)
    assert cropped.dtype == np.float32
    for before, after in zip(batch, cropped, strict=True):
        which(crops(before, 1), after)


def test_half_of_the_images_are_flipped():
    batch = noise(2000, 5, 4, 3)
    flipped = augment(batch, "flip_crop", np.random.default_rng(0), pad=0)
    assert flipped.dtype == np.uint8
    same = np.array(
        [np.array_equal(*x) for x in zip(batch, flipped, strict=True)]
    )
    for before, after in zip(batch[~same], flipped[~same], strict=True):
        np.testing.assert_array_equal(after, np.fliplr(before))
    assert abs(np.mean(same) - 0.5) < 0.05
    assert abs(np.mean(same[1:] == same[:-1]) - 0.5) < 0.05


def test_flip_crop_reaches_all_162_images_evenly():
    image = noise(8, 8, 3)
    batch = np.repeat(image[None], 6000, axis=0)
    out = augment(batch, "flip_crop", np.random.default_rng(0))
    both = crops(image, 4) + crops(np.fliplr(image), 4)
    candidates = {crop.tobytes(): i for i, crop in enumerate(both)}
    assert len(candidates) == 162
    places = [candidates[crop.tobytes()] for crop in out]
    assert_uniform(np.bincount(places, minlength=162))


def test_none_changes_nothing():
    batch = noise(3, 4, 4, 1)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(
        augment(batch, "none", rng), noise(3, 4, 4, 1)
    )


@pytest.mark.parametrize("policy", ["crop", "flip_crop"])
def test_augment_is_a_function_of_the_generator(policy):
    batch = noise(20, 8, 8, 3)
    first, again, other = (
        augment(batch, policy, np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(batch, noise(20, 8, 8, 3))


def test_strided_batches_are_augmented_alike():
    batch = noise(20, 8, 8, 3)
    strided = np.asfortranarray(batch)
    expected, out = (
        augment(x, "flip_crop", np.random.default_rng(2))
        for x in (batch, strided)
    )
    np.testing.assert_array_equal(out, expected)


def test_unknown_policy():
    with pytest.raises(UserError, match="none, crop, flip_crop.*=mixup"):
        augment(noise(1, 4, 4, 1), "mixup", None)


def test_policies_of_the_catalogue_exist():
    for info in catalog.DATASETS.values():
        assert info.augmentation in augmentation.AUGMENTATIONS
