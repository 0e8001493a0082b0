"""smaso.4: the selections are what maximises the objective.

By concavity the best point of a grid is next to the optimum where there are two
regions. Where there are three, curvatures differ between directions, and the
best point of the grid need not be the nearest: it lies up to two steps away.
"""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.splines import selection

BETAS = (0.05, 0.25, 0.5, 0.75, 0.95)
STEP = 1 / 400
# In steps, by the number of regions.
NEAR = {2: 1, 3: 2}
# More than this of the grid's best value above the optimum is no rounding.
EXCESS = 1e-12
VALUE = 1e-9
DRAWS = 20


def simplex(regions):
    """All points of the simplex whose coordinates are multiples of `STEP`.

    Args:
        regions: 2 or 3.

    Returns:
        Array `(points, regions)`.
    """
    steps = round(1 / STEP)
    if regions == 2:
        first = np.arange(steps + 1)
        return np.stack([first, steps - first], axis=1) * STEP
    first, second = np.mgrid[: steps + 1, : steps + 1]
    inside = first + second <= steps
    first, second = first[inside], second[inside]
    return np.stack([first, second, steps - first - second], axis=1) * STEP


def measure(rng, closed_form=selection.beta_vq):
    found = {regions: _compare(regions, closed_form, rng) for regions in NEAR}
    control = control_distance(rng)
    excess, value = (
        max(figures[index] for figures in found.values()) for index in (1, 2)
    )
    steps = {regions: figures[0] / STEP for regions, figures in found.items()}
    return Measurement(
        holds=verdict(steps, excess, value, control),
        measured=(
            f"best grid point {steps[2]:.2f} steps (R = 2) and {steps[3]:.2f} "
            f"(R = 3, {len(simplex(3)):,} points) from the closed form, above "
            f"it by {excess:.1g}; value {value:.1g} from (1 - beta) logsumexp("
            f"eta v); softmax(beta v) instead: {control / STEP:.0f} steps"
        ),
        values={
            "steps": steps,
            "excess": excess,
            "value": value,
            "control": control,
        },
    )


def _compare(regions, closed_form, rng):
    """The largest of each figure of `compare`."""
    grid = simplex(regions)
    entropy = selection.entropy(grid)
    found = []
    for beta in BETAS:
        for _ in range(DRAWS):
            scores = 2 * rng.normal(size=regions)
            weights = closed_form(scores, beta)
            found.append(compare(grid, entropy, scores, beta, weights))
    return np.max(found, axis=0).tolist()


def compare(grid, entropy, scores, beta, weights):
    """Distance of the grid's best point, its excess, error of the value."""
    values = beta * grid @ scores + (1 - beta) * entropy
    best = np.argmax(values)
    reached = selection.objective(weights, scores, beta)
    return (
        np.abs(grid[best] - weights).max(),
        values[best] - reached,
        abs(reached - selection.optimum(scores, beta)),
    )


def verdict(steps, excess, value, control):
    """Whether the claim holds.

    Args:
        steps: Dict from the number of regions to a distance in steps.
        excess: Float, of the grid's best value over the closed form's.
        value: Float, error of the optimum's value.
        control: Distance with another closed form.
    """
    near = all(steps[regions] <= NEAR[regions] for regions in steps)
    away = control > max(NEAR.values()) * STEP
    return bool(near and excess <= EXCESS and value <= VALUE and away)


def control_distance(rng):
    """Median distance if eta were beta."""
    grid, beta = simplex(3), 0.95
    entropy = selection.entropy(grid)
    distances = []
    for _ in range(DRAWS):
        scores = 2 * rng.normal(size=3)
        wrong = selection.soft_vq(beta * scores)
        distances.append(compare(grid, entropy, scores, beta, wrong)[0])
    return float(np.median(distances))
