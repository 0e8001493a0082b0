"""Images of encoded files, decoded with Pillow and without TensorFlow."""

import concurrent.futures
import io
import warnings

import numpy as np
from PIL import Image, ImageOps

# What TensorFlow decodes too, and WebP. For some of its other formats Pillow
# starts programs, such as Ghostscript for EPS.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
# What Pillow says of an image so large that it may be an attack.
BOMB = Image.DecompressionBombWarning


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

    def fill(index):
        images[index] = decode(files[index], image_shape)

    with (
        concurrent.futures.ThreadPoolExecutor() as pool,
        warnings.catch_warnings(),
    ):
        # Whatever is large is refused by its size.
        warnings.simplefilter("ignore", BOMB)
        # The list passes on what went wrong in a thread.
        list(pool.map(fill, range(len(files)), chunksize=256))
    return images


def header(file):
    """`(height, width, channels)` of an open image file, 1 or 3 channels."""
    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    return height, width, 1 if grey else 3


def decode(file, image_shape, resize=None):
    """Decodes an image.

    Args:
        file: Bytes of a file of one of `FORMATS`; of a film the first image.
        image_shape: `(height, width, channels)` with 1, 3 or 4 channels.
        resize: `"crop"` brings it to this size by the side that is too long
            or short the least, and cuts the centre out; `"stretch"` does not
            keep its proportions; None refuses others.

    Returns:
        uint8 array of that shape, as `decode_all`.

    Raises:
        ValueError: if it is of another size, and may not be.
        Exception: of many kinds, for a damaged file.
    """
    height, width, channels = image_shape
    image = Image.open(io.BytesIO(file), formats=FORMATS)
    if image.size != (width, height) and resize is None:
        raise ValueError(f"an image of {image.size} pixels")
    if image.mode.startswith("I"):
        # Pillow's own conversion takes all above 255 for white.
        high = np.asarray(image) >> 8
        image = Image.fromarray(high.astype(np.uint8))
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    # Pillow would copy what is of that mode already.
    if image.mode != mode:
        image = image.convert(mode)
    if image.size != (width, height):
        fit = ImageOps.fit if resize == "crop" else Image.Image.resize
        image = fit(image, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(image_shape)
