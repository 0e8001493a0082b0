"""The architectures of the zoo, one entry each. Imports nothing heavy."""

import inspect
from collections.abc import Callable
from typing import Any

from dlgn_tf.errors import UserError
from dlgn_tf.models import depths
from dlgn_tf.models.architecture import Architecture

# The soft gate of the neural path kernel paper: 1.1 sigmoid(4 q).
_NPK_GATE = {"gate_beta": 4.0, "gate_epsilon": 0.1}


def _check_resnet(depth, block, norm, widen=1):
    if norm == "post" and block != "original":
        raise UserError(
            "Expected block=original with norm=post. Received: "
            f"block={block}, norm=post"
        )
    depths.resnet_blocks(depth, block, widen)


def _gconv_alike(depth):
    return [depth // 2, depth - depth // 2, 2]


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
        check_depth=depths.vgg_groups,
        alike=depths.vgg_groups,
        removable=depths.vgg_removable,
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
        removable=depths.resnet_removable,
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
        check_depth=depths.resnet_blocks,
        removable=depths.resnet_removable,
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


def _gray(name, description, gate_sites, parameters, minimum_side, **options):
    return Architecture(
        name=name,
        description=description,
        builder=f"dlgn_tf.models.gray_networks:{name}",
        options={"norm": "none", "grayscale": True, **options},
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
            check_depth=depths.fcresnet_blocks,
            removable=depths.fcresnet_removable,
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
            biases=False,
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


def register(
    builder: Callable, recipe: str, gate_sites: int, **fields: Any
) -> Architecture:
    """Adds an architecture that a function says nearly all of.

    Its name is the function's, its description the first line of the docstring
    (nothing without one), its options are the arguments that have defaults,
    which are the published values. It is returned, and in `ARCHITECTURES` then.

    Args:
        builder: Function `(x, site, classes, **options) -> logits`.
        recipe: See `Architecture`.
        gate_sites: See `Architecture`.
        **fields: Further fields of `Architecture`.
    """
    arguments = inspect.signature(builder).parameters.values()
    entry = Architecture(
        name=builder.__name__,
        description=(inspect.getdoc(builder) or "").partition("\n")[0],
        builder=builder,
        options={x.name: x.default for x in arguments if x.default != x.empty},
        recipe=recipe,
        gate_sites=gate_sites,
        **fields,
    )
    ARCHITECTURES[entry.name] = entry
    return entry
