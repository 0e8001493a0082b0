"""Resample it.

What has training put into the weights, and what is still random? The rainbow
model says: a layer's neurons are independent Gaussian draws, and what was
learned is their covariance. So of each layer a covariance is kept and all else
thrown away. New weights are drawn with it, each layer is turned to the basis in
which the drawn one before it speaks (*alignment*), and the classifier stays. If
the model is right, networks so drawn work about as well as the trained one.

Two controls show what it takes. White weights know nothing of the covariances:
they lose more. Without alignment layers speak in bases that the next one does
not understand, and the network guesses.
"""

from train_a_dlgn import RUN_DIR

from dlgn_tf import data, load_run, rainbow
from dlgn_tf.models import accuracy

model = load_run(RUN_DIR).model
train, test = data.load("digits")
batches = rainbow.in_batches(train.images)
covariances = rainbow.weight_covariances([model], batches, reference=0)

print(f"trained: {accuracy(model, test.images, test.labels):.1%}")
for name, options in (
    ("with the covariances", {}),
    ("white", {"weights": "white"}),
    ("not aligned", {"aligned": False}),
):
    networks = [
        rainbow.resample(model, covariances, batches, seed=seed, **options)
        for seed in range(3)
    ]
    accuracies = [accuracy(x, test.images, test.labels) for x in networks]
    each = ", ".join(f"{value:.1%}" for value in accuracies)
    print(f"drawn, {name}: {each}")
