"""Explains decisions: python -m dlgn_tf.explain --run_dir=DIR --images=3,17.

As a function, `dlgn_tf.explain(model, images)`, it is
`dlgn_tf.inspection.explanations.explain`. Python puts this module in the place
of that name once it is imported, and so the module can be called too.
"""

import dataclasses
import pathlib
import re
import sys
import types

from dlgn_tf import choices
from dlgn_tf.command import cli, common_flags
from dlgn_tf.command.fields import flag
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.opening import opened
from dlgn_tf.inspection.sites import chosen_sites
from dlgn_tf.output import elsewhere, origin
from dlgn_tf.training.source import Source

USAGE = """\
Explains what a trained network says of single images, on one HTML page that
needs no network, with the numbers and pictures beside it.

  python -m dlgn_tf.explain --run_dir=RUN_DIR
  python -m dlgn_tf.explain --run_dir=RUN_DIR --images=3,17,photo.png
  python -m dlgn_tf.explain --model_path=MODEL.keras --dataset=digits \\
--output_dir=OUT

writes to RUN_DIR/explanations
  index.html        the page: what each pixel adds to a decision, exactly, the
                    gates behind it, what would flip them, other methods
  explanations.csv  the sums: pixels, biases, and the lead that they make
  flips.csv         gates: how far the image is from flipping each, and what
                    the network says then
  methods.csv       measures of the methods
  explained_*.png, methods_*.png
From Python: dlgn_tf.explain(model, images)."""

_NUMBER = re.compile("[0-9]{1,18}")
_SITES_SHOWN, _OF_DEEP, _SHALLOW = 6, 3, 24


@dataclasses.dataclass(frozen=True)
class Command(common_flags.OfNetwork):
    """The flags of this command, beside those of its network."""

    output_dir: str | None = common_flags.output_dir(
        "Where page, tables and pictures are written. Default: "
        "RUN_DIR/explanations.",
        required=None,
    )
    images: tuple[str, ...] = flag(
        ("0", "1", "2", "3"),
        "Comma-separated images: numbers of test images, counted from 0, or "
        "picture files (PNG, JPEG, GIF, BMP, WebP).",
        path=True,
    )
    sites: tuple[str, ...] = flag(
        (),
        "Comma-separated gate sites whose gates are looked at. Default: all, "
        f"or {_SITES_SHOWN} spread from the first to the last, {_OF_DEEP} of a "
        f"network of more than {_SHALLOW}.",
    )
    methods: tuple[str, ...] = flag(
        (),
        "Comma-separated methods that are compared. Default: all, of a network "
        f"of more than {_SHALLOW} gate sites none.",
        choices=choices.ATTRIBUTIONS,
    )
    memory_gib: float = common_flags.memory_gib("passes through it take")


def run(command):
    """Writes the page of the decisions that a `Command` names."""
    network = Source.of_command(command, "dataset", "output_dir")
    numbers, pictures = _images(command.images)
    data = network.images(command.data_dir, command.npz)
    if numbers:
        available = catalog.examples(**data)["test"]
        if "images" not in command.given:
            numbers = numbers[:available]
        _check_numbers(numbers, available)
    network.check()
    output_dir = network.output_dir(command.output_dir, "explanations")

    model, step = opened(network)
    from dlgn_tf.inspection import report

    deep = len(model.site_names) > _SHALLOW
    shown = _OF_DEEP if deep else _SITES_SHOWN
    sites = chosen_sites(model, command.sites, shown)
    images, titles = _loaded(model, data, numbers, pictures)
    task = report.InspectedNetwork.of(
        network,
        model,
        step,
        images=images,
        sites=sites,
        memory_gib=command.memory_gib,
        explained=tuple((title, k) for k, title in enumerate(titles)),
        methods=command.methods or (() if deep else choices.ATTRIBUTIONS),
    )
    page = report.write(
        task,
        output_dir,
        sections=report.DECISIONS,
        title="Decisions of {}, explained",
    )
    origin.note_command(output_dir)
    print(f"{page}: open it in a browser")
    return page


def _images(texts):
    """The numbers of test images, and the paths of pictures, among texts."""
    if not texts:
        raise UserError(
            "Invalid --images. Expected numbers of test images, or picture "
            "files. Received: none"
        )
    numbers = [int(text) for text in texts if _NUMBER.fullmatch(text)]
    return numbers, [text for text in texts if not _NUMBER.fullmatch(text)]


def _check_numbers(numbers, available):
    if max(numbers) >= available:
        raise UserError(
            "Invalid --images. Expected numbers of test images from 0 to "
            f"{available - 1}, or picture files. Received: {max(numbers)}"
        )


def _loaded(model, data, numbers, pictures):
    """The images, an `ImageSet` whose labels are -1 if unknown, and titles."""
    import numpy as np

    from dlgn_tf.data import sources
    from dlgn_tf.data.images import ImageSet

    images, labels = [], []
    if numbers:
        _, test = sources.load(
            **{**data, "train_examples": 1, "test_examples": max(numbers) + 1}
        )
        images, labels = [test.images[numbers]], [test.labels[numbers]]
    if pictures:
        images.append(_pictures(pictures, model.image_shape))
        labels.append(np.full(len(pictures), -1, "int32"))
    titles = [f"Test image {number}" for number in numbers]
    titles += [pathlib.Path(path).name for path in pictures]
    found = ImageSet(np.concatenate(images), np.concatenate(labels))
    return found, titles


def _pictures(paths, image_shape):
    """Picture files as images of a model, cut to its proportions."""
    import numpy as np

    from dlgn_tf.data import decoding

    images = []
    for path in paths:
        try:
            content = elsewhere.read_bytes(path)
            images.append(decoding.decode(content, image_shape, "crop"))
        # Pillow raises many kinds for a damaged file.
        except Exception as error:
            raise UserError(
                "Invalid --images. Expected numbers of test images, or picture "
                f"files. Received: {path}, {error}"
            ) from error
    return np.stack(images)


class _Called(types.ModuleType):
    """A module that can be called as the function of its name."""

    def __call__(self, *args, **kwargs):
        """As `dlgn_tf.inspection.explanations.explain`."""
        from dlgn_tf.inspection import explanations

        return explanations.explain(*args, **kwargs)


sys.modules[__name__].__class__ = _Called

if __name__ == "__main__":
    cli.run(run, "dlgn_tf.explain", USAGE, Command)
