"""What an experiment is asked to do, and where it leaves it."""

import dataclasses
import functools
import itertools
import pathlib

from dlgn_tf.complexity import report
from dlgn_tf.complexity.experiments import data as images
from dlgn_tf.complexity.experiments.settings import Scale
from dlgn_tf.complexity.experiments.workshop import Workshop
from dlgn_tf.output.folder import Output

# Folder of trained networks, in the output directory.
NETWORKS = "networks"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An experiment at a scale.

    Attributes:
        output_dir: Path-like.
        scale: `Scale`.
        seeds: Integer: seeds 0, 1, ...
        data: String, see `dlgn_tf.complexity.experiments.data.load`, as for
            the next three.
        data_dir: Path-like or None.
        npz: Path-like or None.
        train_examples: Integer or None.
        networks: Path-like of a table of networks, for experiment 6; None for
            the authors'.
        command: String, the command line, for the report.
    """

    output_dir: str
    scale: Scale
    seeds: int = 2
    data: str = images.SYNTHETIC
    data_dir: str | None = None
    npz: str | None = None
    train_examples: int | None = None
    networks: str | None = None
    command: str = ""

    @functools.cached_property
    def output(self):
        return Output(self.output_dir)

    def workshop(self):
        """A `Workshop` that keeps what it trains."""
        found = images.load(
            self.data, self.data_dir, self.train_examples, self.npz
        )
        folder = pathlib.Path(self.output_dir) / NETWORKS
        return Workshop(self.scale, found, folder)

    def teachers(self):
        """Depth, number of images and seed of each network of the scale."""
        seeds = range(self.seeds)
        return itertools.product(self.scale.depths, self.scale.counts, seeds)

    def table(self, name, rows):
        """Writes a table whose last columns are the budget of the nets."""
        budget = self.scale.columns()
        self.output.table(name, [row | budget for row in rows])

    def drawn(self, name, figure, alternative):
        """Writes a picture; returns it in Markdown."""
        return report.drawn(self.output, name, figure, alternative)

    def report(self, title, *paragraphs, facts=None):
        """Writes the report, with the caveats, and says where it is.

        Args:
            title: String.
            *paragraphs: Strings, see `dlgn_tf.complexity.report.text`.
            facts: Dict of what it was measured on; None for the images, seeds
                and budget of the experiment.
        """
        facts = facts or {
            "images": self.data,
            "seeds": f"0 to {self.seeds - 1}",
            "budget": self.scale.budget(),
        }
        content = report.text(
            title,
            [*paragraphs, report.RELATIVE],
            {"command": f"`{self.command}`", **facts},
        )
        self.output.text(report.TITLE, content)
        print(f"report, tables and pictures are in {self.output_dir}")
