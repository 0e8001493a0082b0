"""Which logits are asked for: checked, and as directions of all logits."""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError


def checked_logits(logits: int | Sequence[int] | Array, classes: int) -> Array:
    """Logits of any shape as integers `(k,)`.

    Raises:
        UserError: if there is none, or one that is no integer from 0 to
            `classes` - 1.
    """
    if not np.size(logits):
        raise UserError("Expected at least one logit. Received: none")
    for logit in np.ravel(logits).tolist():
        if logit not in range(classes):
            raise UserError(
                f"Expected logits from 0 to {classes - 1}. Received: {logit}"
            )
    return np.ravel(logits).astype(int)


def logit_of_each(
    name: str, given: int | Sequence[int] | Array, count: int, classes: int
) -> Array:
    """The logit of each of `count` images, integers `(count,)`.

    Args:
        name: String that names the argument.
        given: Integer, or an integer for each image.
        count: Integer, how many images there are.
        classes: Integer, how many logits there are.

    Raises:
        UserError: if there is no such logit, or not one for each image.
    """
    logits = checked_logits(given, classes)
    if np.ndim(given) and np.shape(given) != (count,):
        raise UserError(
            f"Expected {name} of one logit, or of one for each of {count} "
            f"images. Received: {len(logits)}"
        )
    return np.broadcast_to(logits, count)


def one_hot(
    targets: Array, classes: int, against: Array | None = None
) -> Array:
    """Directions `(n, classes)`: 1 at a target, -1 at what it is against.

    Their scalar products with the logits are the targets' logits, less those.
    """
    rows = np.eye(classes)
    return rows[targets] - (0 if against is None else rows[against])
