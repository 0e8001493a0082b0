"""What the claims study: small networks on shapes, and their ladders."""

import dataclasses

import numpy as np

from dlgn_tf.complexity.components import Significance
from dlgn_tf.complexity.effectiveness import measure_effectiveness
from dlgn_tf.complexity.experiments import data
from dlgn_tf.complexity.experiments.settings import SCALES
from dlgn_tf.complexity.experiments.workshop import Workshop
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
    """A trained network with its feature taken apart."""

    feature: Feature
    ladder: Ladder
    # Images that the network was trained on, and others.
    train: ImageSet
    test: ImageSet
    # Those that the nets were trained on, uint8.
    pool: np.ndarray

    def effectiveness(self, test):
        """The games on the training images and on others."""
        return measure_effectiveness(
            self.feature, self.ladder, self.train, test
        )


def workshop():
    """A `Workshop` at the scale of minutes that keeps nothing."""
    return Workshop(SCALES["minutes"], data.load(), progress=False)


def seeds(rng, count):
    """Seeds of trainings, integers, from a claim's generator."""
    return [int(seed) for seed in rng.integers(2**31, size=count)]


def untrained(images, seed):
    """A small ResNet as it is drawn."""
    return create_teacher(
        "resnet20_dnn", images, depth=DEPTH, width=WIDTH, seed=seed
    )


def teacher(seed, samples=SAMPLES, epochs=EPOCHS):
    """The last `Feature` of a ResNet that was trained on shapes, and these."""
    train = shapes(samples, [seed, 0])
    model = untrained(train, seed)
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


def trained(rng, orders):
    """A `Study` at the scale of seconds, of a seed of the generator's."""
    seed = int(rng.integers(2**31))
    feature, train = teacher(seed)
    images = pool(seed)
    settings = LadderSettings.seconds(seed, orders=orders)
    ladder = train_ladder(feature, images, settings, progress=False)
    return Study(feature, ladder, train, shapes(TEST, [seed, 1]), images)
