"""Trains what an experiment looks at, and keeps it: networks and ladders."""

import dataclasses
import pathlib

import keras

from dlgn_tf.complexity import teachers
from dlgn_tf.complexity.experiments.data import Data
from dlgn_tf.complexity.experiments.settings import Scale
from dlgn_tf.complexity.features import Feature, feature_of
from dlgn_tf.complexity.finished_nets import TARGETS, FinishedNets
from dlgn_tf.complexity.ladder import train_ladder
from dlgn_tf.data.images import ImageSet
from dlgn_tf.models.build import load_model
from dlgn_tf.output import files


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A network that is looked at.

    Attributes:
        label: String, for people and for files.
        seed: Integer.
        model: `keras.Model`.
        feature: `Feature`.
        images: `ImageSet` that it was trained on.
    """

    label: str
    seed: int
    model: keras.Model
    feature: Feature
    images: ImageSet


class Workshop:
    """Trains networks and ladders, or reads those that are finished.

    Args:
        scale: `Scale`.
        data: `Data`.
        directory: Path-like where everything is kept, so that an experiment
            that was stopped goes on; None: nothing is.
        progress: Boolean. Whether to show the training of ladders.

    Raises:
        UserError: if the directory holds networks of another scale or other
            images.
    """

    def __init__(self, scale: Scale, data: Data, directory=None, progress=True):
        self.scale, self.data = scale, data
        self.progress = progress
        self._directory = directory and pathlib.Path(directory)
        described = {
            "data": data.name,
            "images": len(data.train),
            "targets": TARGETS,
        }
        # Makes and checks settings.json; nothing else is put there.
        FinishedNets(directory, {**described, **_trainings(scale)})

    def teacher(self, depth, count, seed):
        """A ResNet trained on some images.

        Args:
            depth: Integer, 6n + 2.
            count: Integer, training images.
            seed: Integer.

        Returns:
            `Subject`.
        """
        label = f"resnet{depth}-{count}-seed{seed}"
        images = self.data.some(count)

        def train():
            model = self._untrained(depth, seed)
            settings = self.scale.teacher(seed, count)
            return teachers.train_teacher(model, images, settings)

        model = self.kept(f"{label}.keras", train)
        return Subject(label, seed, model, feature_of(model), images)

    def _untrained(self, depth, seed):
        return teachers.create_teacher(
            "resnet20_dnn",
            self.data.train,
            self.data.classes,
            seed,
            depth=depth,
            width=self.scale.teacher_width,
        )

    def ladder(self, subject, images=None, name="ladder", **changes):
        """The ladder of a subject, on all images or on some.

        Args:
            subject: `Subject`.
            images: uint8 array `(n, height, width, channels)`. Defaults to all
                training images.
            name: String, of the folder.
            **changes: Of `LadderSettings`.

        Returns:
            `Ladder`.
        """
        images = self.data.train.images if images is None else images
        return train_ladder(
            subject.feature,
            images,
            self.scale.ladder(subject.seed, **changes),
            self.folder(f"{subject.label}-{name}"),
            self.progress,
        )

    def kept(self, name, make):
        """The network in a file, or a new one that is put there.

        Args:
            name: String, of the file.
            make: Function without arguments that returns the network.
        """
        path = self.folder(name)
        if path is not None and path.is_file():
            return load_model(path)
        model = make()
        if path is not None:
            save(model, path)
        return model

    def folder(self, name):
        """Path of a name in the directory; None where nothing is kept."""
        return self._directory and self._directory / name


def output_feature(name, net, like):
    """The output of a net in the place of a feature.

    Args:
        name: String, for people.
        net: `keras.Model`, images -> feature.
        like: `Feature` of the same images and shape, whose head is taken.

    Returns:
        `Feature`.
    """
    return Feature(
        name,
        like.image_shape,
        like.shape,
        like.normalization,
        lambda images: net(images, training=False),
        like.context,
        like.logits,
    )


def save(model, path):
    """Writes a .keras file, whole or not at all."""
    with files.write_errors(path):
        with files.replacing(path) as temporary:
            model.save(temporary)


def _trainings(scale):
    """What of a scale decides how a network comes out."""
    described = dataclasses.asdict(scale)
    # What each network's name says.
    for named in (
        "orders",
        "depths",
        "counts",
        "task_depths",
        "compressed_depth",
    ):
        described.pop(named)
    return described
