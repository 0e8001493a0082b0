"""Depths against the papers' tables, and by enumeration."""

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models import depths


@pytest.mark.parametrize(
    "depth,groups",
    [
        # Simonyan and Zisserman, table 1, columns A, B, D, E.
        (11, (1, 1, 2, 2, 2)),
        (13, (2, 2, 2, 2, 2)),
        (16, (2, 2, 3, 3, 3)),
        (19, (2, 2, 4, 4, 4)),
    ],
)
def test_vgg_groups(depth, groups):
    assert depths.vgg_groups(depth) == groups
    # Their three dense layers are counted in the depth.
    assert sum(groups) + 3 == depth


@pytest.mark.parametrize("depth", [0, 12, 17, 110])
def test_no_such_vgg(depth):
    with pytest.raises(
        UserError,
        match=rf"one of \[11, 13, 16, 19\]. Received: depth={depth}",
    ):
        depths.vgg_groups(depth)


@pytest.mark.parametrize(
    "depth,block,widen,blocks",
    [
        (8, "original", 1, 1),
        (20, "original", 1, 3),
        (56, "original", 1, 9),
        (110, "preactivated", 1, 18),
        (164, "bottleneck", 1, 18),
        (1001, "bottleneck", 1, 111),
        (16, "preactivated", 4, 2),
        (40, "preactivated", 4, 6),
        (16, "preactivated", 8, 2),
        (28, "preactivated", 10, 4),
    ],
)
def test_published_residual_networks(depth, block, widen, blocks):
    assert depths.resnet_blocks(depth, block, widen) == blocks


@pytest.mark.parametrize(
    "block,widen,layers,others",
    [
        ("original", 1, 6, 2),
        ("preactivated", 1, 6, 2),
        ("preactivated", 2, 6, 4),
        ("bottleneck", 1, 9, 2),
    ],
)
def test_all_depths_up_to_200(block, widen, layers, others):
    possible = {layers * n + others: n for n in range(1, 40)}
    for depth in range(-10, 201):
        if depth in possible:
            found = depths.resnet_blocks(depth, block, widen)
            assert found == possible[depth]
        else:
            with pytest.raises(UserError, match=f"Received: depth={depth}$"):
                depths.resnet_blocks(depth, block, widen)
