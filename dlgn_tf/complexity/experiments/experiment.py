"""What an experiment is asked to do, and where it leaves it."""

import dataclasses
import functools
import itertools
import pathlib

from dlgn_tf.complexity import figures, report, tables
from dlgn_tf.complexity.experiments import data
from dlgn_tf.complexity.experiments.settings import Scale
from dlgn_tf.complexity.experiments.workshop import Workshop
from dlgn_tf.output.folder import Output

# Folder of trained networks, in the output directory.
NETWORKS = "networks"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An experiment at a scale.

    Attributes:
        output_dir: Where everything is left.
        scale: How much is trained.
        seeds: Seeds 0, 1, ...
        images: Arguments of `dlgn_tf.complexity.experiments.data.load`.
        networks: A table of networks, for experiment 6; None for the authors'.
        compressed: Another, whose accuracies it predicts, or None.
        command: The command line, for the report.
    """

    output_dir: str
    scale: Scale
    seeds: int = 2
    images: dict = dataclasses.field(default_factory=dict)
    networks: str | None = None
    compressed: str | None = None
    command: str = ""

    @functools.cached_property
    def output(self):
        return Output(self.output_dir)

    def workshop(self):
        """A `Workshop` that keeps what it trains."""
        folder = pathlib.Path(self.output_dir) / NETWORKS
        return Workshop(self.scale, data.load(**self.images), folder)

    def teachers(self, workshop):
        """Depth, number of images and seed of each network of the scale.

        Raises:
            UserError: now, and not after hours of training, if there are not so
                many images of a `Workshop`.
        """
        for count in self.scale.counts:
            workshop.data.some(count)
        seeds = range(self.seeds)
        return itertools.product(self.scale.depths, self.scale.counts, seeds)

    def table(self, name, rows):
        """Writes a table whose last columns are the budget of the nets."""
        self.output.table(name, [row | self.budget for row in rows])

    @functools.cached_property
    def budget(self):
        """That of the disentangler nets, as columns of a table."""
        return self.scale.ladder(seed=0).columns()

    def drawn(self, name, figure, alternative):
        """Writes a picture; returns it in Markdown."""
        return report.drawn(self.output, name, figure, alternative)

    def significance(self, name, shares, title):
        """Paragraphs on what `tables.bars_of` returns, and their bar chart.

        The shares are a dict from a label to those of several seeds.
        """
        orders = self.scale.orders
        return [
            *tables.summary(shares, orders, self.scale.resamples),
            self.drawn(
                name,
                figures.significance(shares, orders, title),
                "significance by order",
            ),
        ]

    def report(self, title, *paragraphs, facts=None):
        """Writes the report, with the caveats, and says where it is.

        As `dlgn_tf.complexity.report.text`; without facts they are the images,
        seeds and budget of the experiment.
        """
        facts = facts or {
            "images": self.images.get("name", data.SYNTHETIC),
            "seeds": f"0 to {self.seeds - 1}",
            "budget": self.scale.budget(),
        }
        report.write(
            self.output,
            title,
            [*paragraphs, report.RELATIVE],
            {"command": f"`{self.command}`", **facts},
        )
