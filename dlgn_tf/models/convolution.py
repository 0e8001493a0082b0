"""Convolutions under a name."""

from keras import layers

from dlgn_tf.layers import ApodizedConv2D, CircularPadding

POOLING = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}


def convolution(
    x, filters, kernel_size, name, padding="same", biases=True, apodized=False
):
    """A convolution of stride 1, perhaps of windowed filters, see `Apodized`.

    Its padding is `"same"`, zeros around the image, or `"circular"`, the image
    continued over its edges; see `CircularPadding`.
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
