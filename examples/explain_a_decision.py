"""Explain a decision.

A ResNet-20 comes with the package, trained on the photographs of CIFAR-10. It
is shown a truck that we draw here. Given the ReLUs that this picture switches
on, the network is linear: the lead of one class over another is *exactly* the
sum of what each pixel adds and of what the biases add, and not an estimate.
(It is an ordinary ReLU network, the one of the two that is right more often;
`preset:resnet20_dlgn_cifar10` is the DLGN, and takes the same lines.)

Here nine tenths of the lead come from biases and not from pixels. They are the
shifts of batch normalisation, which reach the class through the gates that this
picture opened: `found.biases` has them by layer. So the map says how the lead
changes with a pixel while the gates stay as they are. It does not say what
opened the gates, and it is no picture of the whole reason. With
`site=model.site_names[-1]` the same call says what each unit of the last gate
site adds, and of the biases only that of the last layer is left.

Blue pixels speak for the class that the network says, orange ones against it.
Single pixels say little to the eye, so the same sum is drawn over squares too.
At the end are the gates before the last layer on which the lead depends most:
what the network would say if that gate alone were on the other side.
`python -m dlgn_tf.explain` makes a page of this and more of any run.
"""

import pathlib

import numpy as np
from PIL import Image, ImageDraw

import dlgn_tf
from dlgn_tf.data import catalog
from dlgn_tf.inspection import flips

FOLDER = pathlib.Path("runs/one_decision")

picture = Image.new("RGB", (128, 128), (190, 205, 220))
draw = ImageDraw.Draw(picture)
draw.rectangle((0, 96, 128, 128), fill=(110, 110, 110))
draw.rectangle((14, 36, 84, 92), fill=(230, 230, 225))
draw.rectangle((86, 54, 116, 92), fill=(190, 40, 40))
draw.rectangle((96, 60, 112, 74), fill=(60, 80, 100))
for x in (32, 66, 102):
    draw.ellipse((x - 10, 86, x + 10, 106), fill=(25, 25, 25))
image = np.asarray(picture.resize((32, 32), Image.LANCZOS))

model = dlgn_tf.load_model("preset:resnet20_dnn_cifar10")
names = catalog.get("cifar10").names
first, second = np.argsort(-np.asarray(model(image[None]))[0])[:2]

found = dlgn_tf.explain(model, image[None], first, against=second)
print(f"{names[first]} is ahead of {names[second]} by {found.logits[0]:.3f}")
print(f"pixels add {found.maps.sum():+.3f}, biases {found.bias[0]:+.3f}")
print(f"the sum is off by {abs(found.total - found.logits)[0]:.0e}")

last = model.site_names[-1]
for flip in flips.GateFlips(model, [last]).strongest(image, first, second, 3):
    lead = flip.after[first] - flip.after[second]
    print(f"gate {flip.unit} of {last} flipped: the lead is {lead:.3f}")

FOLDER.mkdir(parents=True, exist_ok=True)
figure = found.plot(0, names)
figure.savefig(FOLDER / "decision.png")
