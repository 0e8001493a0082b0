"""The page of a network, section by section."""

import dataclasses
import functools
import itertools
import pathlib
import sys
import tempfile
import time

import numpy as np

from dlgn_tf.data.catalog import DatasetInfo
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError
from dlgn_tf.inspection import gate_statistics
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.page import Page
from dlgn_tf.inspection.sections import (
    at_a_glance,
    decisions,
    gates,
    kernel,
    paths,
    switched_gates,
    templates,
    what_matters,
)
from dlgn_tf.inspection.templates import is_affine
from dlgn_tf.models import evaluation
from dlgn_tf.output import files
from dlgn_tf.training.output import EventOutput

PAGE = "index.html"
# In the order of the page.
_SECTIONS = {
    "the network": at_a_glance,
    "which gates matter": what_matters,
    "templates": templates,
    "gate statistics": gates,
    "decisions": decisions,
    "strongest paths": paths,
    "neural path kernel": kernel,
    "interventions": switched_gates,
}
_BATCH = 100


@dataclasses.dataclass(frozen=True, eq=False)
class InspectedNetwork:
    """What is looked at, and how closely.

    Attributes:
        family: String, such as `"dlgn"`.
        step: Integer of training, or None if nobody noted it.
        origin: String, where the model comes from.
        images: `ImageSet` that statistics are over.
        sites: Tuple of gate sites that are looked at one by one.
        positions: Tuple of pairs `(row, column)` of the image; none stands for
            its middle.
        channels: Integer, templates shown of a site and position.
        examples: Integer, decisions that are taken apart.
        memory_gib: Float, bound of the memory of templates and kernel.
        singular_values: Boolean, whether those of whole sites are computed;
            None stands for where that takes seconds.
    """

    model: object
    family: str
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
    singular_values: bool | None = None

    @functools.cached_property
    def logits(self):
        """float64 array `(images, classes)`."""
        logits = evaluation.logits(self.model, self.images.images, _BATCH)
        return logits.astype("float64")

    @property
    def predicted(self):
        """Integer array `(images,)`."""
        return self.logits.argmax(axis=-1)

    @functools.cached_property
    def shown(self):
        """Integer array, which images' decisions are taken apart.

        The surest mistakes, half of all where there are so many, then right
        ones, the first of each class in turn.
        """
        labels, predicted = self.images.labels, self.predicted
        top = self.logits.max(axis=-1) - self.logits.mean(axis=-1)
        wrong = np.flatnonzero(predicted != labels)
        wrong = wrong[np.argsort(-top[wrong], kind="stable")]
        right = np.flatnonzero(predicted == labels)
        half = -(-self.examples // 2)
        wrong = wrong[: max(half, self.examples - len(right))]
        seen = [
            np.sum(labels[right[:k]] == labels[i]) for k, i in enumerate(right)
        ]
        right = right[np.lexsort((right, labels[right], seen))]
        return np.concatenate([wrong, right[: self.examples - len(wrong)]])

    @functools.cached_property
    def statistics(self):
        """`GateStatistics` of all sites over all images."""
        return gate_statistics.collect(
            self.model,
            self.images.images,
            self.images.labels,
            self.dataset.classes,
            memory_gib=self.memory_gib,
        )

    @functools.cached_property
    def dual_view(self):
        """`DualView`, or the `UserError` that says why there is none."""
        try:
            return DualView(self.model)
        except UserError as error:
            return error

    @functools.cached_property
    def affine_sites(self):
        """Set of the gating network's sites that are affine in the image.

        What is not linear stays so further on: beyond the first site that is
        not affine none is asked, which takes long in a deep network. Sites of
        shallow features do not depend on one another.
        """
        names = self.model.site_names
        affine = functools.partial(is_affine, self.model)
        if self.family == "dlgn_sf":
            return set(filter(affine, names))
        if affine(names[-1]):
            return set(names)
        return set(itertools.takewhile(affine, names))

    def gate_source(self, site):
        """Site of the gating network whose gate a value site uses."""
        names = self.model.site_names
        order = self.model.gate_permutation
        return site if order is None else names[order[names.index(site)]]


class Report:
    """A page that is being written, and the files beside it.

    Attributes:
        task: `InspectedNetwork`.
        page: `Page`.
    """

    def __init__(self, task, output):
        step = "" if task.step is None else f" after {task.step:,} steps"
        self.task = task
        self.page = Page(
            f"Inside {task.model.name}",
            f"{task.dataset.description}. The network of {task.origin}{step}.",
        )
        self.figures = {}
        self._output = output
        self._names = []

    def picture(self, name, figure, caption):
        """Adds a figure to the page and writes it as NAME.png."""
        self.figures[name] = figure
        self._names.append(f"{name}.png")
        self.page.picture(self._output.picture(name, figure, 110), caption)

    def csv(self, name, rows):
        """Writes a list of dicts as NAME.csv."""
        self._names.append(f"{name}.csv")
        self._output.table(name, rows)

    def arrays(self, name, **arrays):
        """Writes arrays as NAME.npz."""
        self._names.append(f"{name}.npz")
        self._output.arrays(name, **arrays)

    def list_files(self):
        """Ends the page with the names of what lies beside it."""
        self.page.section("Files beside this page")
        names = ", ".join(f"`{name}`" for name in sorted(self._names))
        self.page.text(
            "The numbers behind the pictures, for scripts and for papers: "
            f"{names}."
        )


def write(task, output_dir, tensorboard=False):
    """Writes the page of a network and the files beside it; its path.

    All of it comes into being apart and takes the place of what an earlier call
    left at the very end, the page last. With `tensorboard` the pictures are
    written as summaries too, to OUTPUT_DIR/page.
    """
    with tempfile.TemporaryDirectory() as apart:
        report = _filled(task, EventOutput(apart, "page", "inspection"))
        _replace(pathlib.Path(apart), pathlib.Path(output_dir))
    output = EventOutput(output_dir, "page", "inspection")
    output.text(PAGE, report.page.html())
    if tensorboard:
        step = task.step or 0
        shown = {name: (step, each) for name, each in report.figures.items()}
        output.events([], shown)
    return output.directory / PAGE


def _filled(task, output):
    """The `Report` of all sections."""
    report = Report(task, output)
    began = time.perf_counter()
    for index, (what, section) in enumerate(_SECTIONS.items(), start=1):
        print(
            f"inspection: {what}, {index} of {len(_SECTIONS)}, after "
            f"{time.perf_counter() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )
        section.add(report)
    report.list_files()
    return report


def _replace(source, target):
    """Moves the files of a page to where those of an earlier one lie.

    Pictures of decisions and sites that are not shown any more go.
    """
    with files.write_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        for pattern in ("decision_*.png", "templates_*.png"):
            for path in target.glob(pattern):
                path.unlink()
        for path in sorted(source.iterdir()):
            files.write_atomically(target / path.name, path.read_bytes())
