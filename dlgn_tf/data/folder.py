"""A folder of images, in a folder for each class."""

import hashlib
import os
from typing import Any

import numpy as np

from dlgn_tf.data.encoded import Files
from dlgn_tf.data.stored import Split, Stored
from dlgn_tf.errors import UserError

# Folders of a split that is made already, by the names in use.
_TRAIN = ("train", "training")
_TEST = ("test", "testing", "val", "valid", "validation")
# What file managers leave.
_LEFT = ("thumbs.db", "desktop.ini")


def read(own: Any) -> Stored:
    """Lists the files of a folder, in an order that tells no class.

    Args:
        own: Its path is DIR with DIR/train/CLASS/* and DIR/test/CLASS/*, or
            with DIR/CLASS/*. What lies deeper belongs to the class, hidden
            files are passed over.

    Raises:
        UserError: if there are no classes, or no files in one.
    """
    root = str(own.path)
    folders = _folders(root)
    splits = {
        part: [x for x in folders if x.lower() in names]
        for part, names in (("train", _TRAIN), ("test", _TEST))
    }
    inside = [x for x in splits["train"] if _folders(os.path.join(root, x))]
    if not inside:
        # A class may be called so; other data may lie as the training data do.
        return Stored(_split(root, own.how))
    if others := sorted({*folders} - {*splits["train"], *splits["test"]}):
        print(f"not looked at in {root}: {', '.join(others)}")
    train = os.path.join(root, inside[0])
    if not splits["test"]:
        return Stored(_split(train, own.how))
    # Of test and validation images those that no one has chosen by.
    test = os.path.join(root, min(splits["test"], key=_by_use))
    return Stored(_split(train, own.how), _split(test, own.how))


def _by_use(name):
    return _TEST.index(name.lower())


def _folders(path):
    with os.scandir(path) as entries:
        return sorted(x.name for x in entries if _counts(x.name) and x.is_dir())


def _counts(name):
    return not name.startswith(".") and name.lower() not in _LEFT


def _split(root, how):
    """All files of the classes of a folder, shuffled."""
    classes = _folders(root)
    if not classes:
        raise UserError(
            "Expected a folder for each class, with its images, in "
            f"{root}. Received: no folders there"
        )
    paths, labels = [], []
    for name in classes:
        of_class = sorted(_files(os.path.join(root, name)))
        if not of_class:
            raise UserError(
                "Expected images in the folder of each class. Received: none "
                f"in {os.path.join(root, name)}"
            )
        paths += of_class
        labels += [name] * len(of_class)
    seed = how.split_seed or 0

    # One more file leaves the others where they are.
    def place(index):
        name = f"{seed}:{os.path.relpath(paths[index], root)}"
        return hashlib.sha256(os.fsencode(name)).digest()

    order = sorted(range(len(paths)), key=place)
    files = Files(paths, shuffled=True)
    return Split(files[order], np.array(labels)[order], root)


def _files(folder):
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(filter(_counts, folders))
        paths = (os.path.join(parent, x) for x in names if _counts(x))
        # A pipe would be waited for; a link to nothing is named as damaged.
        yield from (
            x for x in paths if os.path.isfile(x) or not os.path.exists(x)
        )


def _raise(error):
    raise error
