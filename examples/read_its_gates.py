"""Read its gates.

Every gate of a DLGN is a function of <T, x> + b with one template T for all
images. Drawn are the templates of the last gate site at its centre: an image
that looks like red turns the gate on, one that looks like blue turns it off.
"""

import numpy as np

from dlgn_tf.data import sources
from dlgn_tf.inspection import pictures
from dlgn_tf.inspection import templates
from dlgn_tf.training import runs

model, config, step = runs.load_run("runs/tour")
train, test = sources.load("digits")

site = model.site_names[-1]
found = templates.templates(model, site, positions="center")

# The template is the gate, for every image.
row, column = found.positions[0]
predicted = np.tensordot(test.images, found.weights, ([1, 2, 3], [1, 2, 3]))
asked = np.asarray(model.preactivations(test.images)[site])[:, row, column]
error = np.abs(predicted + found.offsets - asked).max() / np.abs(asked).max()
print(f"{len(found.weights)} templates, largest relative error {error:.0e}")

figure = pictures.tiles(
    pictures.as_colours(found.weights),
    [f"channel {channel}" for channel in found.channels],
)
figure.savefig("runs/tour/templates.png")
