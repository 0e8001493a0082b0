"""A feature and its components as pictures, one channel of one image.

Source: the complexity paper (arXiv 2006.15920), its figures and code: the
channel that is most often positive, blue to white to red, one range for all.
"""

import dataclasses

import numpy as np

from dlgn_tf.output.folder import new_figure

COLOURS = "seismic"
# The range is that of most of the feature's numbers (assumed: the paper has -1
# to 1, which suits its own network).
_PERCENTILE = 98


@dataclasses.dataclass(frozen=True, eq=False)
class Panels:
    """One channel of a feature of one image, taken apart.

    Attributes:
        image: `(height, width, 1 or 3)`, pixels in [0, 255].
        orders: From low to high.
        channel: Which channel is shown.
        limit: Colours go from `-limit` to `limit`.
        feature: `(height, width)`, f.
        outputs: `(orders, height, width)`, Phi.
    """

    image: np.ndarray
    orders: tuple[int, ...]
    channel: int
    limit: float
    feature: np.ndarray
    outputs: np.ndarray

    @property
    def rows(self):
        """What is shown of each order, by name: `(orders, height, width)`."""
        return {
            "c": np.diff(self.outputs, axis=0, prepend=0),
            "Phi": self.outputs,
            "f - Phi": self.feature - self.outputs,
        }


def most_active_channel(feature):
    """The channel of `(height, width, channels)` with the most positives."""
    return int(np.argmax((feature > 0).sum(axis=(0, 1))))


def panels(image, orders, feature, outputs):
    """The `Panels` of an image, of f and Phi in all channels."""
    channel = most_active_channel(feature)
    return Panels(
        image=np.asarray(image),
        orders=tuple(orders),
        channel=channel,
        limit=float(np.percentile(np.abs(feature), _PERCENTILE)) or 1.0,
        feature=feature[..., channel],
        outputs=np.asarray(outputs)[..., channel],
    )


def draw(shown, title):
    """A figure of rows of image and f, c, Phi, f - Phi; a column an order."""
    columns = max(2, len(shown.orders))
    figure = new_figure(1 + 1.7 * columns, 8)
    grid = figure.subplots(4, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    grid[0, 0].imshow(_pixels(shown.image))
    grid[0, 0].set_title("image")
    drawn = _panel(grid[0, 1], shown.feature, shown.limit, "f")
    for column, order in enumerate(shown.orders):
        for row, (name, values) in enumerate(shown.rows.items(), start=1):
            title_of = f"{name}, order {order}"
            _panel(grid[row, column], values[column], shown.limit, title_of)
    figure.colorbar(drawn, ax=grid, shrink=0.5)
    figure.suptitle(f"{title}, channel {shown.channel}")
    return figure


def rows(shown, image):
    """The numbers of the panels, one row of pixels a row of the table."""
    pictures = [("f", 0, shown.feature)]
    for name, values in shown.rows.items():
        pictures += [
            (name, order, value)
            for order, value in zip(shown.orders, values, strict=True)
        ]
    return [
        {
            "image": image,
            "channel": shown.channel,
            "limit": f"{shown.limit:.5g}",
            "panel": name,
            "order": order,
            "row": row,
            **{f"column_{k}": f"{v:.5g}" for k, v in enumerate(numbers)},
        }
        for name, order, values in pictures
        for row, numbers in enumerate(values)
    ]


def _panel(axes, values, limit, title):
    axes.set_title(title, fontsize=9)
    return axes.imshow(
        values,
        cmap=COLOURS,
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
    )


def _pixels(image):
    image = np.clip(np.asarray(image) / 255, 0, 1)
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
