"""Writes a prepared TFDS data set as one .npz, which needs no TensorFlow.

  python tools/prepare_data.py --dataset=cifar10 --data_dir=DIR \\
      --output=cifar10.npz --encoded

With --encoded the images stay the PNG or JPEG files that they are in the data
set, and are decoded by Pillow when they are loaded; CIFAR-10 then takes 58 MB
instead of 184. Decoders of JPEG differ by a few grey levels.
"""

import dataclasses
import pathlib

from dlgn_tf.command import cli, fields
from dlgn_tf.command.fields import flag
from dlgn_tf.data import catalog, npz, sources
from dlgn_tf.errors import UserError
from dlgn_tf.output import files


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    dataset: str = flag("cifar10", "Name of the data set.")
    data_dir: str | None = flag(
        None, "Folder of prepared TFDS data sets.", path=True
    )
    output: str | None = flag(
        None, "The .npz that is written.", path=True, required="FILE.npz"
    )
    encoded: bool = flag(False, "Keep the images encoded.")


def run(command):
    if not command.output.endswith(".npz"):
        raise UserError(
            f"Expected --output=FILE.npz. Received: --output={command.output}"
        )
    folder = pathlib.Path(command.output).absolute().parent
    files.check_writable(folder, "output")
    catalog.check_available(command.dataset, command.data_dir)
    if command.encoded:
        splits = sources.load_encoded(command.dataset, command.data_dir)
    else:
        train, test = sources.load(command.dataset, command.data_dir)
        splits = {
            "train": (train.labels, train.images),
            "test": (test.labels, test.images),
        }
    with files.write_errors(command.output):
        folder.mkdir(parents=True, exist_ok=True)
        npz.write(command.output, splits)
    print(f"{command.output}: {', '.join(_sizes(splits))}")


def _sizes(splits):
    for split, (labels, _) in splits.items():
        yield f"{len(labels):,} {split} images"


if __name__ == "__main__":
    cli.run(run, "tools/prepare_data.py", __doc__, Command)
