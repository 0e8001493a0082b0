"""TensorFlow graphs of functions that belong to one object each."""

import functools

import keras


def graph_of(function, **options):
    """Makes a `tf.function` whose traces TensorFlow counts by themselves.

    TensorFlow warns of a Python function that is traced often, and counts by
    its code: the same code over a new network, as where a caller goes through
    many, would look to it like one function that is traced again and again. A
    partial function has no code of its own.
    """
    import tensorflow as tf

    return tf.function(functools.partial(function), **options)


def compiled(function):
    """The function of tensors, compiled where that pays.

    JAX compiles a network of 110 layers for longer than it then computes, and
    so runs it operation by operation.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    return graph_of(function, autograph=False)
