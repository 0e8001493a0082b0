"""DLGNs of one frequency whose weights are written down and not learned.

The target is a product of a function of u and one of v. Two gated layers of n
half-spaces each make the product of two functions that are constant on n
intervals: gates of the first are open where u is beyond a threshold, those of
the second where v is, and the value network sees ones and adds up steps,

    sum_j b_j 1{v > t_j} sum_i a_i 1{u > t_i}.

As n grows that comes as near to the target as one likes, in the DLGN and with
shallow features alike. Without the biases of the gating network all thresholds
are 0.
"""

import numpy as np

from dlgn_tf.dual.spectral.training import Network
from dlgn_tf.tabular.networks import Form, Weights

FAMILIES = ("dlgn", "dlgn_sf")


def product_of_steps(
    frequency: int, width: int, family: str = "dlgn", offsets: bool = True
) -> Network:
    """The network of `width` units a layer, with hard gates.

    One unit of the first layer is not used by the values: it brings v to the
    second layer of a DLGN.

    Args:
        frequency: Integer k >= 1.
        width: Integer >= 2.
        family: One of `FAMILIES`.
        offsets: Boolean. Whether the gating network has its biases.
    """
    form = Form(family, 2, (width, width), biases=True)
    n = width - 1
    edges = np.linspace(-1, 1, width)
    # A threshold at the edge of the square is open everywhere.
    offset = -edges[:-1] if offsets else np.zeros(n)
    first = np.zeros((2, width)), np.zeros(width)
    first[0][0, :n] = 1
    first[0][1, n] = 1
    first[1][:n] = offset
    carrier = n if family == "dlgn" else 1
    second = np.zeros((width if family == "dlgn" else 2, width)), first[1]
    second[0][carrier, :n] = 1
    means = interval_means(edges, frequency)
    steps = [np.append(np.diff(of_factor, prepend=0), 0) for of_factor in means]
    from_ones = np.zeros((2, width))
    from_ones[0, :n] = 1
    value = [(from_ones,), (np.outer(steps[0], np.ones(width)),)]
    weights = Weights([first, second], [*value, (steps[1][:, None],)])
    return Network(form, weights.astype("float32")).hardened


def interval_means(edges: np.ndarray, frequency: int) -> tuple:
    """Means of 2 sin(pi k u) and of cos(pi k v) between edges `(n + 1,)`."""
    at = np.pi * frequency * edges
    length = np.diff(at)
    return -2 * np.diff(np.cos(at)) / length, np.diff(np.sin(at)) / length


def share_unexplained(frequency: int, width: int) -> float:
    """What such a network leaves unexplained: 1 - sinc(k / n)^4, n = width - 1.

    sinc(x) = sin(pi x) / (pi x); where 2 k is no multiple of n. The mean over
    an interval of length h is what is at its middle times sinc(k h / 2).
    """
    return float(1 - np.sinc(frequency / (width - 1)) ** 4)
