"""Compute its neural path kernel.

A path leads from a pixel through one unit of each layer to the output. With the
gates given, the value network is linear in its paths: a logit is the sum over
paths of (pixel x gates on the path) x (weights on the path). The first factors
are the *neural path feature* of the image. They hold all that the gates know of
it; the weights are what is learned on top. The inner product of two images'
features is the *neural path kernel*. There are far too many paths to enumerate,
but the kernel is a product over layers and is computed exactly.

To see what the gates have learned, two kernels predict the test images by ridge
regression from a few labelled ones: that of the trained network, and that of an
untrained one, whose gates are random. (Mind that the trained gates have seen
all training images, not only these few.) The heat map shows the trained kernel
as cosines, images ordered by class.
"""

from train_a_dlgn import RUN_DIR

from dlgn_tf import dual
from dlgn_tf.data import sources
from dlgn_tf.dual import figures
from dlgn_tf.dual import kernel_learning
from dlgn_tf.models.build import create_model
from dlgn_tf.training import runs

model, config, step = runs.load_run(RUN_DIR)
train, test = sources.load("digits", train_examples=100)
untrained = create_model("fc_dlgn", (8, 8, 1), width=128, depth=4, seed=0)

for name, network in (("trained", model), ("random", untrained)):
    kernel = dual.neural_path_kernel(network, train.images)
    fit = kernel_learning.ridge_regression(
        kernel,
        train.labels,
        dual.neural_path_kernel(network, test.images, train.images),
        test.labels,
        classes=10,
    )
    print(f"{name} gates: regression with 100 images {fit.accuracy:.1%}")
    if network is model:
        figure = figures.heat_map(kernel, train.labels, 10, "trained gates")

figure.savefig(f"{RUN_DIR}/kernel.png")
