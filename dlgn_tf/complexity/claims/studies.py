"""What the claims study: a small network on shapes, and its ladder."""

import dataclasses

from dlgn_tf.complexity.components import Significance
from dlgn_tf.complexity.effectiveness import measure_effectiveness
from dlgn_tf.complexity.features import Feature, feature_of
from dlgn_tf.complexity.ladder import Ladder, LadderSettings, train_ladder
from dlgn_tf.complexity.synthetic import shapes
from dlgn_tf.complexity.teachers import (
    TeacherSettings,
    create_teacher,
    train_teacher,
)
from dlgn_tf.data.images import ImageSet

SAMPLES, TEST, POOL = 500, 500, 2000
EPOCHS, DEPTH, WIDTH = 20, 8, 8


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """A trained network with its feature taken apart.

    Attributes:
        feature: `Feature`.
        ladder: `Ladder`.
        train: `ImageSet` that the network was trained on.
        test: `ImageSet` that it was not.
        pool: uint8 array of the images that the nets were trained on.
    """

    feature: Feature
    ladder: Ladder
    train: ImageSet
    test: ImageSet
    pool: object

    def effectiveness(self, test, **options):
        """The games on the training images and on others."""
        return measure_effectiveness(
            self.feature, self.ladder, self.train, test, **options
        )


def teacher(seed, samples=SAMPLES, epochs=EPOCHS, depth=DEPTH):
    """A ResNet that was trained on shapes.

    Returns:
        `(feature, train)`: its last `Feature`, and its `ImageSet`.
    """
    train = shapes(samples, [seed, 0])
    model = create_teacher(
        "resnet20_dnn", train, depth=depth, width=WIDTH, seed=seed
    )
    train_teacher(model, train, TeacherSettings(epochs=epochs, seed=seed))
    return feature_of(model), train


def shares(found: Significance) -> dict:
    """What is told of one network: shares of its feature's variance."""
    return {
        "rho_c": found.significance,
        "rho_rem": found.remainders,
        "gap": found.gap,
    }


def pool(seed, count=POOL):
    """Images without labels, which nets are trained on."""
    return shapes(count, [seed, 2]).images


def trained(rng, orders, **changes):
    """A `Study` at the scale of seconds, of a seed of the generator's.

    Args:
        rng: `numpy.random.Generator`.
        orders: Tuple of integers.
        **changes: Of `LadderSettings`.
    """
    seed = int(rng.integers(2**31))
    feature, train = teacher(seed)
    images = pool(seed)
    settings = LadderSettings.seconds(seed, orders=orders, **changes)
    ladder = train_ladder(feature, images, settings, progress=False)
    return Study(feature, ladder, train, shapes(TEST, [seed, 1]), images)
