"""ResNet-20 over 1,000 images: own evaluation against `evaluate`."""

from benchmarks import trainings
from benchmarks.rows import Comparison
from benchmarks.turns import by_turns

NETWORK, IMAGES = "resnet20", 1_000


def compare(options):
    import tensorflow as tf

    from dlgn_tf.data import batches
    from dlgn_tf.models.build import create_model
    from dlgn_tf.training.steps import Evaluation

    model = create_model(f"{NETWORK}_dnn", seed=0)
    own = Evaluation(model, tf.distribute.get_strategy())
    dataset = batches.test_dataset(trainings.random_images(IMAGES), 250)
    stock = trainings.stock(model.network)
    seconds = by_turns(
        options.rounds,
        lambda: own(dataset, IMAGES),
        lambda: stock.evaluate(dataset, verbose=0),
    )
    yield Comparison(
        "own evaluation", "stock Keras evaluate", "images/s", IMAGES, seconds
    )
