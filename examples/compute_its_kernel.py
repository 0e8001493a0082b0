"""Compute its neural path kernel.

Given the gates, the value network is linear in its paths: what is left of image
x is which paths are active and what they see. The inner product of these
features is the neural path kernel, computed exactly without enumerating paths.
The same kernel of an untrained network shows what its gates have learned.
"""

from dlgn_tf import dual
from dlgn_tf.data import sources
from dlgn_tf.dual import figures
from dlgn_tf.dual import kernel_learning
from dlgn_tf.models.build import create_model
from dlgn_tf.training import runs

model, config, step = runs.load_run("runs/tour")
train, test = sources.load("digits", train_examples=200)
untrained = create_model(
    "c4gap_dlgn", (8, 8, 1), width=16, padding="circular", seed=0
)

for name, network in (("trained", model), ("random", untrained)):
    kernel = dual.neural_path_kernel(network, train.images)
    fit = kernel_learning.ridge_regression(
        kernel,
        train.labels,
        dual.neural_path_kernel(network, test.images, train.images),
        test.labels,
        classes=10,
    )
    print(f"{name} gates: regression with 200 images {fit.accuracy:.1%}")
    if network is model:
        figure = figures.heat_map(kernel, train.labels, 10, "trained gates")

figure.savefig("runs/tour/kernel.png")
