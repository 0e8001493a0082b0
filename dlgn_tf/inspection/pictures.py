"""Drawings of the page. Matplotlib is imported when one is made."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.inspection import spectra
from dlgn_tf.output.folder import new_figure

# A template is never drawn from a smaller part of the image.
_SMALLEST_WINDOW = 7
# A map is added up over squares, about this many along each side.
SQUARES = 8
INK, _SOFT = "#1d2430", "#5b6675"
# What adds to a logit, and what subtracts from it.
ADDS, SUBTRACTS = "#1f5fa8", "#d9912b"
# The latter on white, where it must be darker to be read.
DARK = "#a8600d"
# How titles of pictures are written.
_OF_PANEL = {"fontsize": 8.5, "color": INK}
_OF_TILE = {"fontsize": 7.5, "color": _SOFT, "pad": 2}


def as_colours(weights: Array) -> Array:
    """Templates as they are shown, each to its own scale.

    `(rows, height, width, channels)` becomes `(rows, height, width, 3)` in [0,
    1]. Of one channel: blue below 0, white at 0, red above. Of three: grey at
    0, each colour brighter above it and darker below. Of others see
    `_drawable`.
    """
    from matplotlib import colormaps

    weights = _drawable(weights)
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    signed = weights / np.where(largest > 0, largest, 1)
    if weights.shape[-1] == 3:
        return 0.5 + signed / 2
    return colormaps["RdBu_r"](0.5 + signed[..., 0] / 2)[..., :3]


def _drawable(images):
    """Images of any number of channels as such of one or three.

    The entries of a vector lie row by row in a square; of four channels the
    fourth, and of others all but their mean, is not drawn.
    """
    count, height, width, channels = images.shape
    if channels in (1, 3):
        return images
    if height == width == 1:
        side = math.ceil(math.sqrt(channels))
        square = np.zeros((count, side * side), images.dtype)
        square[:, :channels] = images[:, 0, 0]
        return square.reshape(count, side, side, 1)
    if channels == 4:
        return images[..., :3]
    return images.mean(axis=-1, keepdims=True)


def window(weights: Array) -> tuple[int, int, int, int]:
    """The part of the image in which templates are not 0, as a square.

    First row and column, and one past the last of each.
    """
    boxes = spectra.support(weights)
    sizes = weights.shape[1:3]
    first, last = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    side = max(*(last - first), _SMALLEST_WINDOW)
    corners = []
    for low, high, size in zip(first, last, sizes, strict=True):
        start = min(max((low + high - side) // 2, 0), max(size - side, 0))
        corners.append((int(start), int(min(start + side, size))))
    (top, bottom), (left, right) = corners
    return top, left, bottom, right


def beside(left: Array, right: Array) -> Array:
    """Two pictures of one height with a white line between them."""
    gap = np.ones((len(left), max(1, len(left) // 8), 3))
    return np.concatenate([left, gap, right], axis=1)


def stored(image: Array) -> Array:
    """A stored image as RGB in [0, 1]; one of floats on its own scale."""
    pixels = _drawable(np.asarray(image)[None])[0].astype("float64")
    if np.asarray(image).dtype.kind == "f":
        low, high = pixels.min(), pixels.max()
        pixels = (pixels - low) / (high - low if high > low else 1)
    else:
        pixels = pixels / 255
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def draw_patch(axes: Any, image: Array, boxes: Sequence, title: str) -> None:
    """Draws a stored image with frames around boxes of it.

    A box is `(top, left, bottom, right)`, one past the last row and column;
    what is the whole image gets no frame.
    """
    from matplotlib.patches import Rectangle

    axes.imshow(stored(image), interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, **_OF_TILE)
    for top, left, bottom, right in boxes:
        if (bottom - top, right - left) != image.shape[:2]:
            corner, sides = (
                (left - 0.5, top - 0.5),
                (right - left, bottom - top),
            )
            axes.add_patch(
                Rectangle(corner, *sides, fill=False, edgecolor=SUBTRACTS)
            )


def signed(values: Array, limit: float | None = None) -> Array:
    """Numbers `(...)` as colours `(..., 3)`: blue adds, orange subtracts.

    White is 0; the largest size, or `limit`, has the full colour.
    """
    colours = _diverging()
    limit = limit or np.abs(values).max() or 1.0
    return colours(0.5 + values / limit / 2)[..., :3]


def _diverging():
    from matplotlib.colors import LinearSegmentedColormap

    ends = (DARK, "#f0b96b", "#ffffff", "#7fb0e0", ADDS)
    return LinearSegmentedColormap.from_list("signed", ends)


def draw_signed(axes: Any, values: Array, title: str, legend: Any) -> None:
    """Draws a map `(height, width)`, and into other axes a legend of colours.

    The legend has 0 in the middle.
    """
    limit = float(np.abs(values).max()) or 1.0
    shown = axes.imshow(
        values, cmap=_diverging(), vmin=-limit, vmax=limit,
        interpolation="nearest",
    )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=9.5, color=INK)
    bar = axes.figure.colorbar(shown, cax=legend)
    ends = f"{-limit:+.2g}", "0", f"{limit:+.2g}"
    bar.set_ticks([-limit, 0, limit], labels=ends)
    bar.ax.tick_params(labelsize=8.5)
    bar.set_label("takes from it   0   adds to it", fontsize=8.5)


def explained(image: Array, parts: Array, title: str) -> Any:
    """A stored image beside a map of it or of a gate site, channels added up.

    Of a large image also what its squares add, the sums of the map over them,
    and the image where they do. Of a vector, and of a dense site, the entries
    are bars.
    """
    if min(parts.shape[:-1], default=1) == 1:
        drawing = new_figure(5.2, 2.6)
        axes = drawing.subplots()
        values = parts.ravel()
        axes.bar(range(len(values)), values, color=signed(values), width=1.0)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_title(title, fontsize=9, color=INK)
        finish(axes, "entry", "adds")
        return drawing
    shown, values = stored(image), parts.sum(axis=-1)
    rows = [(shown, "the image", values, title)]
    side = min(values.shape) // SQUARES
    if side > 1 and values.shape == shown.shape[:2]:
        squares = by_squares(values, side)
        rows.append(
            (
                _lit(shown, squares, side),
                "where squares add",
                squares,
                f"the same by {side}x{side} squares",
            )
        )
    drawing = new_figure(5.2, 2.5 * len(rows))
    grid = drawing.subplots(
        len(rows), 3, width_ratios=[1, 1, 0.06], squeeze=False
    )
    for (left, right, legend), (picture, name, of_parts, said) in zip(
        grid, rows, strict=True
    ):
        left.imshow(picture, interpolation="nearest")
        left.set_axis_off()
        left.set_title(name, fontsize=9.5, color=INK)
        draw_signed(right, of_parts, said, legend)
    return drawing


def by_squares(values: Array, side: int) -> Array:
    """Sums of a map `(height, width)` over squares of `side` pixels a side."""
    starts = [range(0, length, side) for length in values.shape]
    columns = np.add.reduceat(values, starts[0], axis=0)
    return np.add.reduceat(columns, starts[1], axis=1)


def _lit(picture, squares, side):
    """A picture that is the whiter the less its squares add."""
    share = np.clip(squares / max(squares.max(), 1e-300), 0, 1)
    light = np.kron(share, np.ones((side, side)))
    light = light[: len(picture), : picture.shape[1], None]
    return light * picture + (1 - light)


def signed_tiles(
    image: Array, maps: Sequence[Array], titles: Sequence[str]
) -> Any:
    """An image and maps `(height, width)` of it, each to its own scale."""
    colours = [stored(image), *(signed(values) for values in maps)]
    drawing, axes = _panels(colours, ["the image", *titles], 3, (4.8, 1.75))
    _legend(drawing, axes, _diverging(), ["takes from it", "0", "adds to it"])
    return drawing


def looked_at(views: Sequence[Array], titles: Sequence[str], grey: bool) -> Any:
    """What gates look at, see `beside`, in rows of two.

    Args:
        views: Sequence of arrays `(height, width, 3)`.
        titles: Sequence of strings of four lines.
        grey: Boolean. Whether colours are signs, which a legend then tells.
    """
    from matplotlib import colormaps

    drawing, axes = _panels(views, titles, 2, (4.8, 1.95))
    if grey:
        ends = ["closes it", "0", "opens it"]
        _legend(drawing, axes, colormaps["RdBu_r"], ends)
    return drawing


def _panels(views, titles, columns, size, below=0.5, title=_OF_PANEL):
    """A figure of pictures in rows, and its axes.

    `size` is the width of all and the height of a row, `below` what is left
    under the last one, in inches; `title` how titles are written.
    """
    rows = -(-len(views) // columns)
    width, height = size
    drawing = new_figure(width, height * rows + below)
    axes = drawing.subplots(rows, columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, view, text in zip(axes.flat, views, titles, strict=False):
        panel.imshow(view, interpolation="nearest")
        panel.set_title(text, **title)
    return drawing, axes


def _legend(drawing, axes, colours, ends):
    """A bar of colours below all axes, with 0 in the middle."""
    from matplotlib.cm import ScalarMappable

    scale = ScalarMappable(cmap=colours)
    scale.set_clim(-1, 1)
    bar = drawing.colorbar(
        scale, ax=axes, location="bottom", aspect=40, shrink=0.7
    )
    bar.set_ticks([-1, 0, 1], labels=ends)
    bar.ax.tick_params(labelsize=8.5)


def tiles(pictures: Sequence[Array], titles: Sequence[str]) -> Any:
    """Small pictures in rows of eight, each with a line above it.

    They are `(height, width, 3)` in [0, 1].
    """
    drawing, _ = _panels(pictures, titles, 8, (9.0, 1.38), 0, _OF_TILE)
    drawing.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    return drawing


def curves(series: dict, x_label: str, y_label: str, log: bool = False) -> Any:
    """Curves `(x, y)` by label over one axis, y logarithmic where asked."""
    from matplotlib import colormaps

    drawing = new_figure(7.5, 3.2)
    axes = drawing.subplots()
    shades = colormaps["viridis"](np.linspace(0, 0.9, len(series)))
    for (label, (x, y)), shade in zip(series.items(), shades, strict=True):
        axes.plot(x, y, color=shade, linewidth=1.4, label=label)
    axes.set_yscale("log" if log else "linear")
    finish(axes, x_label, y_label)
    if len(series) > 1:
        axes.legend(fontsize=8, frameon=False)
    return drawing


def draw_matrix(
    axes: Any,
    values: Array,
    labels: Sequence[str],
    title: str,
    colour_label: str,
) -> None:
    """Draws a square matrix `(n, n)` as colours, rows and columns labelled."""
    axes.set_title(title, fontsize=9, color=INK)
    if not np.isfinite(values).any():
        axes.text(0.5, 0.5, "too few images", ha="center", va="center")
        axes.set_axis_off()
        return
    shown = axes.imshow(values, cmap="viridis")
    axes.figure.colorbar(shown, ax=axes, shrink=0.8, label=colour_label)
    step = -(-len(labels) // 20)
    places = range(0, len(labels), step)
    names = [labels[place] for place in places]
    rotation = 90 if max(map(len, names)) > 2 else 0
    axes.set_xticks(places, names, rotation=rotation, fontsize=7)
    axes.set_yticks(places, names, fontsize=7)


def finish(axes: Any, x_label: str, y_label: str) -> None:
    """Labels and a light grid, the same in all curves."""
    axes.set_xlabel(x_label, fontsize=9)
    axes.set_ylabel(y_label, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
