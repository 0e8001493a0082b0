"""Depths against the papers' tables, and by enumeration."""

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models import depths


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
