"""Trains what an experiment looks at, and keeps it: networks and ladders."""

import dataclasses
import pathlib

import keras

from dlgn_tf.complexity import teachers
from dlgn_tf.complexity.components import measure_significance
from dlgn_tf.complexity.experiments.data import Data
from dlgn_tf.complexity.experiments.settings import Scale
from dlgn_tf.complexity.features import Feature, feature_of
from dlgn_tf.complexity.finished_nets import TARGETS, FinishedNets
from dlgn_tf.complexity.ladder import train_ladder
from dlgn_tf.complexity.reliability import measure_reliability, train_shared
from dlgn_tf.data.images import ImageSet
from dlgn_tf.models.build import load_model
from dlgn_tf.output import files


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A network that is looked at: its label is for people and for files."""

    label: str
    seed: int
    model: keras.Model
    feature: Feature
    # What it was trained on.
    images: ImageSet

    @property
    def network(self):
        """The label of the networks of all seeds."""
        return self.label.partition("-seed")[0]

    @property
    def key(self):
        """The first columns of its rows in tables."""
        return {"network": self.network, "seed": self.seed}


class Workshop:
    """Trains networks and ladders, or reads those that are finished.

    Args:
        scale: How much is trained.
        data: On which images.
        directory: Path-like where everything is kept, so that an experiment
            that was stopped goes on; None: nothing is.
        progress: Whether to show the training of ladders.

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
        """A ResNet of 6n + 2 layers, trained on so many images: `Subject`."""
        label = f"resnet{depth}-{count}-seed{seed}"
        images = self.data.some(count)
        options = {"depth": depth, "width": self.scale.teacher_width}
        model = self.trained(label, "resnet20_dnn", images, seed, **options)
        return Subject(label, seed, model, feature_of(model), images)

    def trained(self, label, name, images, seed, **options):
        """The network of a label, of a name of the zoo and with its options."""

        def train():
            train, classes = self.data.train, self.data.classes
            model = teachers.create_teacher(
                name, train, classes, seed, **options
            )
            settings = self.scale.teacher(seed, len(images))
            return teachers.train_teacher(model, images, settings)

        return self.kept(f"{label}.keras", train)

    def ladder(self, subject, images=None, name="ladder", **changes):
        """The `Ladder` of a `Subject`, on all training images or on others.

        It is kept in a folder of a name; changes are those of the settings.
        """
        images = self.data.train.images if images is None else images
        return train_ladder(
            subject.feature,
            images,
            self.scale.ladder(subject.seed, **changes),
            self.folder(f"{subject.label}-{name}"),
            self.progress,
        )

    def significance(self, subject, ladder):
        """`Significance` of a `Subject` over all training images."""
        images = self.data.train.images
        return measure_significance(
            subject.feature, ladder, images, resamples=self.scale.resamples
        )

    def reliability(self, subject, ladder, others):
        """`Reliability` beside other `Subject`s, over all training images."""
        images = self.data.train.images
        shared = train_shared(
            [each.feature for each in (subject, *others)],
            images,
            self.scale.reliability(subject.seed),
            self.folder(f"{subject.label}-shared"),
            self.progress,
        )
        return measure_reliability(
            subject.feature,
            ladder,
            shared,
            images,
            resamples=self.scale.resamples,
        )

    def kept(self, name, make):
        """The network in a file, or a new one that is made and put there."""
        path = self.folder(name)
        if path is not None and path.is_file():
            return load_model(path)
        model = make()
        if path is not None:
            with files.write_errors(path), files.replacing(path) as temporary:
                model.save(temporary)
        return model

    def folder(self, name):
        """Path of a name in the directory; None where nothing is kept."""
        return self._directory and self._directory / name


def _trainings(scale):
    """What of a scale decides how a network comes out."""
    described = dataclasses.asdict(scale)
    # What each network's name says, and what is done to none.
    for named in (
        "orders",
        "depths",
        "counts",
        "task_depths",
        "widths",
        "resamples",
        "compressed_depth",
        "compressed_count",
    ):
        described.pop(named)
    return described
