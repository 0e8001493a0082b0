"""Writes a prepared TFDS data set as one .npz, which needs no TensorFlow.

  python tools/prepare_data.py --dataset=cifar10 --data_dir=DIR \\
      --output=cifar10.npz --encoded

With --encoded the images stay the PNG or JPEG files that they are in the data
set, and are decoded by Pillow when they are loaded; CIFAR-10 then takes 58 MB
instead of 184. Decoders of JPEG differ by a few grey levels.
"""

import pathlib
import sys

from absl import flags

from dlgn_tf.command import cli
from dlgn_tf.data import catalog
from dlgn_tf.data import npz
from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.output import files

flags.DEFINE_string("dataset", "cifar10", "Name of the data set.")
flags.DEFINE_string("data_dir", None, "Folder of prepared TFDS data sets.")
flags.DEFINE_string("output", None, "The .npz that is written.")
flags.DEFINE_bool("encoded", False, "Keep the images encoded.")


def main():
    values = flags.FLAGS
    if not (values.output or "").endswith(".npz"):
        raise UserError(
            f"Expected --output=FILE.npz. Received: --output={values.output}"
        )
    folder = pathlib.Path(values.output).absolute().parent
    files.check_writable(folder, "output")
    catalog.check_available(values.dataset, values.data_dir)
    if values.encoded:
        splits = sources.load_encoded(values.dataset, values.data_dir)
    else:
        train, test = sources.load(values.dataset, values.data_dir)
        splits = {
            "train": (train.labels, train.images),
            "test": (test.labels, test.images),
        }
    with files.write_errors(values.output):
        folder.mkdir(parents=True, exist_ok=True)
        npz.write(values.output, splits)
    print(f"{values.output}: {', '.join(_sizes(splits))}")


def _sizes(splits):
    for split, (labels, _) in splits.items():
        yield f"{len(labels):,} {split} images"


if __name__ == "__main__":
    sys.exit(cli.run(main, "tools/prepare_data.py", __doc__))
