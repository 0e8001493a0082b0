"""What an architecture of the zoo is. Imports nothing heavy."""

import dataclasses
import importlib
import inspect
import numbers
from collections.abc import Callable

from dlgn_tf import choices
from dlgn_tf.errors import UserError

FAMILIES = {
    "dnn": "ReLU network",
    "dgn": "gating network with ReLUs, value network",
    "dlgn": "linear gating network, value network",
    "dlgn_sf": "one linear map of the image a gate, value network",
}

# Those that architectures have, but for `Architecture.choices`.
_CHOICES = {
    "ensemble_rule": choices.ENSEMBLE_RULES,
    "pooling": choices.POOLINGS,
    "block": choices.BLOCKS,
    "shortcut": choices.SHORTCUTS,
    "padding": ("same", "circular"),
    "norm": ("none", "post"),
}


@dataclasses.dataclass(frozen=True)
class Architecture:
    """An entry of the zoo.

    Attributes:
        name: String.
        description: One line.
        builder: Function `(x, site, classes, **options) -> logits`, of a Keras
            tensor `(batch, height, width, channels)`, what is called at each
            gate site (see `dlgn_tf.models.sites`), and the number of logits, of
            which it returns a Keras tensor `(batch, classes)`; or
            `"module:function"`, imported when a model is made.
        options: Options a user may change, with their published values: the
            builder's arguments, which need no defaults.
        fixed: Arguments of the builder that make this architecture what it is.
        recipe: Name of its entry in `dlgn_tf.config.recipes`.
        gate_sites: Number of gate sites, with the published options; None
            where it is known once the network is made: the sum of `alike`.
        parameters: Counts for 32x32x3 images, 10 classes and the published
            options, moving statistics included: (dnn, dgn and dlgn, dlgn_sf),
            or the first alone where there are no gates; empty where nobody
            has counted.
        minimum_side: Smallest height and width of an image.
        minimum_side_padded: The same for option padding="same", where the
            published one is "valid".
        choices: Values of options, where they are others than in the rest of
            the zoo.
        check_depth: Function of those of the builder's arguments that it names,
            as are the next two; it raises a `UserError` if no such depth
            exists. None where all do.
        alike: Lists how many gate sites in a row have one shape; None where all
            have.
        removable: Lists the names of blocks which option `removed` can leave
            out; None where there are none.
        gate_beta: Steepness of the soft gate, as published.
        gate_epsilon: The soft gate is multiplied by 1 + this, as published.
    """

    name: str
    description: str
    builder: Callable | str
    options: dict
    recipe: str
    gate_sites: int
    parameters: tuple[int, ...] = ()
    fixed: dict = dataclasses.field(default_factory=dict)
    minimum_side: int = 1
    minimum_side_padded: int | None = None
    choices: dict = dataclasses.field(default_factory=dict)
    check_depth: Callable | None = None
    alike: Callable | None = None
    removable: Callable | None = None
    # Assumed for all but the networks of the neural path kernel paper.
    gate_beta: float = 10.0
    gate_epsilon: float = 0.0

    @property
    def families(self):
        """Names of the families that there are: without gates dnn alone."""
        return ("dnn",) if self.gate_sites == 0 else tuple(FAMILIES)

    @property
    def network_description(self):
        """JSON of a Keras model that it is made of, or None."""
        return getattr(self.builder, "text", None)

    def parameter_count(self, family: str) -> int | None:
        """Parameters in a family, for the published options, if counted."""
        column = {"dnn": 0, "dgn": 1, "dlgn": 1, "dlgn_sf": 2}[family]
        return self.parameters[column] if self.parameters else None

    def function(self) -> Callable:
        """The builder as a function, imported if need be."""
        if callable(self.builder):
            return self.builder
        module, name = self.builder.split(":")
        return getattr(importlib.import_module(module), name)

    def site_count(self, options):
        """Number of gate sites with resolved options: one a layer more."""
        if self.gate_sites is None:
            return sum(self.alike_sites(options))
        if "depth" not in self.options:
            return self.gate_sites
        return self.gate_sites + options["depth"] - self.options["depth"]

    def alike_sites(self, options):
        """How many gate sites in a row have one shape, with resolved options.

        A list of integers >= 0 from input to output, whose sum is `site_count`.
        """
        if self.alike is None:
            return [self.site_count(options)]
        return list(_applied(self.alike, {**self.fixed, **options}))

    def resolve(self, given):
        """All arguments of the builder, the given options in place.

        Args:
            given: Dict of options; None stands for "as published". Besides
                `options`, where there is `removable`: `removed`, a sequence of
                names of blocks.

        Raises:
            UserError: if the architecture has no such option, or not with such
                a value.
        """
        given = {k: v for k, v in given.items() if v is not None}
        removed = given.pop("removed", ())
        for option, value in given.items():
            self._check_option(option, value)
        arguments = {**self.fixed, **self.options, **given}
        if self.check_depth:
            _applied(self.check_depth, arguments)
        if removed:
            self._check_removed(removed, given)
            arguments["removed"] = tuple(removed)
        return arguments

    def removable_blocks(self, options):
        """Names of the blocks that option `removed` can leave out, in order.

        Raises:
            UserError: if the architecture has none, or no such option.
        """
        if self.removable is None:
            raise UserError(
                "Expected an architecture with blocks that can be left out, a "
                f"ResNet or a VGG. Received: {self.name}"
            )
        return _applied(self.removable, self.resolve(options))

    def _check_removed(self, removed, options):
        names = self.removable_blocks(options)
        if isinstance(removed, str) or not set(removed) <= set(names):
            raise UserError(
                f"Invalid value for option removed of {self.name}. Expected a "
                "sequence of blocks that can be left out without changing "
                f"shapes: {_shortened(names)}. Received: removed={removed}"
            )

    def _check_option(self, option, value):
        if option not in self.options:
            raise UserError(
                f"Option {option} has no effect on {self.name}. Expected one "
                f"of {sorted(self.options)}. Received: {option}={value}"
            )
        allowed = self.choices.get(option, _CHOICES.get(option))
        if isinstance(self.options[option], bool):
            allowed = (True, False)
        if allowed and value not in allowed:
            raise UserError(
                f"Invalid value for option {option} of {self.name}. Expected "
                f"one of {allowed}. Received: {option}={value}"
            )
        # What the builder itself checks.
        if allowed or self.options[option] is None:
            return
        least = 2 if (self.name, option) == ("fc", "depth") else 1
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < least:
            raise UserError(
                f"Invalid value for option {option} of {self.name}. Expected "
                f"an integer >= {least}. Received: {option}={value}"
            )

    def check_ensemble(self, family, given):
        """Raises a `UserError` if options ask for an ensemble there is not."""
        arguments = self.resolve(given)
        members, rule = given.get("members"), given.get("ensemble_rule")
        if family != "dnn" and (members or rule):
            raise UserError(
                "Expected --members and --ensemble_rule with c1gap_dnn alone: "
                "ensembles are of ReLU networks. Received: "
                f"model={self.name}_{family}"
            )
        if arguments.get("members", 1) == 1:
            if rule:
                raise UserError(
                    "Expected an ensemble_rule for an ensemble alone. "
                    f"Received: members=1, ensemble_rule={rule}"
                )
            return
        for option, only, what in _OF_MEMBERS:
            if arguments[option] != only:
                raise UserError(
                    f"Expected members {what}: {option}={only}. Received: "
                    f"members={members}, {option}={arguments[option]}"
                )

    def check_image_shape(self, image_shape, options=None):
        """Raises a `UserError` unless images of this shape are large enough.

        With resolved options, or None: with the published ones.
        """
        whole = all(isinstance(x, numbers.Integral) for x in image_shape)
        if len(image_shape) != 3 or not whole or min(image_shape) < 1:
            raise UserError(
                "Expected an image_shape (height, width, channels) of integers "
                f">= 1. Received: image_shape={image_shape}"
            )
        height, width, channels = image_shape
        side = self.minimum_side
        padding = (options or {}).get("padding")
        if padding == "same" and self.minimum_side_padded:
            side = self.minimum_side_padded
        if padding == "circular":
            # The margin is cut from the other edge of the same image.
            side = max(side, options.get("kernel_size", 3) // 2)
        coloured = channels not in (1, 3) and (height, width) != (1, 1)
        if coloured and (options or {}).get("grayscale"):
            raise UserError(
                f"Expected images of 1 or 3 channels for {self.name}, which "
                "sees colours as grey, or grayscale=False (--nograyscale). "
                f"Received: {channels} channels"
            )
        if min(height, width) < side:
            raise UserError(
                f"Images are too small for {self.name}. Expected at least "
                f"{side}x{side} pixels. Received: {height}x{width}"
            )


def _applied(function, arguments):
    """A function of those arguments that it names."""
    names = inspect.signature(function).parameters
    return function(**{k: v for k, v in arguments.items() if k in names})


def _shortened(names):
    """All names, or the first and last of many."""
    if len(names) > 20:
        names = [*names[:2], "...", *names[-2:]]
    return ", ".join(names) or "it has none"


# What the vectorised ensemble can compute.
_OF_MEMBERS = (
    ("depth", 1, "of a single convolution"),
    ("padding", "same", "with zeros around the image"),
    ("biases", True, "with biases"),
)
