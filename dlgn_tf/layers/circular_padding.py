"""Images continued beyond their edges as if they lay on a torus."""

import keras
from keras import ops

from dlgn_tf.layers.arguments import positive_integer


@keras.saving.register_keras_serializable(package="dlgn_tf")
class CircularPadding(keras.layers.Layer):
    """Continues an image over its edges: the first row follows the last.

    A convolution with `padding="valid"` after it is circular: it keeps the
    resolution, and rotating its input rotates its output. That is what the
    theory of the DLGN paper (arXiv 2110.03403), Theorem 3.2, assumes.

    Args:
        kernel_size: Integer >= 1. Side of the convolution's filters; it decides
            how much is padded.

    Call arguments:
        images: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height + kernel_size - 1, width + kernel_size - 1,
        channels)`. Where the margins differ the last is the larger, as with
        'same' padding.

    Raises:
        ValueError: if the side is no integer >= 1, or a margin is larger than
            the image.
    """

    def __init__(self, kernel_size, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = positive_integer("kernel_size", kernel_size)

    def build(self, input_shape):
        sides = [side for side in input_shape[1:3] if side is not None]
        if sides and self.kernel_size // 2 > min(sides):
            raise ValueError(
                "Expected images at least as large as their margins, of "
                f"{self.kernel_size // 2} pixels. Received: "
                f"input_shape={tuple(input_shape)}"
            )

    def call(self, images):
        before = (self.kernel_size - 1) // 2
        after = self.kernel_size - 1 - before
        for axis in (1, 2):
            images = _continued(images, axis, before, after)
        return images

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        sides = (
            None if side is None else side + self.kernel_size - 1
            for side in (height, width)
        )
        return (batch, *sides, channels)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}


def _continued(images, axis, before, after):
    """Concatenation: its gradient is as fast as it, unlike that of `take`."""
    side = ops.shape(images)[axis]
    rows = (slice(None),) * axis
    parts = [images]
    if before:
        parts.insert(0, images[(*rows, slice(side - before, side))])
    if after:
        parts.append(images[(*rows, slice(0, after))])
    return ops.concatenate(parts, axis=axis) if parts[1:] else images
