"""Images of the experiments: drawn on the spot, or of a data set."""

import dataclasses

import numpy as np

from dlgn_tf.complexity import synthetic
from dlgn_tf.complexity.experiments import SYNTHETIC
from dlgn_tf.data import catalog, sources
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError

_TRAIN, _TEST = 2000, 1000


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """What networks are trained and measured on."""

    name: str
    # Teachers see some of them, disentangler nets all, without their labels.
    train: ImageSet
    test: ImageSet
    classes: int

    def some(self, count):
        """As many training images of each class, the first ones: `ImageSet`.

        Args:
            count: Integer, a multiple of the number of classes; or as many as
                there are, which stands for all.

        Raises:
            UserError: if there are not so many.
        """
        if count == len(self.train):
            return self.train
        of_class, left = divmod(count, self.classes)
        chosen = [
            np.flatnonzero(self.train.labels == label)[:of_class]
            for label in range(self.classes)
        ]
        if left or min(map(len, chosen)) < of_class or not of_class:
            raise UserError(
                "Expected a number of training images that all classes have "
                f"equal shares of. Received: {count} of {self.name}, "
                f"{len(self.train)} images of {self.classes} classes"
            )
        chosen = np.sort(np.concatenate(chosen))
        return ImageSet(self.train.images[chosen], self.train.labels[chosen])


def load(name=SYNTHETIC, data_dir=None, train_examples=None, npz_file=None):
    """Reads or draws the images of an experiment: `Data`.

    Args:
        name: `"shapes"`, see `dlgn_tf.complexity.synthetic`, or a data set of
            `dlgn_tf.data.catalog`.
        data_dir: See `dlgn_tf.data.sources.load`, as for the last.
        train_examples: Integer, the first so many training images. Defaults to
            all of a data set, 2,000 shapes.
        npz_file: Path-like or None.
    """
    if name == SYNTHETIC:
        train = synthetic.shapes(train_examples or _TRAIN, [0, 0])
        test = synthetic.shapes(_TEST, [0, 1])
        return Data(name, train, test, synthetic.CLASSES)
    train, test = sources.load(
        name, data_dir, train_examples=train_examples, npz_file=npz_file
    )
    return Data(name, train, test, catalog.get(name).classes)
