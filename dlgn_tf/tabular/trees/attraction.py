"""Whether training moves half-spaces to those of the labels, and when."""

import numpy as np

from dlgn_tf.tabular.trees.half_spaces import HalfSpaces, nearest_angles


def angles_by_epoch(true: np.ndarray, watched: dict[int, HalfSpaces]) -> dict:
    """Angles of true hyperplanes to the nearest one of the network.

    Args:
        true: Array `(nodes, inputs)` of normals.
        watched: Dict from epoch to `HalfSpaces`.

    Returns:
        Dict from epoch to array `(nodes,)`, degrees.
    """
    return {
        epoch: nearest_angles(true, spaces.normals)
        for epoch, spaces in sorted(watched.items())
    }


def first_epochs(by_epoch: dict, within: float = 20.0) -> np.ndarray:
    """The first epoch at which each node is approached, infinite if never.

    Args:
        by_epoch: See `angles_by_epoch`.
        within: Degrees.
    """
    epochs = np.array([*by_epoch], float)
    near = np.stack([*by_epoch.values()]) < within
    return np.where(near.any(axis=0), epochs[near.argmax(axis=0)], np.inf)
