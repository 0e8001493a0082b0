"""The last layer, which has no gate."""

import keras


def logits(h, classes, biases=True, initializer="glorot_uniform"):
    """A dense layer `(batch, features) -> (batch, classes)`.

    Under a mixed policy it computes in float32: a softmax over 16-bit logits
    loses the small probabilities.
    """
    half = keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16")
    return keras.layers.Dense(
        classes,
        use_bias=biases,
        kernel_initializer=initializer,
        name="logits",
        dtype="float32" if half else None,
    )(h)
