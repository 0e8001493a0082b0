"""Read its gates.

What makes a ReLU of a deep layer switch depends on which ReLUs before it are
on. A gate of a DLGN has no such history: its pre-activation is `<T, x> + b` for
*every* image x, with one template T. The template is computed exactly, from the
gating network's linear layers, and compared below with what the network itself
says of all test images.

Drawn are templates of the last gate site, behind all hidden layers. An image
that looks like red turns the gate on, one that looks like blue turns it off.
`python -m dlgn_tf.inspect_model` makes a page of this and more of any run.
"""

import numpy as np
from train_a_dlgn import RUN_DIR

from dlgn_tf import data, load_run
from dlgn_tf.inspection import pictures, templates

model = load_run(RUN_DIR).model
train, test = data.load("digits")

site = model.site_names[-1]
of_site = templates.templates(model, site)

# The template is the gate, for every image.
predicted = np.tensordot(test.images, of_site.weights, ([1, 2, 3], [1, 2, 3]))
asked = np.asarray(model.preactivations(test.images)[site])
error = np.abs(predicted + of_site.offsets - asked).max() / np.abs(asked).max()
print(f"{len(of_site.weights)} templates, largest relative error {error:.0e}")

shown = slice(16)
figure = pictures.tiles(
    pictures.as_colours(of_site.weights[shown]),
    [f"unit {channel}" for channel in of_site.channels[shown]],
)
figure.savefig(f"{RUN_DIR}/templates.png")
