"""A data set of your own.

Its images lie in an .npz, a uint8 array of each split and as many labels; its
entry says what they are. Registered, it is a choice of `--dataset`.

Drawn here are stripes in noise, upright (0) or level (1).
"""

import pathlib
import runpy
import sys

import numpy as np

from dlgn_tf.data import catalog, npz

catalog.DATASETS["stripes"] = catalog.DatasetInfo(
    name="stripes",
    description="stripes in noise, 8x8 grey",
    classes=2,
    image_shape=(8, 8, 1),
    mean=(0.5,),
    std=(0.3,),
)

FLAGS = """--model=c1gap_dlgn --dataset=stripes --npz=runs/stripes.npz --width=8
    --optimizer=adam --learning_rates=0.01 --train_steps=90 --eval_every=90
    --run_dir=runs/own_data_set"""


def draw(count, rng):
    """Labels `(count,)` and images `(count, 8, 8, 1)` of stripes in noise."""
    labels = rng.integers(0, 2, count)
    wave = 60 * (-1.0) ** np.arange(8)
    stripes = np.where(labels[:, None, None], wave[:, None], wave)
    noise = rng.normal(128, 20, (count, 8, 8))
    return labels, (stripes + noise).clip(0, 255).astype("uint8")[..., None]


if __name__ == "__main__":
    random = np.random.default_rng(0)
    pathlib.Path("runs").mkdir(exist_ok=True)
    splits = {"train": draw(500, random), "test": draw(200, random)}
    npz.write("runs/stripes.npz", splits)
    command, *sys.argv[1:] = sys.argv[1:] or ["train", *FLAGS.split()]
    runpy.run_module(f"dlgn_tf.{command}", run_name="__main__")
