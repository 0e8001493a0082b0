"""Images of encoded files, decoded with Pillow and without TensorFlow."""

import concurrent.futures
import io
import warnings

import numpy as np
from PIL import Image

# What TensorFlow decodes too, and WebP. For some of its other formats Pillow
# starts programs, such as Ghostscript for EPS.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")


def decode_all(files, image_shape):
    """Decodes many small files, on all cores.

    Args:
        files: List of bytes, each a file of one of `FORMATS`.
        image_shape: `(height, width, channels)` with 1 or 3 channels; colours
            become grey, and grey becomes a colour, as is needed.

    Returns:
        uint8 array `(files, *image_shape)`. Of 16 bits a pixel the higher 8
        are taken, as TensorFlow does.

    Raises:
        ValueError: if an image is of another size.
        Exception: of many kinds, for a damaged file.
    """
    images = np.empty((len(files), *image_shape), np.uint8)

    def decode(index):
        images[index] = _decode(files[index], image_shape)

    with (
        concurrent.futures.ThreadPoolExecutor() as pool,
        warnings.catch_warnings(),
    ):
        # Whatever is large is refused by its size.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # The list passes on what went wrong in a thread.
        list(pool.map(decode, range(len(files)), chunksize=256))
    return images


def _decode(file, image_shape):
    height, width, channels = image_shape
    image = Image.open(io.BytesIO(file), formats=FORMATS)
    if image.size != (width, height):
        raise ValueError(f"an image of {image.size} pixels")
    if image.mode.startswith("I"):
        # Pillow's own conversion takes all above 255 for white.
        high = np.asarray(image) >> 8
        image = Image.fromarray(high.astype(np.uint8))
    mode = "L" if channels == 1 else "RGB"
    return np.asarray(image.convert(mode)).reshape(image_shape)
