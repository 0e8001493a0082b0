"""What data sets there are and whether they are at hand.

Imports neither NumPy nor TensorFlow, so that a wrong `--dataset` or a missing
copy is reported at once.
"""

import dataclasses
import importlib.util
import os
from collections.abc import Sequence
from typing import Any

from dlgn_tf.data import own as own_data
from dlgn_tf.data import prepared
from dlgn_tf.data.info import DatasetInfo as DatasetInfo
from dlgn_tf.data.own import OwnData
from dlgn_tf.data.reading import Reading
from dlgn_tf.errors import UserError, nearest
from dlgn_tf.output import elsewhere

# Of red, green and blue, on the [0, 1] scale: what torchvision's models are
# trained with, and the Rainbow paper's networks on CIFAR-10.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Sources of images that need no copy.
ALWAYS_THERE = ("sklearn", "drawn")


_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()


def _cifar(classes, class_names=None):
    return DatasetInfo(
        name=f"cifar{classes}",
        description=f"CIFAR-{classes}: 32x32 colour photographs",
        classes=classes,
        image_shape=(32, 32, 3),
        mean=(0.4914, 0.4822, 0.4465),
        # The lineage's constants: the mean over images of each image's own
        # std, not the std over all pixels (0.2470, 0.2435, 0.2616). Published
        # figures and checkpoints come with them. Both were measured on
        # CIFAR-10; that CIFAR-100 was trained with the same is assumed.
        std=(0.2023, 0.1994, 0.2010),
        augmentation="flip_crop",
        source=f"tfds:cifar{classes}",
        train_examples=50_000,
        test_examples=10_000,
        class_names=class_names,
    )


def _drawn(name, inputs, points):
    """Labels of an oblique tree: half of the points train, a quarter tests.

    The quarter between them, which selects as published, is left out.
    """
    return DatasetInfo(
        name=name,
        description=f"{name.upper()}: labels of an oblique tree, vectors of "
        f"{inputs}",
        classes=2,
        image_shape=(1, 1, inputs),
        # Of vectors of length 1 in any direction.
        mean=inputs * (0.0,),
        std=inputs * (inputs**-0.5 / 255,),
        source=f"drawn:{name}",
        train_examples=points // 2,
        test_examples=points // 4,
        dtype="float32",
    )


DATASETS = {
    entry.name: entry
    for entry in (
        DatasetInfo(
            name="digits",
            description="handwritten digits of scikit-learn, 8x8 grey",
            classes=10,
            image_shape=(8, 8, 1),
            # Measured over all pixels of the training split.
            mean=(0.3054,),
            std=(0.3760,),
            source="sklearn:digits",
            train_examples=1437,
            test_examples=360,
        ),
        DatasetInfo(
            name="mnist",
            description="MNIST: handwritten digits, 28x28 grey",
            classes=10,
            image_shape=(28, 28, 1),
            # Those in common use for the training split; not measured here.
            mean=(0.1307,),
            std=(0.3081,),
            source="tfds:mnist",
            train_examples=60_000,
            test_examples=10_000,
        ),
        _cifar(10, tuple(_CIFAR10)),
        _cifar(100),
        DatasetInfo(
            name="svhn_cropped",
            description="SVHN: 32x32 colour photographs of house numbers",
            classes=10,
            image_shape=(32, 32, 3),
            # Those in common use for the training split; not measured here.
            mean=(0.4377, 0.4438, 0.4728),
            std=(0.1980, 0.2010, 0.1970),
            # No flip: a mirrored digit is another sign.
            augmentation="crop",
            source="tfds:svhn_cropped",
            train_examples=73_257,
            test_examples=26_032,
        ),
        _drawn("sdi", 20, 40_000),
        _drawn("sdii", 100, 60_000),
        _drawn("sdiii", 500, 100_000),
    )
}


def get(name: str) -> DatasetInfo:
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
    known = (*DATASETS, *own_data.KINDS)
    raise UserError(
        f"Unknown data set. Expected one of {', '.join(DATASETS)}. Or data of "
        f"your own: {own_data.names_shown()}. "
        f"{nearest(str(name).lower(), known)}Received: dataset={name}"
    )


