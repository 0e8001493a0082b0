"""Convolutions under a name."""

from keras import layers

from dlgn_tf.layers import ApodizedConv2D, CircularPadding


def convolution(
    x, filters, kernel_size, name, padding="same", biases=True, apodized=False
):
    """A convolution of stride 1 under the name `name`.

    Args:
        x: Keras tensor `(batch, height, width, channels)`.
        filters: Integer.
        kernel_size: Integer, side of each filter.
        name: String.
        padding: `"same"`, zeros around the image, or `"circular"`, the image
            continued over its edges; see `CircularPadding`.
        biases: Boolean. Whether it has them.
        apodized: Boolean. Whether filters are windowed, see `ApodizedConv2D`.

    Returns:
        Keras tensor `(batch, height, width, filters)`.
    """
    if padding == "circular":
        x = CircularPadding(kernel_size, name=f"{name}_padding")(x)
        padding = "valid"
    layer = ApodizedConv2D if apodized else layers.Conv2D
    return layer(
        filters, kernel_size, padding=padding, use_bias=biases, name=name
    )(x)


def he_convolution(h, filters, kernel_size, stride, name):
    """A convolution of residual networks: no biases, weights drawn as by He.

    Args:
        h: Keras tensor `(batch, height, width, channels)`.
        filters: Integer.
        kernel_size: Integer, side of each filter.
        stride: Integer.
        name: String.

    Returns:
        Keras tensor `(batch, height / stride, width / stride, filters)`.

    Source: He et al. (arXiv 1502.01852), of the initial weights.
    """
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(h)
