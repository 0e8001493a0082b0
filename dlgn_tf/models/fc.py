"""Fully connected networks."""

from keras import layers

from dlgn_tf.models.head import logits


def fc(x, site, classes, depth, width, biases):
    """Flattened image -> (depth - 1) dense layers with gates -> logits.

    Hidden layers are `width` wide, and have biases or not.

    Source: the FC network of the neural path kernel paper (arXiv 2006.10529).
    """
    h = layers.Flatten(name="flatten")(x)
    for index in range(1, depth):
        name = f"dense{index}"
        h = site(layers.Dense(width, use_bias=biases, name=name)(h), name)
    return logits(h, classes, biases)
