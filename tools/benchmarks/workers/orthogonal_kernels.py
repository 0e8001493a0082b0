"""Kernels that are made orthogonal, and how often it is done in a turn."""

import time

import numpy as np

# A turn is long enough for the machine to be at its pace, and not much longer.
_SECONDS, _MOST_CALLS = 0.3, 20


def kernel_and_upstream(filters, inputs):
    """float32 `(inputs, filters)`, as Glorot's initialisation, and a gradient.

    The same in each process.
    """
    rng = np.random.default_rng(0)
    limit = (6 / (inputs + filters)) ** 0.5
    kernel = rng.uniform(-limit, limit, (inputs, filters))
    upstream = rng.normal(size=(inputs, filters))
    return kernel.astype("float32"), upstream.astype("float32")


def repeated(call, told):
    """A turn that calls several times, and tells how often beside `told`."""
    call()
    began = time.perf_counter()
    call()
    once = time.perf_counter() - began
    calls = max(1, min(_MOST_CALLS, int(_SECONDS / once)))

    def turn():
        for _ in range(calls):
            call()
        return {"amount": calls, **told}

    return turn
