"""What models there are: names, options, counts. Imports nothing heavy.

A model's name is ARCHITECTURE_FAMILY. To add an architecture, write a function
`(x, site, classes, **options) -> logits` and an entry below; it then has every
family.
"""

import dataclasses
import difflib
from collections.abc import Callable

from dlgn_tf.errors import UserError
from dlgn_tf.gate_kinds import GATES
from dlgn_tf.models import depths

FAMILIES = {
    "dnn": "ReLU network",
    "dgn": "gating network with ReLUs, value network",
    "dlgn": "linear gating network, value network",
    "dlgn_sf": "one linear map of the image a gate, value network",
}

# How gates come to be; see `dlgn_tf.models.build.create_model`.
GATE_REGIMES = ("joint", "frozen_random", "frozen_dependent", "frozen_learned")
ENSEMBLE_RULES = ("mean_softmax", "mean_logits")

_CHOICES = {
    "ensemble_rule": ENSEMBLE_RULES,
    "pooling": ("average", "max"),
    "block": ("original", "preactivated", "bottleneck"),
    "shortcut": ("A", "B"),
    "padding": ("same", "circular"),
    "biases": (True, False),
    "batch_normalized": (True, False),
    "apodized": (True, False),
    "norm": ("none", "post"),
    "grayscale": (True, False),
    "skip": (True, False),
    "unit_norm": (True, False),
}


