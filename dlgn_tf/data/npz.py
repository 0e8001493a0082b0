"""Data sets in a single .npz file, read and written without TensorFlow.

The file holds for each split, `train` and `test`, the labels and either the
images or their encoded files (PNG, JPEG) one after the other:

| array | type | shape |
|---|---|---|
| `SPLIT_labels` | integer | (n,) |
| `SPLIT_images` | uint8 | (n, height, width, channels) |
| `SPLIT_encoded` | uint8 | (bytes of all files,) |
| `SPLIT_ends` | int64 | (n,), where each file ends |
"""

import concurrent.futures
import io
import zipfile

import numpy as np

from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError

# Of zip files, arrays and images that are damaged. Pillow calls a chunk of a
# PNG that it cannot read a SyntaxError.
_READ_ERRORS = (
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    SyntaxError,
    ValueError,
    zipfile.BadZipFile,
)


def write(path, splits):
    """Writes a data set.

    Args:
        path: Path-like, to end in .npz.
        splits: Dict from `"train"` and `"test"` to `(labels, images)`; images
            are a uint8 array or a list of encoded files as bytes.
    """
    arrays = {}
    for split, (labels, images) in splits.items():
        arrays[f"{split}_labels"] = np.asarray(labels, np.int32)
        if isinstance(images, np.ndarray):
            arrays[f"{split}_images"] = images
        else:
            arrays[f"{split}_encoded"] = np.frombuffer(
                b"".join(images), np.uint8
            )
            arrays[f"{split}_ends"] = np.cumsum([len(x) for x in images])
    np.savez(path, **arrays)


def read(path, info, counts):
    """Reads a data set.

    Args:
        path: Path-like.
        info: `DatasetInfo` that the images must fit.
        counts: Dict from split to how many of its first images are read, None
            for all.

    Returns:
        `(ImageSet, ImageSet)`: training and test images.

    Raises:
        UserError: if the file cannot be read or does not fit.
    """
    try:
        # np.load takes other kinds of files too.
        with zipfile.ZipFile(path), np.load(path) as arrays:
            return tuple(
                _read_split(arrays, split, info, counts[split])
                for split in ("train", "test")
            )
    except _READ_ERRORS as error:
        raise UserError(
            f"Cannot read {info.name}. Expected an .npz that "
            f"tools/prepare_data.py wrote. Received: {path}, "
            f"{type(error).__name__}: {error}"
        ) from error


def _read_split(arrays, split, info, count):
    if count is not None and count < 1:
        raise UserError(
            f"Invalid {split}_examples. Expected 1 or more. Received: "
            f"{split}_examples={count}"
        )
    labels = arrays[f"{split}_labels"][:count].astype(np.int32)
    if f"{split}_images" in arrays:
        images = arrays[f"{split}_images"][:count]
    else:
        ends = arrays[f"{split}_ends"][:count]
        images = _decode(arrays[f"{split}_encoded"], ends, info)
    if images.shape[1:] != info.image_shape or images.dtype != np.uint8:
        raise ValueError(f"images {images.dtype}{images.shape[1:]}")
    if labels.shape != (len(images),) or not len(images):
        raise ValueError(f"{len(images)} images and labels {labels.shape}")
    if count is not None and len(labels) < count:
        raise ValueError(f"{len(labels)} {split} images instead of {count}")
    return ImageSet(images, labels)


def _decode(encoded, ends, info):
    """Decodes many small files with Pillow, on all cores."""
    from PIL import Image

    shape = height, width, channels = info.image_shape
    images = np.empty((len(ends), *shape), np.uint8)
    begins = np.concatenate([[0], ends[:-1]])
    mode = "L" if channels == 1 else "RGB"

    def decode(index):
        file = io.BytesIO(encoded[begins[index] : ends[index]].tobytes())
        image = Image.open(file)
        if image.size != (width, height):
            raise ValueError(f"an image of {image.size} pixels")
        images[index] = np.asarray(image.convert(mode)).reshape(shape)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        # The list passes on what went wrong in a thread.
        list(pool.map(decode, range(len(ends)), chunksize=256))
    return images
