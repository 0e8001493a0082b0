"""Convolutions under a name."""

from keras import layers

from dlgn_tf.layers import ApodizedConv2D, CircularPadding

POOLING = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}


def convolution(
    x,
    filters,
    kernel_size,
    name,
    padding="same",
    biases=True,
    apodized=False,
    **options,
):
    """A convolution, perhaps of windowed filters, see `Apodized`.

    Its padding is `"valid"`, none; `"same"`, zeros around the image; or
    `"circular"`, the image continued over its edges, see `CircularPadding`.
    Further options are those of `keras.layers.Conv2D`.
    """
    if padding == "circular":
        x = CircularPadding(kernel_size, name=f"{name}_padding")(x)
        padding = "valid"
    # A window leaves a filter of one pixel as it is.
    windowed = apodized and kernel_size > 1
    layer = ApodizedConv2D if windowed else layers.Conv2D
    return layer(
        filters,
        kernel_size,
        padding=padding,
        use_bias=biases,
        name=name,
        **options,
    )(x)


def he_convolution(h, filters, kernel_size, stride, name):
    """A convolution of residual networks: no biases, weights drawn as by He.

    Source: He et al. (arXiv 1502.01852), of the initial weights.
    """
    return convolution(
        h,
        filters,
        kernel_size,
        name,
        biases=False,
        strides=stride,
        kernel_initializer="he_normal",
    )
