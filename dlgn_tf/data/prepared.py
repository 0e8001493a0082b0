"""Where TensorFlow Datasets has prepared data. Imports nothing heavy."""

import os

from dlgn_tf.output import elsewhere

DEFAULT_DATA_DIR = "~/tensorflow_datasets"
# What TFDS notes of a version.
_NOTES = "dataset_info.json"
_SPLITS = {"splits": [{"name": str, "shardLengths": [str | int]}]}


def root(data_dir: str | os.PathLike | None = None) -> str:
    """The folder of prepared data sets, `~` and the default filled in."""
    return os.path.expanduser(os.fspath(data_dir or DEFAULT_DATA_DIR))


def folder(
    name: str | None, data_dir: str | os.PathLike | None = None
) -> str | None:
    """Finds the newest prepared version of a TFDS data set.

    Args:
        name: String, NAME or NAME/CONFIG.
        data_dir: As in `catalog.check_available`.

    Returns:
        Path `DATA_DIR/NAME/VERSION` as a string, or None if there is none.
    """
    parent = os.path.join(root(data_dir), str(name))
    versions = [
        version
        for version in (os.listdir(parent) if os.path.isdir(parent) else ())
        # TFDS prepares in a folder incomplete.XXX_VERSION beside it.
        if all(part.isdecimal() for part in version.split("."))
        and os.path.isfile(os.path.join(parent, version, _NOTES))
    ]
    if not versions:
        return None
    newest = max(versions, key=lambda v: [int(part) for part in v.split(".")])
    return os.path.join(parent, newest)


def examples(path: str | None) -> dict:
    """Numbers of images by split, as far as TFDS has noted them there.

    Args:
        path: What `folder` found, or None.
    """
    noted = path and elsewhere.read_json(os.path.join(path, _NOTES), _SPLITS)
    try:
        return {
            split["name"]: sum(map(int, split["shardLengths"]))
            for split in (noted or {"splits": ()})["splits"]
        }
    # Whoever reads the images says what is wrong.
    except ValueError:
        return {}
