"""Every pair once, in blocks that fit; and errors that come through."""

import numpy as np
import pytest

from dlgn_tf.dual import blocks
from dlgn_tf.errors import UserError


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("side", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize(
    "shape,symmetric", [((7, 7), True), ((7, 7), False), ((3, 8), False)]
)
def test_every_pair_once(shape, symmetric, side, workers):
    seen = np.zeros(shape, int)

    def products(block):
        assert block.rows.stop - block.rows.start <= side
        assert block.columns.stop - block.columns.start <= side
        assert block.diagonal == (symmetric and block.rows == block.columns)
        seen[block.rows, block.columns] += 1
        first = np.arange(shape[0])[block.rows]
        return np.multiply.outer(
            first + 1.0, np.arange(shape[1])[block.columns] + 1.0
        )

    found = blocks.fill_within(
        products, shape, symmetric, lambda side: 0, most=side, workers=workers
    )
    expected = np.multiply.outer(
        np.arange(1.0, shape[0] + 1), np.arange(1.0, shape[1] + 1)
    )
    np.testing.assert_array_equal(found, expected)
    assert seen.max() == 1
    # What is not computed is mirrored.
    assert np.all(seen if not symmetric else seen | seen.T)
    assert seen.sum() < seen.size or not symmetric or side >= 7


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_no_images(shape):
    found = blocks.fill_within(
        lambda block: np.zeros((0, 0)).reshape(
            block.rows.stop - block.rows.start,
            block.columns.stop - block.columns.start,
        ),
        shape,
        False,
        lambda side: 0,
    )
    assert found.shape == shape


def test_the_largest_side_that_fits():
    sides = []

    def note(block):
        sides.append(block.rows.stop - block.rows.start)
        return np.zeros((sides[-1], block.columns.stop - block.columns.start))

    def needed(side):
        return 1000 * side

    # 8 bytes for each of 12 x 12 numbers, 5 x 1000 for the block.
    bound = (8 * 144 + 5_500) / blocks.GIB
    blocks.fill_within(note, (12, 12), False, needed, bound, workers=1)
    # Three parts: none longer than 5.
    assert set(sides) == {4}
    sides.clear()
    blocks.fill_within(note, (12, 12), False, needed, bound, workers=2)
    # Both at work have to fit: six parts, none longer than 2.
    assert set(sides) == {2}
    with pytest.raises(UserError, match="12 x 12 .*at least 0.001.*1e-06"):
        blocks.fill_within(note, (12, 12), False, needed, 1e-6)


def test_as_many_threads_as_fit():
    """Memory for a single one does not need that of all."""
    for needed, threads in ((1_400, 1), (2_400, 2), (9_000, 3)):
        bound = (8 * 144 + needed) / blocks.GIB
        side, workers, held = blocks.fitting(
            (12, 12), lambda side: 1000 * side, bound, 0, most=2, workers=3
        )
        assert (workers, side) == (threads, 2 if needed == 9_000 else 1)
        assert held == 8 * 144 + 1000 * side * workers <= bound * blocks.GIB


@pytest.mark.parametrize("workers", [1, 3])
def test_errors_come_through(workers):
    begun = []

    def fail(block):
        begun.append(block)
        raise FloatingPointError("in a block")

    with pytest.raises(FloatingPointError, match="in a block"):
        blocks.fill_within(
            fail, (50, 50), False, lambda side: 0, most=1, workers=workers
        )
    # Of 2,500; the rest is not even begun.
    assert len(begun) <= 2 * workers + 2


def test_progress(capsys):
    blocks.fill_within(
        lambda block: np.zeros((1, 1)),
        (3, 3),
        True,
        lambda side: 0,
        most=1,
        progress=True,
    )
    assert "of 1 GiB: block 6/6" in capsys.readouterr().out
