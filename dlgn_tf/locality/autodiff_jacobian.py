"""What automatic differentiation says of a batch normalisation layer."""

import typing

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.command import startup

if typing.TYPE_CHECKING:
    import keras

    from dlgn_tf.layers.batch_norm import BatchNorm


tf = startup.tensorflow()


def layer_gradients(layer: "BatchNorm", inputs: Array, upstream: Array) -> list:
    """Gradients through a layer in training mode.

    Args:
        layer: `BatchNorm` or another layer of its kind, built.
        inputs: Array `(..., nodes)`.
        upstream: Array of the same shape, gradient of the outputs.

    Returns:
        `(inputs, scale, shift)`, gradients as float64 arrays.
    """
    x = tf.constant(inputs, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = layer(x, training=True)
    gradients = tape.gradient(
        out,
        [x, layer.gamma.value, layer.beta.value],
        output_gradients=tf.constant(upstream, out.dtype),
    )
    return [np.asarray(g, np.float64) for g in gradients]


def layer_jacobians(layer: "keras.layers.Layer", inputs: Array) -> Array:
    """J of every node, by one backward pass an entry of the batch.

    Args:
        layer: As above.
        inputs: Array `(..., nodes)`; every place but the last axis is an
            entry of the batch.

    Returns:
        Float64 array `(nodes, entries, entries)`; row i is the gradient of
        output i.
    """
    places = int(np.prod(inputs.shape[:-1]))
    rows = []
    for place in range(places):
        upstream = np.zeros((places, inputs.shape[-1]))
        upstream[place] = 1
        gradient, _, _ = layer_gradients(
            layer, inputs, upstream.reshape(inputs.shape)
        )
        rows.append(gradient.reshape(places, -1))
    return np.array(rows).transpose(2, 0, 1)
