"""Targets of one frequency on the square [-1, 1]^2, and how they are missed."""

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator


def points(count: int, rng: Generator) -> Array:
    """So many points `(count, 2)`, uniform in the square."""
    return rng.uniform(-1, 1, (count, 2))


def target(at: Array, frequency: int) -> Array:
    """2 sin(pi k u) cos(pi k v) of points `(n, 2)`, an array `(n,)`.

    Its mean over the square is 0 and its variance 1.
    """
    u, v = np.pi * frequency * np.asarray(at, float).T
    return 2 * np.sin(u) * np.cos(v)


def share_unexplained(outputs: Array, targets: Array) -> float:
    """Mean squared error over the variance of the targets, both `(n,)`.

    0 of the target itself, 1 of its mean, more than 1 of what is worse.
    """
    return float(np.mean((outputs - targets) ** 2) / np.var(targets))


def least_share_along_rays(
    frequency: int, degree: int, radii: int = 256, angles: int = 4096
) -> float:
    """What no function r^degree g(angle) can explain of a target.

    Of degree 0 are functions that are constant along rays from the centre, as
    a network is whose gating network has no biases, whose gates are hard and
    whose values see a constant; of degree 1 those that grow in proportion, as
    the same network's whose values see the point.

    The best g is the projection along each ray, with the weight r dr of the
    plane. Integrals are Gauss-Legendre sums along rays and sums over
    equidistant angles.

    Args:
        frequency: Integer k >= 1.
        degree: Integer >= 0.
        radii: Integer, points along a ray.
        angles: Integer, rays.

    Returns:
        Float in [0, 1], a share of the variance.
    """
    nodes, weights = np.polynomial.legendre.leggauss(radii)
    angle = 2 * np.pi * (np.arange(angles) + 0.5) / angles
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    end = 1 / np.abs(direction).max(axis=1)
    r = end[:, None] * (nodes + 1) / 2
    area = end[:, None] * weights / 2 * r
    f = target((r[..., None] * direction[:, None]).reshape(-1, 2), frequency)
    f = f.reshape(r.shape)
    overlap = np.sum(area * f * r**degree, axis=1)
    norm = np.sum(area * r ** (2 * degree), axis=1)
    return float(1 - np.sum(overlap**2 / norm) / np.sum(area * f**2))
