"""Ours, the published process column by column, and `tf.linalg.qr`."""

import functools

import numpy as np
import tensorflow as tf

from benchmarks.workers.orthogonal_kernels import kernel_and_upstream, repeated
from dlgn_tf.layers import orthogonalization


def job(way, filters, inputs, gradient):
    """With `way` one of `WAYS`, and `gradient` 0 or 1, as graphs."""
    kernel, upstream = kernel_and_upstream(int(filters), int(inputs))
    kernel, function = tf.constant(kernel), WAYS[way]

    @tf.function
    def run(matrix):
        if not int(gradient):
            return function(matrix)
        with tf.GradientTape() as tape:
            tape.watch(matrix)
            value = function(matrix)
        return tape.gradient(value, matrix, upstream)

    size = float(tf.reduce_sum(tf.abs(run(kernel))))
    told = {"same": {"sum of magnitudes": size}}
    if way == "ours":
        told["note"] = _error(kernel)
    return repeated(lambda: run(kernel).numpy(), told)


def _error(kernel):
    found = orthogonalization.gram_schmidt(kernel).numpy().astype("float64")
    error = np.abs(found.T @ found - np.eye(found.shape[1])).max()
    return f"largest |Q'Q - I| {error:.1e}"


def _qr(matrix):
    q, r = tf.linalg.qr(matrix)
    return q * tf.linalg.diag_part(r)


WAYS = {
    "ours": functools.partial(orthogonalization.gram_schmidt, scale="residual"),
    "loop": orthogonalization.gram_schmidt_loop,
    "qr": _qr,
}
