"""smaso.4: the selections are what maximises the objective.

By concavity the best point of a grid is next to the optimum where there are two
regions. Where there are three, curvatures differ between directions, and the
best point of the grid need not be the nearest: it lies up to two steps away.
"""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.splines import selection

BETAS = (0.05, 0.25, 0.5, 0.75, 0.95)
STEP = 1 / 400
DRAWS = 20
STEPS = "steps to the best grid point"


def simplex(regions):
    """All points of the simplex whose coordinates are multiples of `STEP`.

    Of 2 or 3 regions: array `(points, regions)`.
    """
    steps = round(1 / STEP)
    if regions == 2:
        first = np.arange(steps + 1)
        return np.stack([first, steps - first], axis=1) * STEP
    first, second = np.mgrid[: steps + 1, : steps + 1]
    inside = first + second <= steps
    first, second = first[inside], second[inside]
    return np.stack([first, second, steps - first - second], axis=1) * STEP


def measure(rng):
    return {
        **by_figure({f"{n} regions": _compare(n, rng) for n in (2, 3)}),
        "softmax(beta v)": {STEPS: {"3 regions": control_distance(rng)}},
        "betas": BETAS,
        "points of 3 regions": len(simplex(3)),
    }


def _compare(regions, rng):
    """The figures of `compare`, each of all draws."""
    grid = simplex(regions)
    entropy = selection.entropy(grid)
    found = []
    for beta in BETAS:
        for _ in range(DRAWS):
            scores = 2 * rng.normal(size=regions)
            weights = selection.beta_vq(scores, beta)
            found.append(compare(grid, entropy, scores, beta, weights))
    steps, excess, error = np.transpose(found)
    return {STEPS: steps, "its excess": excess, "error of the value": error}


def compare(grid, entropy, scores, beta, weights):
    """Steps to the grid's best point, its excess, error of the value."""
    values = beta * grid @ scores + (1 - beta) * entropy
    best = np.argmax(values)
    reached = selection.objective(weights, scores, beta)
    return (
        np.abs(grid[best] - weights).max() / STEP,
        values[best] - reached,
        abs(reached - selection.optimum(scores, beta)),
    )


def control_distance(rng):
    """Median number of steps if eta were beta."""
    grid, beta = simplex(3), 0.95
    entropy = selection.entropy(grid)
    steps = []
    for _ in range(DRAWS):
        scores = 2 * rng.normal(size=3)
        wrong = selection.soft_vq(beta * scores)
        steps.append(compare(grid, entropy, scores, beta, wrong)[0])
    return float(np.median(steps))
