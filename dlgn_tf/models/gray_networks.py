"""plaincnn and mlp: two-layer networks that see images in grey.

Source: the tutorial of "A Rainbow in Deep Network Black Boxes" (arXiv
2305.18512). That it has no normalisation is as published; `norm="post"` is as
in its ResNets.
"""

from keras import layers

from dlgn_tf.layers import Grayscale
from dlgn_tf.models.head import logits
from dlgn_tf.models.standardization import standardize, uniform_weights


def plaincnn(x, site, classes, width, norm, grayscale):
    """Two convolutions 5x5 of stride 2 without padding, flattened, dense.

    Args:
        width: Integer. Filters of the first convolution, half of those of the
            second.
        norm: `"none"`, or `"post"`: every channel is standardised behind its
            gate.
        grayscale: Boolean. Whether colours become grey first.
    """
    h = _seen(x, grayscale)
    for index in (1, 2):
        name = f"conv{index}"
        h = layers.Conv2D(
            index * width,
            5,
            strides=2,
            use_bias=False,
            kernel_initializer=uniform_weights(),
            name=name,
        )(h)
        h = _normalized(site(h, name), name, norm)
    h = layers.Flatten(name="flatten")(h)
    return logits(h, classes, False, uniform_weights())


def mlp(x, site, classes, width, norm, grayscale, biases):
    """Two hidden layers, the first `width` wide, the second half as wide.

    Args:
        biases: Boolean. Whether layers have biases; as published they have
            none. Other options are those of `plaincnn`.
    """
    h = _seen(x, grayscale)
    h = layers.Flatten(name="flatten")(h)
    for index, units in enumerate((width, max(width // 2, 1)), start=1):
        name = f"dense{index}"
        h = layers.Dense(
            units,
            use_bias=biases,
            kernel_initializer=uniform_weights(),
            name=name,
        )(h)
        h = _normalized(site(h, name), name, norm)
    return logits(h, classes, biases, uniform_weights())


def _seen(x, grayscale):
    # The columns of a vector, an image of one pixel, are no colours.
    vector = tuple(x.shape[1:3]) == (1, 1)
    return Grayscale(name="gray")(x) if grayscale and not vector else x


def _normalized(h, name, norm):
    return standardize(h, name) if norm == "post" else h
