"""Networks of known depth whose output is the task: Task-n."""

from collections.abc import Sequence

import keras

from dlgn_tf.errors import UserError
from dlgn_tf.models.layout import channels_last
from dlgn_tf.models.seeds import initial_weights_from


@channels_last()
def create_task(
    depth: int,
    image_shape: Sequence[int] = (32, 32, 3),
    width: int = 16,
    channels: int = 64,
    pool: int = 4,
    seed: int | None = None,
) -> keras.Model:
    """A random network, left as it is drawn, whose output is to be computed.

    A 3x3 convolution, `depth` times ReLU and 3x3 convolution, max pooling and a
    1x1 convolution, none with biases, drawn with the variance of He over the
    incoming connections. The max pooling is a nonlinearity too, so that not
    even Task-0 is linear.

    Source: the complexity paper (arXiv 2006.15920), its experiment 1.

    Args:
        depth: >= 0, the n of Task-n.
        image_shape: `(height, width, channels)`.
        width: Channels of every 3x3 convolution.
        channels: Those of the output.
        pool: Side of the pooled windows.
        seed: From which the weights follow, or None.

    Returns:
        Model that is not trainable: images `(batch, height, width, channels)`
        -> `(batch, height / pool, width / pool, channels)`.

    Raises:
        UserError: if there is no such depth, or the windows do not fit.
    """
    if depth < 0:
        raise UserError(f"Expected a depth >= 0. Received: depth={depth}")
    if image_shape[0] % pool or image_shape[1] % pool:
        raise UserError(
            f"Expected images whose sides are multiples of {pool}. Received: "
            f"{image_shape[0]}x{image_shape[1]}"
        )
    with initial_weights_from(seed):
        image = keras.Input(image_shape, name="image")
        h = _convolution(image, width, 3, "conv0")
        for index in range(1, depth + 1):
            h = keras.layers.Activation("relu", name=f"relu{index}")(h)
            h = _convolution(h, width, 3, f"conv{index}")
        h = keras.layers.MaxPooling2D(pool, name="pool")(h)
        h = _convolution(h, channels, 1, "output")
        model = keras.Model(image, h, name=f"task_{depth}")
    model.trainable = False
    return model


def _convolution(h, filters, kernel_size, name):
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, "fan_in", "untruncated_normal"
        ),
        name=name,
    )(h)
