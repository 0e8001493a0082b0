"""Compute its neural path kernel.

A path leads from a pixel through one unit of each layer to the output. With the
gates given, the value network is linear in its paths: a logit is the sum over
paths of (pixel x gates on the path) x (weights on the path). The first factors
are the *neural path feature* of the image. They hold all that the gates know of
it; the weights are what is learned on top. The inner product of two images'
features is the *neural path kernel*. There are far too many paths to enumerate,
but the kernel is a product over layers and is computed exactly.

To see what gates add, three kernels predict the test images by ridge regression
from all training images: that of the pixels alone, as of a network whose gates
are always on, that of an untrained network, whose gates are random, and that of
the trained one. Gates take most errors away. On digits random ones do it as
well as learned ones; what learned gates are worth on CIFAR-10 is measured in
`results/npk.1-minutes`. The heat map shows the trained kernel as cosines,
images ordered by class.
"""

from train_a_dlgn import RUN_DIR

from dlgn_tf import create_model, data, dual, load_run

model = load_run(RUN_DIR).model
train, test = data.load("digits")
untrained = create_model("fc_dlgn", (8, 8, 1), width=128, depth=4, seed=0)


def pixels(*images):
    one, other = (x.reshape(len(x), -1).astype("float64") for x in images)
    return one @ other.T


def of(network):
    return lambda *images: dual.neural_path_kernel(network, *images)


for name, kernel in (
    ("no gates", pixels),
    ("random gates", of(untrained)),
    ("trained gates", of(model)),
):
    among = kernel(train.images, train.images)
    fit = dual.ridge_regression(
        among,
        train.labels,
        kernel(test.images, train.images),
        test.labels,
        classes=10,
    )
    print(f"{name}: regression with 1,437 images {fit.accuracy:.1%}")

figure = dual.heat_map(among, train.labels, 10, "trained gates")
figure.savefig(f"{RUN_DIR}/kernel.png")