def is_own(name: str) -> bool:
    """Whether data are of one's own; an entry of the catalogue goes before."""
    return name not in DATASETS and own_data.is_own(name)


def own_of(given: Any, info: DatasetInfo | None = None) -> OwnData | None:
    """The `OwnData` that flags name; None where they are of the catalogue.

    Args:
        given: Object with the attributes of a `Network`.
        info: What is known of them already.
    """
    if not is_own(given.dataset):
        Reading.of(given).check((), f"with --dataset={given.dataset}")
        return None
    path = _path(given.npz or given.data_dir)
    how, download = Reading.of(given), given.download
    return OwnData(given.dataset, path, how, info, download)


def check_available(
    name: str,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    npz_file: str | os.PathLike | None = None,
    own: OwnData | None = None,
) -> None:
    """Checks that `sources.load` will find a data set, or may get it.

    Args:
        name: String, a key of `DATASETS`.
        data_dir: Folder of prepared TFDS data sets, `~` allowed. Defaults to
            `~/tensorflow_datasets`.
        download: Whether TFDS may download and prepare what is missing.
        npz_file: Path-like or None, which takes the place of `data_dir`.
        own: `OwnData`, which takes the place of all of them.

    Raises:
        UserError: if the data set is unknown, or neither prepared nor to be
            downloaded, or TFDS is not installed; or if there is no such .npz.
    """
    if own:
        return own.check()
    info = get(name)
    if npz_file:
        _check_archive(npz_file)
    elif info.reader == "tfds":
        _check_prepared(info, data_dir, download)
    elif info.reader == "npz":
        place = f"--data_dir={data_dir}" if data_dir else "no --npz"
        raise UserError(
            f"The images of {name} are read from an .npz. Expected --npz=FILE. "
            f"Received: {place}"
        )
    elif info.reader not in ALWAYS_THERE:
        raise UserError(
            f"Expected of {name} in the catalogue a source that begins with "
            f"{', '.join(ALWAYS_THERE)}, tfds or npz. Received: {info.source}"
        )


def _check_archive(path):
    if not elsewhere.is_archive(path):
        raise UserError(
            "Expected for --npz a file that tools/prepare_data.py wrote. "
            f"Received: {path}"
            + ("" if os.path.exists(path) else ", which does not exist")
        )


def _check_prepared(info, data_dir, download):
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise UserError(
            f"Data set {info.name} is one of TFDS, which is not installed. "
            "Expected --npz=FILE that tools/prepare_data.py wrote elsewhere, "
            "or --dataset=digits. Received: neither"
        )
    if download or prepared.folder(info.tfds_name, data_dir):
        return
    root = prepared.root(data_dir)
    if not os.path.isdir(root):
        received = f"{root}, which is no existing folder"
    else:
        received = f"{root}, which holds no {info.tfds_name}/VERSION"
    raise UserError(
        f"Data set {info.name} is not at hand. Expected --data_dir=DIR of a "
        "copy prepared by TFDS (dlgn_tf.train --download gets one), or "
        f"--dataset=digits, which needs none. Received: {received}"
    )


def examples(
    name: str,
    data_dir: str | os.PathLike | None = None,
    npz_file: str | os.PathLike | None = None,
    own: OwnData | None = None,
) -> dict:
    """How many images there are, by what the data themselves say.

    Args:
        name: See `check_available`.
        data_dir: See `check_available`.
        npz_file: See `check_available`.
        own: See `check_available`.

    Returns:
        Dict from `"train"` and `"test"` to an integer: of the .npz or the
        prepared copy that is at hand, or else of the catalogue, which may not
        know it (None).

    Raises:
        UserError: if the data set is unknown or the .npz damaged.
    """
    if own:
        return own.counts()
    info = get(name)
    if npz_file and elsewhere.is_archive(npz_file):
        # It imports NumPy.
        from dlgn_tf.data import npz

        return npz.count(npz_file, info)
    known = {"train": info.train_examples, "test": info.test_examples}
    if info.reader == "tfds" and not npz_file:
        known |= prepared.examples(prepared.folder(info.tfds_name, data_dir))
    return known


