"""Flags that mean the same in several commands, written once."""

import dataclasses

from dlgn_tf.command import fields
from dlgn_tf.command.fields import flag


def run_dir(text="Directory of the run.", **known):
    """The run that a command is about."""
    return flag(None, text, path=True, **known)


def which():
    """Which network of a run."""
    return flag(
        "newest",
        "Of the run: the newest checkpoint, or best.keras.",
        choices=("newest", "best"),
    )


def model_path():
    """A network of no run."""
    return flag(
        None,
        "Instead of a run: a .keras file, a SavedModel of dlgn_tf.export, or "
        "the prefix of a checkpoint of resnets-in-tensorflow2.",
        path=True,
    )


def model():
    """The network of a checkpoint, which does not describe its own."""
    return flag(
        None,
        "The network of such a checkpoint; or preset:NAME, a trained network "
        "that comes with the package (dlgn_tf.train --list_presets).",
    )


def dataset_of_model():
    """The images that the network of a checkpoint takes."""
    return flag("cifar10", "The data set of such a checkpoint.")


def dataset():
    """The images of a network of no run, which does not name them."""
    return flag(None, "Images for a network of no run.")


def output_dir(text="Where results are written.", required="DIR"):
    """The folder that takes what a command finds out."""
    return flag(None, text, path=True, required=required)


def data_dir(default):
    """Where data are; the default of TFDS is told in words."""
    return flag(
        None,
        "The folder of pictures or the table with --dataset=folder or table; "
        f"else the folder of prepared TFDS data sets. Default: {default}.",
        path=True,
        group="images",
    )


def npz():
    """A file of images in place of a prepared data set."""
    return flag(
        None,
        "Read the images from this .npz: with --dataset=npz any one of x and "
        "y, else one of the data set, as tools/prepare_data.py makes it.",
        path=True,
        group="images",
    )


def seed(text, **known):
    """The number that all random numbers follow from."""
    return flag(0, text, least=0, **known)


def memory_gib(what):
    """How much memory something may take, such as `"a kernel takes"`."""
    return flag(1.0, f"Bound of the memory that {what}.", positive=True)


def scheduler(what):
    """Who hands out independent pieces of the work to other machines."""
    return flag(
        None,
        "Address of a scheduler of Dask, such as tcp://10.0.0.1:8786, whose "
        f"workers {what} (needs dlgn_tf[cluster]; see "
        "docs/how_to/several_machines.md). Default: this machine does.",
    )


def eval_batch_size(text="Images a step.", **known):
    """Images of a step where nothing is trained."""
    return flag(500, text, least=1, **known)


@dataclasses.dataclass(frozen=True)
class OfNetwork(fields.Command):
    """Of a command about a trained network, wherever it is, and its images."""

    run_dir: str | None = run_dir()
    saved_model: str | None = flag(
        None,
        "A SavedModel instead, written by dlgn_tf.export; needs --dataset and "
        "--output_dir.",
        path=True,
    )
    model_path: str | None = model_path()
    model: str | None = model()
    which: str = which()
    dataset: str | None = dataset()
    data_dir: str | None = data_dir("that of the run")
    npz: str | None = npz()
