"""Train a DLGN on digits.

A ReLU multiplies its pre-activation by a gate that is 1 where the
pre-activation is positive and 0 elsewhere: `relu(q) = 1{q > 0} q`. A deep gated
network leaves the two factors to two networks of the same shape. The *gating
network* computes pre-activations q, and from each a gate, here the soft one
`1.1 sigmoid(4 q)`. The *value network* computes what is passed on: it has no
ReLUs, each of its units is multiplied by the gate of the same unit of the
gating network. In a deep **linearly** gated network (DLGN) the gating network
has no nonlinearity at all: every q is a linear function of the image.

The model `fc_dlgn` is fully connected: three hidden layers of 128 units (three
*gate sites*) and a linear classifier. Both networks see the image and are
trained together. `python -m dlgn_tf.train --list_models` lists what else there
is, up to ResNets; `fit` takes the flags of that command by name, and leaves
what it leaves.
"""

from dlgn_tf import data, fit
from dlgn_tf.models import accuracy

RUN_DIR = "runs/tour"

# Any arrays will do: images or vectors, and labels of any kind.
train, test = data.load("digits")
digits = data.from_arrays(train.images, train.labels, test.images, test.labels)

# Some seconds on two cores. A finished run is not trained again.
model, history = fit(
    "fc_dlgn",
    digits,
    run_dir=RUN_DIR,
    width=128,
    depth=4,
    normalization="unit",
    learning_rates=0.001,
    train_steps=450,
    eval_every=150,
    verbose=False,
)
for step, seen in zip(history["step"], history["val_accuracy"], strict=True):
    print(f"step {step}: test accuracy {seen:.1%}")
print(f"test accuracy {accuracy(model, test.images, test.labels):.1%}")
