import pathlib

import numpy as np
import pytest

from dlgn_tf.data import npz

ROOT = pathlib.Path(__file__).parents[2]
SHAPES = {
    "mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "cifar100": (32, 32, 3),
    "svhn_cropped": (32, 32, 3),
}


@pytest.fixture
def root():
    """The folder that holds flags/."""
    return ROOT


@pytest.fixture(scope="session")
def npz_dir(tmp_path_factory):
    """Random images in the shape of the data sets of the tables."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("npz")
    for name, shape in SHAPES.items():
        splits = {
            split: (
                rng.integers(0, 10, count),
                rng.integers(0, 256, (count, *shape), np.uint8),
            )
            for split, count in (("train", 16), ("test", 8))
        }
        npz.write(folder / f"{name}.npz", splits)
    return folder
