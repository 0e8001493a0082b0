"""What is drawn of several runs."""

import numpy as np

from dlgn_tf.output import curves
from dlgn_tf.output.folder import new_figure


def test_colours_are_as_many_and_differ():
    found = curves.colours(5)
    assert len(set(found)) == 5
    # Dark to light.
    brightness = [sum(colour[:3]) for colour in found]
    assert brightness == sorted(brightness)


def test_a_band_is_the_mean_between_least_and_most():
    axes = new_figure(3, 3).subplots()
    runs = np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 5.0], [5.0, 1.0, -1.0]])
    curves.band(axes, [1, 2, 4], runs, "black", "runs")
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 4])
    np.testing.assert_allclose(line.get_ydata(), [2, 1, 2])
    assert line.get_label() == "runs"
    (shade,) = axes.collections
    corners = shade.get_paths()[0].vertices
    for x, low, high in ((1, 0, 5), (2, 1, 1), (4, -1, 5)):
        heights = corners[corners[:, 0] == x, 1]
        assert (heights.min(), heights.max()) == (low, high)
