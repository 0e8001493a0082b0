"""What drawings of the plane share: a grid of points, cells, their borders."""

import numpy as np


class Grid:
    """Points of a square of the plane, row by row.

    It is [-extent, extent] in both coordinates, of `resolution` points a side.
    """

    def __init__(self, extent, resolution=300):
        self.extent, self.resolution = extent, resolution
        at = np.linspace(-extent, extent, resolution)
        x, y = np.meshgrid(at, at)
        self.points = np.stack([x.ravel(), y.ravel()], axis=1)

    def image(self, values):
        """Values at the points as an image, the first row below."""
        return np.reshape(values, (self.resolution, self.resolution))

    def show(self, axes, values, **options):
        """Draws values; returns what a colour bar takes."""
        square = (-self.extent, self.extent) * 2
        axes.set_xticks([])
        axes.set_yticks([])
        return axes.imshow(
            self.image(values),
            origin="lower",
            extent=square,
            aspect="equal",
            **options,
        )

    def borders(self, axes, cells, **options):
        """Draws lines between pixels of different cells."""
        at = np.linspace(-self.extent, self.extent, self.resolution)
        marked = changes(self.image(cells)).astype(float)
        axes.contourf(at, at, marked, levels=[0.5, 1.5], **options)


def changes(cells):
    """Where a pixel's right or upper neighbour is of another cell, booleans."""
    different = np.zeros(cells.shape, bool)
    different[:, :-1] |= cells[:, 1:] != cells[:, :-1]
    different[:-1] |= cells[1:] != cells[:-1]
    return different


def cell_numbers(regions):
    """Numbers the different rows of an array, in the order of their size.

    Of integers `(points, units)`: integers `(points,)`, 0 for the most
    frequent row, and the share of the points of each.
    """
    _, inverse, counts = np.unique(
        regions, axis=0, return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse.ravel()], counts[order] / len(regions)


def cell_colors(cells):
    """A colour in [0, 1] for each cell's number, neighbours mostly unlike."""
    drawn = np.random.default_rng(0).permutation(cells.max() + 1)
    return drawn[cells] / max(len(drawn) - 1, 1)
