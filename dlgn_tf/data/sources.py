"""Data sets read into memory, as one uint8 array per split."""

import os

from dlgn_tf.data import catalog, npz, oblique_trees, scikit_learn, tfds
from dlgn_tf.data.images import ImageSet
from dlgn_tf.data.own import OwnData
from dlgn_tf.errors import UserError


def load_for(config):
    """The training and test images that a `Config` asks for; see `load`."""
    return load(
        train_examples=config.train_examples, **catalog.place_of(config)
    )


def load(
    name: str,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    train_examples: int | None = None,
    test_examples: int | None = None,
    npz_file: str | os.PathLike | None = None,
    own: OwnData | None = None,
) -> tuple[ImageSet, ImageSet]:
    """Reads a data set, in the order in which it is stored.

    Args:
        name: String, a key of `dlgn_tf.data.catalog.DATASETS`.
        data_dir: Folder of prepared TFDS data sets, which may be read-only;
            `~` allowed. Defaults to `~/tensorflow_datasets`.
        download: Whether TFDS may download and prepare what is missing.
        train_examples: Read the first so many training images only, from 1 to
            all. Defaults to all.
        test_examples: The same for the test images.
        npz_file: Read the images from this .npz instead, which needs no
            TensorFlow; see `dlgn_tf.data.npz`.
        own: Read these, whatever else is given.

    Returns:
        `(ImageSet, ImageSet)`: training and test images.

    Raises:
        UserError: if the data set is unknown, not at hand, damaged or smaller
            than asked for, or cannot be downloaded.
    """
    wanted = {"train": train_examples, "test": test_examples}
    if own:
        return own.load(wanted)
    info = catalog.get(name)
    if npz_file:
        return npz.read(npz_file, info, wanted)
    catalog.check_available(name, data_dir, download)
    if info.reader == "sklearn":
        return scikit_learn.read(info, wanted)
    if info.reader == "drawn":
        return oblique_trees.read(info, wanted)
    return tfds.read(info, data_dir, wanted)


def load_encoded(name, data_dir=None):
    """Reads a TFDS data set with its images as they are stored.

    Args:
        name: String, a key of `dlgn_tf.data.catalog.DATASETS`.
        data_dir: See `load`.

    Returns:
        Dict from `"train"` and `"test"` to `(labels, files)`: int32 array
        `(n,)` and list of n encoded images (PNG or JPEG) as bytes.

    Raises:
        UserError: if the data set is unknown, none of TFDS, not at hand or
            damaged.
    """
    info = catalog.get(name)
    if info.reader != "tfds":
        raise UserError(
            f"Expected a data set of TFDS. Received: {name}, whose images are "
            "not encoded"
        )
    catalog.check_available(name, data_dir)
    return tfds.read_encoded(info, data_dir)
