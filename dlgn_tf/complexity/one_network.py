"""One trained network, taken apart: what the command does with it."""

import pathlib

from dlgn_tf.complexity import figures, panels, report, tables
from dlgn_tf.complexity.components import measure_significance
from dlgn_tf.complexity.effectiveness import measure_effectiveness
from dlgn_tf.complexity.features import accuracy, feature_of
from dlgn_tf.complexity.ladder import train_ladder
from dlgn_tf.data import sources
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError
from dlgn_tf.output import markdown, origin
from dlgn_tf.output.folder import Output

# Images of each of the two games; the head runs 2^orders times on them.
GAME_IMAGES = 1000
_PIXELS = "pixels in [0, 255]"
_SHOWN = ("phi_train", "phi_test", "alpha_effective", "alpha_overfit")


def measure(command, network, ladder_settings, data):
    """Takes a network, a `Source`, apart; writes tables, pictures, a report.

    The data are keyword arguments of `dlgn_tf.data.sources.load`.
    """
    model, _ = network.load(of_zoo=False)
    output = Output(command.output_dir)
    feature = feature_of(model, command.layer, command.network)
    train, test = sources.load(**data)
    _check_images(feature, train, data["name"])
    ladder = train_ladder(
        feature,
        train.images,
        ladder_settings,
        pathlib.Path(command.output_dir) / "nets",
    )
    significance = measure_significance(
        feature, ladder, train.images, resamples=command.resamples or 0
    )
    key = {"feature": feature.name, **ladder_settings.columns()}
    output.table("significance", tables.keyed_rows(key, significance))
    print(f"{feature.name}: {tables.shown(significance)}")
    shares = {feature.name: [tables.bars_of(significance)]}
    parts = [
        *tables.summary(shares, ladder.orders, command.resamples),
        f"Gap {significance.gap:+.3f}.",
        report.drawn(
            output,
            "significance",
            figures.significance(shares, ladder.orders, feature.name),
            "significance by order",
        ),
        *_games(output, feature, ladder, train, test, network.of_images),
        *_panels(output, feature, ladder, test.images[: command.panels]),
        report.RELATIVE,
    ]
    facts = {
        "command": f"`{origin.command_line()}`",
        "feature": f"{feature.name}, shape {feature.shape}",
        "images": f"{data['name']}, {len(train)} training images",
        "seed": ladder_settings.training.seed,
        "budget": ladder_settings.budget(),
    }
    report.write(output, f"Components of {feature.name}", parts, facts)


def _check_images(feature, train, name):
    if train.images.shape[1:] != feature.image_shape:
        raise UserError(
            f"Expected a data set of images {feature.image_shape}, as the "
            f"network takes them. Received: {name}, images "
            f"{train.images.shape[1:]}"
        )


def _games(output, feature, ladder, train, test, info):
    """Effectiveness and over-fitting: table, picture, parts of the report."""
    classes = info.classes
    logits = feature.head(feature.trunk(train.images[:1]), train.images[:1])
    if logits.shape != (1, classes):
        return [
            f"Effectiveness is not measured: the network, fed {_PIXELS}, has "
            f"no {classes} logits, but an output of shape {logits.shape[1:]}."
        ]
    first = _first(test)
    right = accuracy(feature, feature.trunk(first.images), first)
    fit = (
        f"The network, fed {_PIXELS}, has a test accuracy of {right:.2f}% on "
        f"the first {len(first)} images."
    )
    print(fit)
    seen = _first(train)
    games = measure_effectiveness(feature, ladder, seen, first)
    output.table("effectiveness", [tables.rounded(row) for row in games.rows()])
    bars = ({feature.name: x} for x in (games.effective(), games.overfit))
    rows = [
        [row["order"], *(f"{row[name]:.3g}" for name in _SHOWN)]
        for row in games.rows()
    ]
    return [
        fit,
        f"Shapley values of the losses over the first {len(seen)} training "
        f"and {len(first)} test images, for which training images are taken "
        "that the network may or may not have seen:",
        markdown.table(["order", *_SHOWN], rows),
        report.drawn(
            output,
            "effectiveness",
            figures.alphas(*bars, games.orders, feature.name),
            "effectiveness and over-fitting",
        ),
    ]


def _first(images):
    return ImageSet(images.images[:GAME_IMAGES], images.labels[:GAME_IMAGES])


def _panels(output, feature, ladder, images):
    """Pictures of one channel of some images, and parts of the report."""
    if len(feature.shape) != 3 or not len(images):
        return []
    f, outputs = feature.trunk(images), ladder.outputs(images)
    rows, parts = [], []
    for index, image in enumerate(images):
        shown = panels.panels(
            image,
            ladder.orders,
            f[index],
            [outputs[order][index] for order in ladder.orders],
        )
        name, title = f"panels_{index}", f"{feature.name}, test image {index}"
        rows += panels.rows(shown, index)
        figure = panels.draw(shown, title)
        parts.append(report.drawn(output, name, figure, title))
    output.table("panels", rows)
    return parts