@dataclasses.dataclass(frozen=True)
class Architecture:
    """An entry of the zoo.

    Attributes:
        name: String.
        description: One line.
        builder: `"module:function"`, imported when a model is made.
        options: Options a user may change, with their published values.
        fixed: Arguments of the builder that make this architecture what it is.
        recipe: Name of its entry in `dlgn_tf.recipes`.
        gate_sites: Number of gate sites, with the published options.
        parameters: Counts for 32x32x3 images, 10 classes and the published
            options, moving statistics included: (dnn, dgn and dlgn, dlgn_sf),
            or the first alone where there are no gates.
        minimum_side: Smallest height and width of an image.
        minimum_side_padded: The same for option padding="same", where the
            published one is "valid".
        choices: Values of options, where they are others than in the rest of
            the zoo.
        check_depth: Function of the builder's arguments that raises a
            `UserError` if no such depth exists.
        alike: Function of the builder's arguments that lists how many gate
            sites in a row have one shape; None where all have.
        removable: Function of the builder's arguments that lists the names of
            blocks which option `removed` can leave out; None where there are
            none.
        gate_beta: Steepness of the soft gate, as published.
        gate_epsilon: The soft gate is multiplied by 1 + this, as published.
    """

    name: str
    description: str
    builder: str
    options: dict
    recipe: str
    gate_sites: int
    parameters: tuple[int, ...]
    fixed: dict = dataclasses.field(default_factory=dict)
    minimum_side: int = 1
    minimum_side_padded: int | None = None
    choices: dict = dataclasses.field(default_factory=dict)
    check_depth: Callable = lambda arguments: None
    alike: Callable | None = None
    removable: Callable | None = None
    # Assumed for all but the networks of the neural path kernel paper.
    gate_beta: float = 10.0
    gate_epsilon: float = 0.0

    @property
    def families(self):
        """Names of the families that there are: without gates dnn alone."""
        return tuple(FAMILIES) if self.gate_sites else ("dnn",)

    def parameter_count(self, family):
        """Parameters in a family, for the published options."""
        column = {"dnn": 0, "dgn": 1, "dlgn": 1, "dlgn_sf": 2}[family]
        return self.parameters[column]

    def site_count(self, options):
        """Number of gate sites with these options; each layer more is one.

        Args:
            options: Dict of options, as `resolve` returns it.
        """
        if "depth" not in self.options:
            return self.gate_sites
        return self.gate_sites + options["depth"] - self.options["depth"]

    def alike_sites(self, options):
        """How many gate sites in a row have one shape, from input to output.

        Args:
            options: Dict of options, as `resolve` returns it.

        Returns:
            List of integers >= 0. Their sum is `site_count`.
        """
        if self.alike is None:
            return [self.site_count(options)]
        return list(self.alike({**self.fixed, **options}))

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
        self.check_depth(arguments)
        if removed:
            self._check_removed(removed, given)
            arguments["removed"] = tuple(removed)
        return arguments

    def removable_blocks(self, options):
        """Names of the blocks that option `removed` can leave out, in order.

        Args:
            options: Dict of options, as for `resolve`.

        Raises:
            UserError: if the architecture has none, or no such option.
        """
        if self.removable is None:
            raise UserError(
                "Expected an architecture with blocks that can be left out, a "
                f"ResNet or a VGG. Received: {self.name}"
            )
        return self.removable(self.resolve(options))

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
        choices = self.choices.get(option, _CHOICES.get(option))
        if choices and value not in choices:
            raise UserError(
                f"Invalid value for option {option} of {self.name}. Expected "
                f"one of {choices}. Received: {option}={value}"
            )
        if choices:
            return
        least = 2 if (self.name, option) == ("fc", "depth") else 1
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < least:
            raise UserError(
                f"Invalid value for option {option} of {self.name}. Expected "
                f"an integer >= {least}. Received: {option}={value}"
            )

    def check_ensemble(self, family, given):
        """Raises a `UserError` if options ask for an ensemble there is not.

        Args:
            family: String.
            given: Dict of options, see `resolve`.
        """
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
        """Raises a `UserError` if images of this shape are too small.

        Args:
            image_shape: Tuple `(height, width, channels)`.
            options: Dict of options, as `resolve` returns it, or None: the
                published ones.
        """
        height, width = image_shape[:2]
        side = self.minimum_side
        padding = (options or {}).get("padding")
        if padding == "same" and self.minimum_side_padded:
            side = self.minimum_side_padded
        if padding == "circular":
            # The margin is cut from the other edge of the same image.
            side = max(side, options.get("kernel_size", 3) // 2)
        if min(height, width) < side:
            raise UserError(
                f"Images are too small for {self.name}. Expected at least "
                f"{side}x{side} pixels. Received: {height}x{width}"
            )


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

# The soft gate of the neural path kernel paper: 1.1 sigmoid(4 q).
_NPK_GATE = {"gate_beta": 4.0, "gate_epsilon": 0.1}


def _check_vgg_depth(arguments):
    depths.vgg_groups(arguments["depth"])


def _check_resnet(arguments):
    block, norm = arguments["block"], arguments.get("norm", "pre")
    if norm == "post" and block != "original":
        raise UserError(
            "Expected block=original with norm=post. Received: "
            f"block={block}, norm=post"
        )
    _check_resnet_depth(arguments)


def _check_resnet_depth(arguments):
    depths.resnet_blocks(
        arguments["depth"], arguments["block"], arguments.get("widen", 1)
    )


def _check_fcresnet_depth(arguments):
    depths.fcresnet_blocks(arguments["depth"], arguments["block_depth"])


def _fcresnet_removable(arguments):
    return depths.fcresnet_removable(
        arguments["depth"], arguments["block_depth"]
    )


def _vgg_removable(arguments):
    return depths.vgg_removable(arguments["depth"])


def _resnet_removable(arguments):
    return depths.resnet_removable(
        arguments["depth"], arguments["block"], arguments.get("widen", 1)
    )


def _gconv_alike(arguments):
    half, depth = arguments["depth"] // 2, arguments["depth"]
    return [half, depth - half, 2]


def _vgg_alike(arguments):
    return depths.vgg_groups(arguments["depth"])


def _conv(name, description, function, gate_sites, parameters, **options):
    return Architecture(
        name=name,
        description=description,
        builder=f"dlgn_tf.models.convnet:{function}",
        options=options,
        recipe=name,
        gate_sites=gate_sites,
        parameters=parameters,
        **(_NPK if name in ("gconv", "vconv") else {}),
    )


_NPK = {**_NPK_GATE, "alike": _gconv_alike}


def _vgg(depth, gate_sites, parameters):
    return Architecture(
        name=f"vgg{depth}",
        description="conv-BN-gate in five groups, each pooled, GAP, dense",
        builder="dlgn_tf.models.vgg:vgg",
        options={"depth": depth, "width": 64, "pooling": "average"},
        recipe="vgg",
        check_depth=_check_vgg_depth,
        alike=_vgg_alike,
        removable=_vgg_removable,
        gate_sites=gate_sites,
        parameters=parameters,
        minimum_side=32,
    )


def _resnet(depth, block, shortcut, gate_sites, parameters):
    v1, bottleneck = block == "original", block == "bottleneck"
    kind = "v1" if v1 else "v2 bottleneck" if bottleneck else "v2"
    return Architecture(
        name=f"resnet{depth}",
        description=f"ResNet {kind}, block {block}, shortcut {shortcut}",
        builder="dlgn_tf.models.resnet:resnet",
        options={
            "depth": depth,
            "width": 16,
            "block": block,
            "shortcut": shortcut,
            "norm": "pre",
        },
        fixed={
            "activate_shortcuts": "each_group" if bottleneck else "first_block"
        },
        recipe="resnet",
        check_depth=_check_resnet,
        choices={"norm": ("pre", "post")},
        removable=_resnet_removable,
        gate_sites=gate_sites,
        parameters=parameters,
        minimum_side=4,
    )


def _wrn(depth, widen, gate_sites, parameters):
    return Architecture(
        name=f"wrn{depth}_{widen}",
        description=f"Wide ResNet-{depth}-{widen}, block preactivated",
        builder="dlgn_tf.models.resnet:resnet",
        options={"depth": depth, "width": 16, "shortcut": "B"},
        fixed={
            "block": "preactivated",
            "widen": widen,
            "activate_shortcuts": "each_group",
        },
        recipe="wrn",
        check_depth=_check_resnet_depth,
        removable=_resnet_removable,
        gate_sites=gate_sites,
        parameters=parameters,
        minimum_side=4,
    )


def _smaso(name, description, gate_sites, parameters, sides, **options):
    return Architecture(
        name=name,
        description=description,
        builder=f"dlgn_tf.models.smaso_cnn:{name}",
        options={
            **options,
            "padding": "valid",
            "batch_normalized": False,
            "apodized": False,
        },
        recipe="largecnn",
        gate_sites=gate_sites,
        parameters=parameters,
        minimum_side=sides[0],
        minimum_side_padded=sides[1],
        choices={"padding": ("valid", "same")},
    )


def _gray(name, description, gate_sites, parameters, minimum_side, width):
    return Architecture(
        name=name,
        description=description,
        builder=f"dlgn_tf.models.gray_networks:{name}",
        options={"width": width, "norm": "none", "grayscale": True},
        recipe="gray",
        gate_sites=gate_sites,
        parameters=parameters,
        minimum_side=minimum_side,
    )


def _scattering(name, description, recipe, parameters, options, **fixed):
    return Architecture(
        name=name,
        description=description,
        builder="dlgn_tf.models.scattering:scattering",
        options=options,
        fixed=fixed,
        recipe=recipe,
        gate_sites=0,
        parameters=(parameters,),
        # Four times halved; a filter's window reflects 3 pixels.
        minimum_side=25,
    )


# Options of the convolutional networks that the theory can cover.
_CIRCULAR = {"padding": "same", "biases": True}

ARCHITECTURES = {
    entry.name: entry
    for entry in (
        Architecture(
            name="fc",
            description="fully connected, 5 hidden layers of 128",
            builder="dlgn_tf.models.fc:fc",
            options={"depth": 6, "width": 128, "biases": True},
            recipe="fc",
            **_NPK_GATE,
            gate_sites=5,
            parameters=(460_682, 920_074, 2_427_402),
        ),
        Architecture(
            name="fcresnet",
            description="fully connected, 3 blocks of 2 layers with skips",
            builder="dlgn_tf.models.fcresnet:fcresnet",
            options={
                "depth": 10,
                "width": 128,
                "block_depth": 2,
                "biases": False,
            },
            recipe="fc",
            **_NPK_GATE,
            check_depth=_check_fcresnet_depth,
            removable=_fcresnet_removable,
            gate_sites=9,
            parameters=(525_568, 1_049_856, 4_064_512),
        ),
        _conv(
            "c1gap",
            "one conv 3x3 128, GAP, dense",
            "conv_gap",
            1,
            (4_874, 8_458, 8_458),
            depth=1,
            width=128,
            kernel_size=3,
            **_CIRCULAR,
            members=1,
            ensemble_rule="mean_softmax",
        ),
        _conv(
            "c4gap",
            "four conv 3x3 128, GAP, dense",
            "conv_gap",
            4,
            (447_626, 893_962, 461_962),
            depth=4,
            width=128,
            kernel_size=3,
            **_CIRCULAR,
        ),
        _conv(
            "gconv",
            "four conv 3x3 64/64/128/128, GAP, dense 256 twice, dense",
            "gconv",
            6,
            (361_546, 720_522, 1_945_674),
            depth=4,
            width=64,
            head_width=256,
            **_CIRCULAR,
        ),
        _conv(
            "vconv",
            "as gconv, flattened instead of GAP",
            "vconv",
            6,
            (33_883_210, 67_763_850, 35_467_338),
            depth=4,
            width=64,
            head_width=256,
        ),
        _smaso(
            "largecnn",
            "eight conv 96/192, stride 2 twice, conv 1x1 to the logits, GAP",
            8,
            (1_369_738, 2_737_546, 1_404_682),
            (9, 1),
            width=96,
        ),
        _smaso(
            "smallcnn",
            "conv 3x3 32 and 64, each max-pooled, conv 1x1 128, GAP, dense",
            3,
            (29_002, 56_714, 35_274),
            (10, 4),
            width=32,
            pooling="max",
        ),
        _gray(
            "mlp",
            "grey image, two hidden layers of 512 and 256, no biases",
            2,
            (657_920, 1_313_280, 1_444_352),
            1,
            width=512,
        ),
        _gray(
            "plaincnn",
            "grey image, two conv 5x5 32/64 of stride 2, dense, no biases",
            2,
            (68_000, 120_000, 68_864),
            13,
            width=32,
        ),
        _scattering(
            "scattering3",
            "wavelets and modulus, learned 1x1 64/128/256/512, dense",
            "scattering",
            887_134,
            {"width": 64, "skip": False, "unit_norm": False},
            factors=(1, 2, 4),
            last_width=512,
            half_octaves=False,
        ),
        _scattering(
            "scattering3_mini",
            "as scattering3, learned 1x1 16/32/64/64, unit norm",
            "scattering_mini",
            37_358,
            {"width": 16, "skip": False, "unit_norm": True},
            factors=(1, 2, 4),
            last_width=64,
            half_octaves=False,
        ),
        _scattering(
            "scattering7",
            "as scattering3, two blocks an octave, 64 to 512, skip, unit norm",
            "scattering",
            12_350_968,
            {"width": 64, "skip": True, "unit_norm": True},
            factors=(1, 2, 4, 8, 8, 8, 8, 8),
            last_width=None,
            half_octaves=True,
        ),
        _vgg(11, 8, (9_236_618, 18_468_106, 9_324_682)),
        _vgg(13, 10, (9_421_898, 18_838_666, 9_516_106)),
        _vgg(16, 13, (14_736_714, 29_468_298, 14_871_882)),
        _vgg(19, 16, (20_051_530, 40_097_930, 20_227_658)),
        _resnet(20, "original", "A", 19, (271_098, 541_546, 292_426)),
        _resnet(32, "original", "A", 31, (466_426, 932_202, 501_642)),
        _resnet(44, "original", "A", 43, (661_754, 1_322_858, 710_858)),
        _resnet(56, "original", "A", 55, (857_082, 1_713_514, 920_074)),
        _resnet(
            110, "preactivated", "B", 109, (1_738_618, 3_476_586, 1_864_106)
        ),
        _resnet(164, "bottleneck", "B", 163, (1_727_482, 3_452_394, 2_102_954)),
        _resnet(
            1001, "bottleneck", "B", 1000, (10_476_922, 20_951_274, 12_789_770)
        ),
        _wrn(16, 4, 13, (2_752_506, 5_502_442, 2_808_554)),
        _wrn(40, 4, 37, (8_959_994, 17_917_418, 9_127_146)),
        _wrn(16, 8, 13, (10_968_570, 21_932_010, 11_080_170)),
        _wrn(28, 10, 25, (36_497_146, 72_987_882, 36_775_402)),
    )
}


def names():
    """Names of all models, architecture by architecture."""
    return [
        f"{name}_{family}"
        for name, architecture in ARCHITECTURES.items()
        for family in architecture.families
    ]


def parse(name):
    """Splits a model's name.

    Returns:
        `(Architecture, family)`.

    Raises:
        UserError: if there is no such model; its text names the nearest.
    """
    for family in FAMILIES:
        architecture = name.removesuffix(f"_{family}")
        if architecture in ARCHITECTURES and architecture != name:
            return _with_family(ARCHITECTURES[architecture], family), family
    near = difflib.get_close_matches(name, names(), n=3, cutoff=0.5)
    nearest = f"The nearest are {', '.join(near)}. " if near else ""
    raise UserError(
        "Unknown model. Expected ARCHITECTURE_FAMILY as --list_models prints "
        f"them. {nearest}Received: model={name}"
    )


def _with_family(architecture, family):
    if family not in architecture.families:
        raise UserError(
            f"Expected {architecture.name}_dnn: the nonlinearity of "
            f"{architecture.name} is a modulus, so it has no gates. Received: "
            f"model={architecture.name}_{family}"
        )
    return architecture


def resolve_gates(family, regime=None, gate=None):
    """Gate regime and kind of gate of a gated family, defaults filled in.

    Args:
        family: One of `FAMILIES` other than dnn.
        regime: One of `GATE_REGIMES`, or None: `"joint"`, or
            `"frozen_random"` where the gate passes no gradient.
        gate: One of `dlgn_tf.gate_kinds.GATES`, or None: soft where gates are
            learned jointly, hard where they are frozen.

    Returns:
        `(regime, gate)`.

    Raises:
        UserError: if gates of the family cannot be learned so.
    """
    stuck = gate in GATES and not GATES[gate].differentiable
    regime = regime or ("frozen_random" if stuck else "joint")
    if regime not in GATE_REGIMES:
        raise UserError(
            f"Unknown gate regime. Expected one of {GATE_REGIMES}. "
            f"Received: gate_regime={regime}"
        )
    if regime == "joint" and stuck:
        raise UserError(
            f"{gate.capitalize()} gates pass no gradient. Expected soft gates "
            f"where they are learned jointly. Received: gate={gate}, "
            "gate_regime=joint"
        )
    if regime == "frozen_dependent" and family == "dlgn_sf":
        raise UserError(
            "The gating network of a dlgn_sf has other layers than its value "
            "network, of which it cannot be a copy. Expected another gate "
            "regime. Received: gate_regime=frozen_dependent"
        )
    return regime, gate or ("soft" if regime == "joint" else "hard")


def default_value_input(family):
    """What the value network of a family sees unless told otherwise."""
    return "ones" if family == "dlgn_sf" else "image"
