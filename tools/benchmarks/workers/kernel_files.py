"""A network's weights and images in a file, and what is told of a kernel."""

import numpy as np


def read(path):
    """Images as stored, and kernels and biases by turns, as Keras has them."""
    with np.load(path) as file:
        count = len(file.files) - 1
        return file["images"], [file[f"weight_{k}"] for k in range(count)]


def write(path, images, weights):
    named = {f"weight_{k}": each for k, each in enumerate(weights)}
    np.savez(path, images=images, **named)


def layers(weights):
    """Pairs of kernel and bias."""
    return list(zip(weights[::2], weights[1::2], strict=True))


def told(kernel):
    """Of a kernel `(n, n)`: a turn makes one; sides must find the same."""
    kernel = kernel.astype("float64")
    same = {"trace": float(np.trace(kernel)), "sum": float(kernel.sum())}
    return {"amount": 1, "same": same}
