"""What a covariance costs, known before it is computed."""

import math

from dlgn_tf.dual.plan import Plan
from dlgn_tf.dual.terms import CONSTANT

# Numbers of a covariance that are worked on at a time: 2 MiB in float64, which
# a processor's cache holds.
_NUMBERS = 2**18


def operations(plan: Plan) -> int:
    """Multiplications and additions of matrix products for a pair of images."""
    total = 0
    for layer in plan.layers:
        positions = math.prod(layer.space) if layer.window is None else 1
        for pair in layer.pairs:
            low, high = pair.left.channels
            sites = _sites(pair.left, layer) * _sites(pair.right, layer)
            total += 2 * (high - low) * sites // positions
    return total


def most_images(plan: Plan) -> int:
    """How many rows and columns of a kernel a processor's cache holds."""
    largest = max(math.prod(x.space) ** 2 for x in plan.layers)
    return max(1, math.isqrt(_NUMBERS // largest))


def _sites(term, layer):
    return term.slots * math.prod(layer.space)


def numbers_held(plan: Plan) -> tuple[int, int]:
    """Numbers that a pair of images takes, and those that an image takes."""
    sizes, alive, most, images = {(CONSTANT,): 0}, set(), 0, 0
    # Kept for the next layer, as large as the largest.
    products = totals = between = 0
    for step in plan.steps:
        layer = step.layer
        for first, rest in step.sums:
            bases = (*first, *rest)
            sizes[bases] = sizes[first]
            alive.add(bases)
        flat = layer.window is None
        positions, leaving = math.prod(layer.space), math.prod(layer.after) ** 2
        sites = [
            (_sites(x.left, layer), _sites(x.right, layer)) for x in layer.pairs
        ]
        work = [3 * positions for _ in sites if flat]
        if not flat:
            products = max(products, *(2 * a * b for a, b in sites))
            totals = max(totals, positions**2)
            between = max(between, (layer.after[0] * layer.space[1]) ** 2)
            # A copy at other positions, and sums over sites.
            work = [
                (a * b + a * positions if x.moves else 0)
                + (positions * b + positions**2 if a * b > positions**2 else 0)
                for x, (a, b) in zip(layer.pairs, sites, strict=True)
            ]
        held = sum(sizes[x] for x in alive)
        most = max(most, held + max(work, default=0) + leaving)
        masks = [
            a * (x.left.channels[1] - x.left.channels[0])
            for x, (a, _) in zip(layer.pairs, sites, strict=True)
        ]
        images = max(images, 3 * sum(masks))
        sizes[(layer.base,)] = leaving
        alive.add((layer.base,))
        alive -= step.gone
    kept = products + totals + between
    return most + kept, images + sum(map(math.prod, plan.shapes.values()))
