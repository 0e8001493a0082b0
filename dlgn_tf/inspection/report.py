"""The page of a network: what goes into it, section by section."""

import dataclasses
import functools

import numpy as np
from keras import ops

from dlgn_tf.data.catalog import DatasetInfo
from dlgn_tf.data.images import ImageSet
from dlgn_tf.inspection import gate_statistics
from dlgn_tf.inspection.page import Page
from dlgn_tf.inspection.sections import at_a_glance
from dlgn_tf.inspection.sections import decisions
from dlgn_tf.inspection.sections import gates
from dlgn_tf.inspection.sections import kernel
from dlgn_tf.inspection.sections import switched_gates
from dlgn_tf.inspection.sections import templates
from dlgn_tf.progress import Progress
from dlgn_tf.training.output import Output

PAGE = "index.html"
_SECTIONS = {
    "the network": at_a_glance,
    "templates": templates,
    "gate statistics": gates,
    "decisions": decisions,
    "neural path kernel": kernel,
    "interventions": switched_gates,
}
_BATCH = 100


@dataclasses.dataclass(frozen=True)
class Task:
    """What is looked at, and how closely.

    Attributes:
        model: `ImageClassifier`.
        name: String, ARCHITECTURE_FAMILY.
        step: Integer of training, or None if nobody noted it.
        origin: String, where the model comes from.
        dataset: `DatasetInfo`.
        images: `ImageSet` that statistics are over.
        sites: Tuple of gate sites that are looked at one by one.
        positions: Tuple of pairs `(row, column)` of the image; none stands for
            its middle.
        channels: Integer, templates shown of a site and position.
        examples: Integer, decisions that are taken apart.
        kernel_images: Integer.
        memory_gib: Float, bound of the memory of templates and kernel.
    """

    model: object
    name: str
    step: int | None
    origin: str
    dataset: DatasetInfo
    images: ImageSet
    sites: tuple[str, ...]
    positions: tuple[tuple[int, int], ...] = ()
    channels: int = 16
    examples: int = 6
    kernel_images: int = 300
    memory_gib: float = 1.0

    @property
    def family(self):
        return self.name.rpartition("_")[2] if self.shallow else self._family

    @functools.cached_property
    def logits(self):
        """float64 array `(images, classes)`."""
        images = self.images.images
        parts = [
            ops.convert_to_numpy(
                self.model(images[k : k + _BATCH], training=False)
            )
            for k in range(0, len(images), _BATCH)
        ]
        return np.concatenate(parts).astype("float64")

    @functools.cached_property
    def statistics(self):
        """`GateStatistics` of all sites."""
        return gate_statistics.collect(
            self.model,
            self.images.images,
            self.images.labels,
            self.dataset.classes,
        )
