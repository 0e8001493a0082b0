"""The tangent kernel by neural-tangents, compiled, of networks in JAX."""

import jax
import neural_tangents as nt
import numpy as np
from jax import numpy as jnp

from benchmarks.workers.kernel_files import layers, read, told


def job(path, architecture, implementation):
    """With `implementation` a name of `nt.NtkImplementation`."""
    images, weights = read(path)
    pixels = jnp.asarray(images / 255, "float32")
    parameters = [tuple(map(jnp.asarray, each)) for each in layers(weights)]
    network = NETWORKS[architecture]

    def summed(parameters, x):
        return network(parameters, x).sum(1, keepdims=True)

    kernel = jax.jit(
        nt.empirical_ntk_fn(
            summed,
            trace_axes=(),
            vmap_axes=0,
            implementation=nt.NtkImplementation[implementation],
        )
    )

    def turn():
        found = np.asarray(kernel(pixels, None, parameters))
        return told(found.reshape(len(pixels), len(pixels)))

    return turn


def _fc(parameters, x):
    *hidden, (kernel, bias) = parameters
    x = x.reshape(len(x), -1)
    for each, shift in hidden:
        x = jax.nn.relu(x @ each + shift)
    return x @ kernel + bias


def _c4gap(parameters, x):
    *hidden, (kernel, bias) = parameters
    for each, shift in hidden:
        x = jax.lax.conv_general_dilated(
            x,
            each,
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        x = jax.nn.relu(x + shift)
    return x.mean((1, 2)) @ kernel + bias


NETWORKS = {"fc": _fc, "c4gap": _c4gap}
