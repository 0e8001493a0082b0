"""ResNet-20 over 1,000 images: own evaluation against `evaluate`."""

from benchmarks import trainings
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

NETWORK, IMAGES = "resnet20", 1_000


def compare(options):
    dnn, stock_dnn = _jobs("dnn")
    dlgn, stock_dlgn = _jobs("dlgn")
    for ours, run_ours, other, run_other in (
        ("DNN, own evaluation", dnn, "stock Keras evaluate", stock_dnn),
        ("DLGN, own evaluation", dlgn, "stock Keras evaluate", stock_dlgn),
        ("DLGN, own evaluation", dlgn, "DNN, own evaluation", dnn),
    ):
        seconds = by_turns(options.rounds, run_ours, run_other)
        yield Comparison(ours, other, "images/s", IMAGES, seconds)


def _jobs(family):
    """Functions that evaluate a model, by our graph and by Keras."""
    import tensorflow as tf

    from dlgn_tf.data import batches
    from dlgn_tf.models.build import create_model
    from dlgn_tf.training.steps import Evaluation

    model = create_model(f"{NETWORK}_{family}", seed=0)
    own = Evaluation(model, tf.distribute.get_strategy())
    stock = trainings.stock(model)
    dataset = batches.test_dataset(trainings.random_images(IMAGES), 250)
    return (
        lambda: own(dataset, IMAGES),
        lambda: stock.evaluate(dataset, verbose=0),
    )
