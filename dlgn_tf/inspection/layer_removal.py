"""Trained networks with one block left out at a time.

A residual network is a sum over many paths, and each block that is left out
takes away only those that pass through it: accuracy drops little. A VGG has a
single path. Nothing is trained anew.

Of a gated network the block is left out of the value network and the gates are
held: then the paths that are left contribute what they did, and the kernel is
that of the sub-networks without the block (theorem 3.3). Left out of the gating
network too, as it is of a ReLU network, whose gates are its own, it changes the
gates of later blocks.

Source: Veit et al. (arXiv 1605.06431), section 4.1, to which the DLGN paper
(arXiv 2110.03403) comes back in section 3.1.3; its theorem 3.3.
"""

import dataclasses
from collections.abc import Callable

import keras

from dlgn_tf.errors import UserError
from dlgn_tf.models.classifier import listed
from dlgn_tf.models.gated import copy_weights
from dlgn_tf.models.own_gates import copy_learned_slopes
from dlgn_tf.output import files
from dlgn_tf.output.folder import new_figure


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """A trained network, and how to build it with blocks left out.

    Attributes:
        label: String that names it in tables and figures.
        model: `ImageClassifier`.
        build: Function of a tuple of names of blocks that returns the same
            architecture without them, its weights any.
        blocks: Names of the blocks that can be left out, in order.
        networks: One of `choices.NETWORKS_WITHOUT_BLOCK`: of a gated model,
            whether the value network alone loses a block, under the gates of
            the whole gating network, or both do.
    """

    label: str
    model: object
    build: Callable
    blocks: tuple[str, ...]
    networks: str = "value"

    def without(self, block):
        """The network without a block, the other weights as they are.

        Raises:
            UserError: if `build` makes another network than the model's.
        """
        remaining = self.build((block,))
        held = self.networks == "value" and remaining.gated
        for name in ["value"] if held else remaining.networks:
            try:
                copy_weights(
                    self.model.networks[name], remaining.networks[name]
                )
            except ValueError as error:
                raise UserError(
                    f"Expected the network that the flags describe. Received: "
                    f"{self.label} as another version made it. {error}"
                ) from error
        copy_learned_slopes(self.model, remaining)
        return _under_gates_of(self.model, remaining) if held else remaining


def _under_gates_of(whole, remaining):
    """A gated network under the gates that a larger one has at its sites."""
    gating = whole.gating_network
    made = dict(zip(whole.site_names, listed(gating.outputs), strict=True))
    held = keras.Model(
        gating.inputs, [made[site] for site in remaining.site_names]
    )
    return remaining.with_networks(
        lambda network: held if network is remaining.gating_network else network
    )


@dataclasses.dataclass(frozen=True)
class Removal:
    """One line of the result: `removed` is empty for the whole network."""

    model: str
    removed: str
    accuracy: float
    errors: int
    images: int


def removals(trained, evaluate):
    """Evaluates a network whole, and then without each of its blocks.

    `evaluate` is a function of a model that returns `Totals`. Yields a
    `Removal` for the whole network and one for each block.
    """
    for block in ("", *trained.blocks):
        model = trained.without(block) if block else trained.model
        totals = evaluate(model)
        yield Removal(
            trained.label,
            block,
            totals.accuracy,
            int(totals.errors),
            totals.images,
        )


def table(lines):
    """A list of `Removal` as the text of a CSV file with a header."""
    names = [field.name for field in dataclasses.fields(Removal)]
    return files.csv_text(names, map(dataclasses.astuple, lines))


def figure(lines):
    """Accuracy of `Removal`s against the index of the block that was left out.

    One curve a network, and its accuracy with all blocks as a dashed line.
    """
    drawing = new_figure(8, 5)
    axes = drawing.subplots()
    for index, label in enumerate(dict.fromkeys(x.model for x in lines)):
        whole, *others = (x.accuracy for x in lines if x.model == label)
        color = f"C{index % 10}"
        places = range(1, len(others) + 1)
        axes.plot(places, others, marker="o", color=color, label=label)
        axes.axhline(whole, color=color, linestyle="--", linewidth=1)
    axes.set_xlabel("index of the block left out")
    axes.set_ylabel("test accuracy (dashed: all blocks)")
    axes.set_ylim(0, 1)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return drawing
