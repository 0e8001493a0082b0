"""What is attacked: small files of every kind that this package reads."""

import contextlib
import io
import pathlib
import shutil

import numpy as np
from PIL import Image

SHAPE = (4, 4, 1)
NAMES = ("run", "net.keras", "data.npz", "digits.npz", "images", "table.csv")


def make(folder):
    """Writes them; the run is of a network and of data of one's own."""
    import keras

    from dlgn_tf import config
    from dlgn_tf.data import npz
    from dlgn_tf.training import loop

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(3, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    model.save(folder / "net.keras")
    images = rng.integers(0, 256, (24, *SHAPE), np.uint8)
    labels = np.arange(24) % 3
    arrays = {"x_train": images, "y_train": labels}
    np.savez(folder / "data.npz", **arrays, x_test=images, y_test=labels)
    files = [_encoded(x) for x in rng.integers(0, 256, (20, 8, 8), np.uint8)]
    splits = dict.fromkeys(("train", "test"), (np.arange(20) % 10, files))
    npz.write(folder / "digits.npz", splits)
    for number, image in enumerate(images):
        of_class = folder / "images" / f"class{number % 3}"
        of_class.mkdir(parents=True, exist_ok=True)
        (of_class / f"{number}.png").write_bytes(_encoded(image[..., 0]))
    rows = "".join(f"{k},{k * k % 7},w{k % 4},c{k % 3}\n" for k in range(24))
    (folder / "table.csv").write_text(f"a,b,c,y\n{rows}")
    with contextlib.redirect_stdout(io.StringIO()):
        loop.train(
            config.from_flags(
                f"--model=keras:{folder / 'net.keras'}_dlgn",
                "--dataset=npz",
                f"--npz={folder / 'data.npz'}",
                f"--run_dir={folder / 'run'}",
                "--batch_size=8",
                "--train_steps=2",
                "--snapshot_every=1",
            )
        )


def _encoded(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def copy(name, source, folder):
    """A copy of one of `NAMES` in a folder."""
    place = folder / name
    if (source / name).is_dir():
        shutil.copytree(source / name, place)
    else:
        shutil.copy(source / name, place)
    return place
