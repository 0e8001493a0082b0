"""What only the backend can do: compile, and derivatives in float64."""

import itertools

import keras
import numpy as np

from dlgn_tf.errors import UserError
from dlgn_tf.layers.precision import double_precision as double_precision
from dlgn_tf.models.graphs import compiled as compiled
from dlgn_tf.models.graphs import graph_of

_BACKEND = keras.backend.backend()
# Calls that are made without a graph: making it takes as long as several.
_UNTRACED = 2


def gradients(function):
    """Derivatives of the sum of what a function returns, compiled if it pays.

    A function of the same arguments: the derivatives in the first of them, a
    tensor or a nest of tensors; 0 where nothing depends on one. TensorFlow
    compiles it where it is called more than a few times. A `UserError` on a
    backend other than TensorFlow and JAX.
    """
    if _BACKEND == "tensorflow":
        return _tensorflow_gradients(function)
    if _BACKEND == "jax":
        import jax

        return jax.grad(lambda *given: jax.numpy.sum(function(*given)))
    raise _no_derivatives()


def pullback(function):
    """Vector-Jacobian products of a function of batches, at single images.

    Of an affine function TensorFlow's graph keeps nothing but the transposed
    layers: neither a forward pass nor its activations. It is made once for each
    number of rows. A few products are computed sooner without a graph. Rows of
    what the function takes must not depend on one another.

    Returns:
        Function of a float64 array `(height, width, channels)`, the image, of a
        number of rows, and of whether a graph is made. It returns a function of
        float64 arrays `(rows, ...)` of the shape of the function's output,
        which returns arrays `(rows, height, width, channels)`.

    Raises:
        UserError: on a backend other than TensorFlow and JAX.
    """
    if _BACKEND == "tensorflow":
        return _tensorflow_pullback(function)
    if _BACKEND == "jax":
        return _jax_pullback(function)
    raise _no_derivatives()


def _no_derivatives():
    return UserError(
        "Expected KERAS_BACKEND=tensorflow or jax for derivatives. Received: "
        f"KERAS_BACKEND={_BACKEND}"
    )


def _tensorflow_gradients(function):
    import tensorflow as tf

    def derivatives(variables, *others):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            total = tf.reduce_sum(function(variables, *others))
        return tape.gradient(
            total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    traced = graph_of(derivatives, autograph=False, reduce_retracing=True)
    calls = itertools.count(1)

    def first_untraced(*given):
        call = derivatives if next(calls) <= _UNTRACED else traced
        return call(*keras.tree.map_structure(tf.convert_to_tensor, given))

    return first_untraced


def _tensorflow_pullback(function):
    import tensorflow as tf

    def products(image, cotangents):
        # Static shapes, without which the graph would need the forward pass.
        batch = tf.broadcast_to(image, (cotangents.shape[0], *image.shape))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)
            outputs = function(batch)
        return tape.gradient(
            outputs,
            batch,
            output_gradients=cotangents,
            unconnected_gradients="zero",
        )

    pull = graph_of(products, autograph=False)

    def at(image, rows, traced):
        del rows
        one, call = tf.constant(image), pull if traced else products
        return lambda cotangents: call(one, tf.constant(cotangents)).numpy()

    return at


def _jax_pullback(function):
    import jax

    def at(image, rows, traced):
        del traced
        images = np.broadcast_to(image, (rows, *image.shape))
        _, pull = jax.vjp(function, jax.numpy.asarray(images))
        return lambda cotangents: np.asarray(
            pull(jax.numpy.asarray(cotangents))[0]
        )

    return at
