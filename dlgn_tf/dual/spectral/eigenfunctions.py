"""Eigenfunctions of the neural path kernel beside Fourier modes."""

import typing

import numpy as np
from numpy import ndarray as Array
from sklearn.kernel_ridge import KernelRidge

from dlgn_tf import factorizations
from dlgn_tf.dual import kernels
from dlgn_tf.dual.spectral import fourier
from dlgn_tf.dual.spectral.training import Network

# In units of the mean eigenvalue.
_RIDGE = 1e-3


class Eigenfunctions(typing.NamedTuple):
    """The leading ones of a kernel on a grid of n points.

    Attributes:
        values: Eigenvalues over the trace, `(count,)`, descending.
        functions: Array `(n, count)` of mean square 1.
    """

    values: Array
    functions: Array

    @property
    def overlaps(self) -> Array:
        """How much of each lies in each band of frequency, `(count, bands)`.

        Rows add up to 1.
        """
        return fourier.band_power(self.functions).T

    def captured(self, target: Array) -> Array:
        """The share of a function's power `(n,)` in the first 1, 2, ...

        Ascending from 0 to 1 at most, `(count,)`.
        """
        parts = self.functions.T @ target / len(target)
        return np.cumsum(parts**2) / np.mean(target**2)


def eigenfunctions(kernel: Array, count: int) -> Eigenfunctions:
    """The `count` leading ones of a kernel `(n, n)`."""
    values, vectors = factorizations.eigh(kernel)
    order = slice(-1, -count - 1, -1)
    return Eigenfunctions(
        values[order] / np.trace(kernel),
        vectors[:, order] * len(kernel) ** 0.5,
    )


def path_kernel(
    network: Network, at: Array, others: Array | None = None
) -> Array:
    """The neural path kernel of points `(n, 2)` and others, or of these alone.

    The value network has no biases, so that this is the kernel of all its
    paths; see `dlgn_tf.dual.kernels.fully_connected`.
    """
    sees_ones = network.form.value_input == "ones"

    def seen(points):
        return np.ones_like(points) if sees_ones else points

    if others is None:
        return kernels.fully_connected(network.gates(at), seen(at))
    return kernels.fully_connected(
        network.gates(at), seen(at), network.gates(others), seen(others)
    )


def regression(
    network: Network, train: Array, targets: Array, test: Array
) -> Array:
    """Kernel ridge regression with the path kernel.

    Args:
        network: Whose gates make the kernel.
        train: Points `(n, 2)`.
        targets: Array `(n,)`.
        test: Points `(m, 2)`.

    Returns:
        Array `(m,)`.
    """
    kernel = path_kernel(network, train)
    ridge = _RIDGE * np.trace(kernel) / len(kernel)
    fitted = KernelRidge(alpha=ridge, kernel="precomputed").fit(kernel, targets)
    return fitted.predict(path_kernel(network, test, train))
