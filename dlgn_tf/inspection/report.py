"""The page of a network, section by section."""

import dataclasses
import functools
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
    explanations,
    gates,
    kernel,
    methods_compared,
    paths,
    switched_gates,
    templates,
    what_matters,
)
from dlgn_tf.inspection.templates import affine_sites
from dlgn_tf.models import evaluation, registry
from dlgn_tf.output import files
from dlgn_tf.training.output import EventOutput

PAGE = "index.html"
# What lies beside a page, of which another page may have less.
BESIDE = tuple(
    """
    decision_*.png explained_*.png methods_*.png templates_*.png
    class_overlap.png first_image.png frequencies.png gates_on.png kernel.png
    layer_similarity.png singular_values.png what_opens_gates.png
    channels.csv class_overlap.csv decisions.csv explanations.csv flips.csv
    gate_statistics.csv interventions.csv kernel_by_class.csv
    layer_agreement.csv layer_similarity.csv methods.csv paths.csv
    singular_values.csv sites.csv strongest_units.csv templates.csv
    templates.npz
    """.split()
)
# In the order of the page.
SECTIONS = {
    "the network": at_a_glance,
    "which gates matter": what_matters,
    "templates": templates,
    "gate statistics": gates,
    "decisions": decisions,
    "decisions, pixel by pixel": explanations,
    "strongest paths": paths,
    "neural path kernel": kernel,
    "interventions": switched_gates,
}
# Of the page of single decisions.
DECISIONS = {
    "decisions, pixel by pixel": explanations,
    "other methods": methods_compared,
}
_BATCH = 100


@dataclasses.dataclass(frozen=True, eq=False)
class InspectedNetwork:
    """What is looked at, and how closely.

    Attributes:
        model: `ImageClassifier`.
        family: String, such as `"dlgn"`.
        step: Integer of training, or None if nobody noted it.
        origin: String, where the model comes from.
        dataset: `DatasetInfo` of the images, which names the classes.
        images: `ImageSet` that statistics are over.
        sites: Tuple of gate sites that are looked at one by one.
        positions: Tuple of pairs `(row, column)` of the image; none stands for
            its middle.
        channels: Integer, templates shown of a site and position.
        examples: Integer, decisions that are taken apart.
        kernel_images: Integer, how many of the images the neural path kernel
            is of.
        memory_gib: Float, bound of the memory of templates and kernel.
        singular_values: Boolean, whether those of whole sites are computed;
            None stands for where that takes seconds.
        explained: Pairs of a title and an index into `images`, of the decisions
            that are taken apart pixel by pixel; none stands for some of
            `shown`.
        methods: Tuple of keys of `attributions.METHODS` that are compared.
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
    explained: tuple[tuple[str, int], ...] = ()
    methods: tuple[str, ...] = ()

    @classmethod
    def of(cls, network, model, step, **how):
        """That of a `dlgn_tf.training.source.Source`, which was opened."""
        return cls(
            model=model,
            family=registry.parse(model.name)[1],
            step=step,
            origin=network.path,
            dataset=network.of_images,
            **how,
        )

    @functools.cached_property
    def logits(self):
        """float64 array `(images, classes)`."""
        rows = evaluation.fitting(self.model, self.memory_gib, _BATCH)
        logits = evaluation.logits(self.model, self.images.images, rows)
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
            return DualView(self.model, memory_gib=self.memory_gib)
        except UserError as error:
            return error

    @functools.cached_property
    def affine_sites(self):
        """Set of the gating network's sites that are affine in the image."""
        return affine_sites(self.model)


class Report:
    """A page that is being written, and the files beside it.

    Attributes:
        task: `InspectedNetwork`.
        page: `Page`.
    """

    def __init__(self, task, output, title):
        step = "" if task.step is None else f" after {task.step:,} steps"
        self.task = task
        self.page = Page(
            title,
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

    def dual_view(self):
        """The `DualView`; None, and a note of why on the page, without one."""
        view = self.task.dual_view
        if not isinstance(view, UserError):
            return view
        self.page.note(f"Not shown. {view}")
        return None

    def list_files(self):
        """Ends the page with the names of what lies beside it."""
        self.page.section("Files beside this page")
        names = ", ".join(f"`{name}`" for name in sorted(self._names))
        self.page.text(
            "The numbers behind the pictures, for scripts and for papers: "
            f"{names}."
        )


def write(
    task, output_dir, tensorboard=False, sections=SECTIONS, title="Inside {}"
):
    """Writes the page of a network and the files beside it; its path.

    All of it comes into being apart and takes the place of what an earlier call
    left at the very end, the page last. With `tensorboard` the pictures are
    written as summaries too, to OUTPUT_DIR/page. The title has `{}` in place of
    the network's name.
    """
    with tempfile.TemporaryDirectory() as apart:
        output = EventOutput(apart, "page", "inspection")
        report = Report(task, output, title.format(task.model.name))
        _fill(report, sections)
        _replace(pathlib.Path(apart), pathlib.Path(output_dir))
    output = EventOutput(output_dir, "page", "inspection")
    output.text(PAGE, report.page.html())
    if tensorboard:
        step = task.step or 0
        shown = {name: (step, each) for name, each in report.figures.items()}
        output.events([], shown)
    return output.directory / PAGE


def _fill(report, sections):
    """Adds the sections, and names the files beside the page."""
    began = time.perf_counter()
    for index, (what, section) in enumerate(sections.items(), start=1):
        print(
            f"inspection: {what}, {index} of {len(sections)}, after "
            f"{time.perf_counter() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )
        section.add(report)
    report.list_files()


def _replace(source, target):
    """Moves the files of a page to where those of an earlier one lie.

    What is not shown any more goes.
    """
    with files.write_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        for pattern in BESIDE:
            for path in target.glob(pattern):
                path.unlink()
        for path in sorted(source.iterdir()):
            files.write_atomically(target / path.name, path.read_bytes())
