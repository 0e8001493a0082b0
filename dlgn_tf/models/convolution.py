"""A convolution that keeps the resolution, with either padding."""

from keras import layers

from dlgn_tf.layers import CircularPadding


def convolution(x, filters, kernel_size, name, padding="same", biases=True):
    """A convolution of stride 1 under the name `name`.

    Args:
        x: Keras tensor `(batch, height, width, channels)`.
        filters: Integer.
        kernel_size: Integer, side of each filter.
        name: String.
        padding: `"same"`, zeros around the image, or `"circular"`, the image
            continued over its edges; see `CircularPadding`.
        biases: Boolean. Whether it has them.

    Returns:
        Keras tensor `(batch, height, width, filters)`.
    """
    if padding == "circular":
        x = CircularPadding(kernel_size, name=f"{name}_padding")(x)
        padding = "valid"
    return layers.Conv2D(
        filters, kernel_size, padding=padding, use_bias=biases, name=name
    )(x)
