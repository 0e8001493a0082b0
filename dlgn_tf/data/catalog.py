"""What data sets there are and whether they are at hand.

Imports neither NumPy nor TensorFlow, so that a wrong `--dataset` or a missing
copy is reported at once.
"""

import dataclasses
import difflib
import importlib.util
import os
import zipfile

from dlgn_tf.errors import UserError

DEFAULT_DATA_DIR = "~/tensorflow_datasets"

# Ways of augmenting images; `dlgn_tf.data.augmentation` does it.
POLICIES = ("none", "crop", "flip_crop")


# Of red, green and blue, on the [0, 1] scale: what torchvision's models are
# trained with, and the Rainbow paper's networks on CIFAR-10.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """An entry of the catalogue.

    Attributes:
        name: String.
        description: One line.
        classes: Integer; labels lie in `[0, classes)`.
        image_shape: `(height, width, channels)`.
        train_examples: Images in the training split.
        test_examples: Images in the test split.
        mean: Floats on the [0, 1] scale of pixels, one a channel.
        std: Floats > 0 on the same scale, one a channel.
        augmentation: Policy of `dlgn_tf.data.augmentation` that keeps the
            classes apart; what training uses unless told otherwise.
        tfds_name: Name in TensorFlow Datasets; None where nothing needs to be
            prepared.
    """

    name: str
    description: str
    classes: int
    image_shape: tuple[int, int, int]
    train_examples: int
    test_examples: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: str
    tfds_name: str | None


def _cifar(classes):
    return DatasetInfo(
        name=f"cifar{classes}",
        description=f"CIFAR-{classes}: 32x32 colour photographs",
        classes=classes,
        image_shape=(32, 32, 3),
        train_examples=50_000,
        test_examples=10_000,
        mean=(0.4914, 0.4822, 0.4465),
        # The lineage's constants: the mean over images of each image's own
        # std, not the std over all pixels (0.2470, 0.2435, 0.2616). Published
        # figures and checkpoints come with them. Both were measured on
        # CIFAR-10; that CIFAR-100 was trained with the same is assumed.
        std=(0.2023, 0.1994, 0.2010),
        augmentation="flip_crop",
        tfds_name=f"cifar{classes}",
    )


DATASETS = {
    entry.name: entry
    for entry in (
        DatasetInfo(
            name="digits",
            description="handwritten digits of scikit-learn, 8x8 grey",
            classes=10,
            image_shape=(8, 8, 1),
            train_examples=1437,
            test_examples=360,
            # Measured over all pixels of the training split.
            mean=(0.3054,),
            std=(0.3760,),
            augmentation="none",
            tfds_name=None,
        ),
        DatasetInfo(
            name="mnist",
            description="MNIST: handwritten digits, 28x28 grey",
            classes=10,
            image_shape=(28, 28, 1),
            train_examples=60_000,
            test_examples=10_000,
            # Those in common use for the training split; not measured here.
            mean=(0.1307,),
            std=(0.3081,),
            augmentation="none",
            tfds_name="mnist",
        ),
        _cifar(10),
        _cifar(100),
        DatasetInfo(
            name="svhn_cropped",
            description="SVHN: 32x32 colour photographs of house numbers",
            classes=10,
            image_shape=(32, 32, 3),
            train_examples=73_257,
            test_examples=26_032,
            # Those in common use for the training split; not measured here.
            mean=(0.4377, 0.4438, 0.4728),
            std=(0.1980, 0.2010, 0.1970),
            # No flip: a mirrored digit is another sign.
            augmentation="crop",
            tfds_name="svhn_cropped",
        ),
    )
}


def get(name):
    """Looks a data set up.

    Args:
        name: String, a key of `DATASETS`.

    Returns:
        `DatasetInfo`.

    Raises:
        UserError: if there is no such data set; its text names the nearest.
    """
    if name in DATASETS:
        return DATASETS[name]
    near = difflib.get_close_matches(str(name).lower(), DATASETS)
    nearest = f"The nearest are {', '.join(near)}. " if near else ""
    raise UserError(
        f"Unknown data set. Expected one of {', '.join(DATASETS)}. {nearest}"
        f"Received: dataset={name}"
    )


def check_available(name, data_dir=None, download=False, npz_file=None):
    """Checks that `sources.load` will find a data set, or may get it.

    Args:
        name: String, a key of `DATASETS`.
        data_dir: Folder of prepared TFDS data sets, `~` allowed. Defaults to
            `~/tensorflow_datasets`.
        download: Whether TFDS may download and prepare what is missing.
        npz_file: Path-like or None, which takes the place of `data_dir`.

    Raises:
        UserError: if the data set is unknown, or neither prepared nor to be
            downloaded, or TFDS is not installed; or if there is no such .npz.
    """
    info = get(name)
    if npz_file:
        if not zipfile.is_zipfile(npz_file):
            raise UserError(
                "Expected an .npz that tools/prepare_data.py wrote. Received: "
                f"{npz_file}"
                + ("" if os.path.exists(npz_file) else ", which does not exist")
            )
        return
    if info.tfds_name is None:
        return
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise UserError(
            f"Data set {name} is one of TFDS, which is not installed. Expected "
            "--npz=FILE that tools/prepare_data.py wrote elsewhere, or "
            "--dataset=digits. Received: neither"
        )
    if download or prepared_folder(info, data_dir):
        return
    root = data_root(data_dir)
    if not os.path.isdir(root):
        received = f"{root}, which is no existing folder"
    else:
        received = f"{root}, which holds no {info.tfds_name}/VERSION"
    raise UserError(
        f"Data set {name} is not at hand. Expected --data_dir=DIR of a copy "
        "prepared by TFDS (dlgn_tf.train --download gets one), or "
        f"--dataset=digits, which needs none. Received: {received}"
    )


def source(name, data_dir=None, npz_file=None):
    """Where the images of a data set are read from, which is checked.

    Args:
        name: See `check_available`.
        data_dir: See `check_available`.
        npz_file: See `check_available`.

    Returns:
        Dict, keyword arguments of `sources.load`.

    Raises:
        UserError: as `check_available`.
    """
    check_available(name, data_dir, npz_file=npz_file)
    return {"name": name, "data_dir": data_dir, "npz_file": npz_file}


def source_of_run(config, data_dir=None):
    """As `source`, of the images that a run was trained on.

    Args:
        config: `Config` of the run.
        data_dir: Path-like or None, which takes the place of the run's own
            folder or .npz.
    """
    if data_dir:
        return source(config.dataset, data_dir)
    return source(config.dataset, config.data_dir, config.npz)


def data_root(data_dir=None):
    """The folder of prepared data sets, `~` and the default filled in."""
    return os.path.expanduser(os.fspath(data_dir or DEFAULT_DATA_DIR))


def prepared_folder(info, data_dir=None):
    """Finds the newest prepared version of a TFDS data set.

    Args:
        info: `DatasetInfo` with a `tfds_name`.
        data_dir: As in `check_available`.

    Returns:
        Path `DATA_DIR/NAME/VERSION` as a string, or None if there is none.
    """
    parent = os.path.join(data_root(data_dir), info.tfds_name)
    versions = [
        version
        for version in (os.listdir(parent) if os.path.isdir(parent) else ())
        # TFDS prepares in a folder incomplete.XXX_VERSION beside it.
        if all(part.isdecimal() for part in version.split("."))
        and os.path.isfile(os.path.join(parent, version, "dataset_info.json"))
    ]
    if not versions:
        return None
    newest = max(versions, key=lambda v: [int(part) for part in v.split(".")])
    return os.path.join(parent, newest)