def source(
    name: str,
    data_dir: str | os.PathLike | None = None,
    npz_file: str | os.PathLike | None = None,
) -> dict:
    """Where the images of a data set are read from, which is checked.

    Args:
        name: See `check_available`.
        data_dir: See `check_available`.
        npz_file: See `check_available`.

    Returns:
        Dict, keyword arguments of `sources.load` and of `examples`.

    Raises:
        UserError: as `check_available`.
    """
    place: dict[str, Any] = {
        "name": name,
        "data_dir": data_dir,
        "npz_file": npz_file,
    }
    if is_own(name):
        place["own"] = OwnData(name, _path(npz_file or data_dir))
    check_available(**place)
    return place


def _path(path):
    # A run is continued and looked at from other folders too.
    return path and os.path.abspath(path)


def place_of(config: Any) -> dict:
    """Where a `Config` has its images from: keywords of `sources.load`."""
    place = {
        "name": config.dataset,
        "data_dir": config.data_dir,
        "download": config.download,
        "npz_file": config.npz,
    }
    own = own_of(config, config.measured)
    return {**place, "own": own} if own else place


def known_of(config: Any) -> DatasetInfo:
    """The `DatasetInfo` of a `Config`: as measured, or the catalogue's."""
    return getattr(config, "measured", None) or get(config.dataset)


def info_of(place: dict) -> DatasetInfo:
    """What is known of the images of a place.

    Args:
        place: What `source`, `place_of` or `source_of_run` returned.
    """
    own = place.get("own")
    return own.measured() if own else get(place["name"])


def source_of_run(
    config: Any,
    data_dir: str | os.PathLike | None = None,
    npz_file: str | os.PathLike | None = None,
    dataset: str | None = None,
    how: Any = None,
    whole: bool = False,
) -> dict:
    """As `source`, of images for a run: its own, unless others are named.

    Args:
        config: `Config` of the run.
        data_dir: Path-like or None, which takes the place of the run's own
            folder or .npz.
        npz_file: Path-like or None, which takes the place of all of them.
        dataset: String or None, another data set of the same kind of images
            and as many classes.
        how: Object whose attributes say how data of one's own are read, where
            not as those of the run.
        whole: Boolean, whether all of others are test images, where they are
            data of one's own that are not split.

    Raises:
        UserError: as `source`, or if the data set is of another kind.
    """
    trained, name = known_of(config), dataset or config.dataset
    if npz_file and is_own(name) and name == config.dataset:
        name = "npz"
    if is_own(name):
        path = npz_file or data_dir
        others = bool(path) or name != config.dataset
        if not others:
            path = config.npz or config.data_dir
        read = Reading.of(how, config)
        if name != config.dataset:
            read = read.only(own_data.kind_of(name).flags)
        if others:
            trained = dataclasses.replace(trained, checksums=())
        own = OwnData(name, _path(path), read, trained, whole=others and whole)
        own.check()
        return {"name": name, "own": own.read_now() if others else own}
    if name != config.dataset:
        check_same_kind(get(name), trained.image_shape, trained.classes)
        own_place = trained.is_own
        place = data_dir or (None if own_place else config.data_dir)
        return source(name, place, npz_file)
    if data_dir or npz_file:
        return source(config.dataset, data_dir, npz_file)
    return source(config.dataset, config.data_dir, config.npz)


def check_same_kind(
    info: DatasetInfo, image_shape: Sequence[int], classes: int
) -> None:
    """Raises a `UserError` unless a data set is one for a model.

    Args:
        info: `DatasetInfo`.
        image_shape: `(height, width, channels)` of the model.
        classes: Integer, of the model.
    """
    if (info.image_shape, info.classes) != (tuple(image_shape), classes):
        raise UserError(
            f"Expected a data set of {'x'.join(map(str, image_shape))} images "
            f"in {classes} classes, which the model takes. Received: "
            f"--dataset={info.name}"
        )
