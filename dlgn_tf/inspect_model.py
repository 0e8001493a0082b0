"""Opens a trained network: python -m dlgn_tf.inspect_model --run_dir=DIR."""

import dataclasses
import re

from dlgn_tf.command import cli, common_flags
from dlgn_tf.command.fields import flag
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.opening import opened
from dlgn_tf.inspection.sites import chosen_sites
from dlgn_tf.output import origin
from dlgn_tf.training.source import Source

USAGE = """\
Shows what each gate of a trained network looks at and what each unit says, on
one HTML page that needs no network, with the tables and pictures beside it.

  python -m dlgn_tf.inspect_model --run_dir=RUN_DIR
  python -m dlgn_tf.inspect_model --run_dir=RUN_DIR --sites=conv2 --channels=32
  python -m dlgn_tf.inspect_model --saved_model=DIR --dataset=digits \\
--output_dir=OUT

writes to RUN_DIR/inspection
  index.html        the page: templates of the gates, gate statistics, right
                    and wrong decisions taken apart, the neural path kernel by
                    class, what happens when gates are switched
  *.csv, *.png      its numbers and pictures
and with --tensorboard the pictures as summaries. The SavedModel is one that
python -m dlgn_tf.export wrote."""

# The sites, and the contents of a SavedModel, are known once Keras is there.
_PLACE = re.compile("([0-9]{1,9})x([0-9]{1,9})")
_SITES_SHOWN = 6
_IMAGES, _IMAGES_OF_DEEP = 1000, 200
_SHALLOW = 24


@dataclasses.dataclass(frozen=True)
class Command(common_flags.OfNetwork):
    """The flags of this command, beside those of its network."""

    output_dir: str | None = common_flags.output_dir(
        "Where page, tables and pictures are written. Default: "
        "RUN_DIR/inspection.",
        required=None,
    )
    sites: tuple[str, ...] = flag(
        (),
        "Comma-separated gate sites that are looked at one by one. Default: "
        f"all, or {_SITES_SHOWN} spread from the first to the last.",
    )
    positions: tuple[str, ...] = flag(
        (),
        "Comma-separated places ROWxCOLUMN of the image, such as 16x16,0x0: "
        "templates are shown of the units that sit there. Default: its middle.",
    )
    channels: int = flag(16, "Templates shown of a site.", least=1)
    examples: int = flag(
        6,
        "Images whose decision is taken apart: half of them wrong ones, where "
        "there are so many.",
        least=1,
    )
    images: int | None = flag(
        None,
        "Gate statistics and interventions are over the first so many test "
        f"images. Default: {_IMAGES:,}, {_IMAGES_OF_DEEP} of a network of more "
        f"than {_SHALLOW} gate sites, or all if there are fewer.",
        least=2,
    )
    kernel_images: int = flag(
        300,
        "Number of those images used for the neural path kernel.",
        least=2,
    )
    singular_values: bool | None = flag(
        None,
        "Compute those of the linear map of each whole site. Default: where "
        "that takes seconds.",
    )
    memory_gib: float = common_flags.memory_gib("templates or a kernel take")
    tensorboard: bool = flag(
        False, "Write the pictures as summaries too: OUTPUT_DIR/page."
    )


def run(command):
    """Writes the page of the network that a `Command` names."""
    network = Source.of_command(command, "dataset", "output_dir")
    _positions(command.positions)
    data = _data(command, network)
    network.check()
    output_dir = network.output_dir(command.output_dir, "inspection")

    model, step = opened(network)
    from dlgn_tf.data import sources
    from dlgn_tf.inspection import report

    sites = chosen_sites(model, command.sites, _SITES_SHOWN)
    positions = _positions(command.positions)
    _check_positions(model, positions)
    if command.images is None and len(model.site_names) > _SHALLOW:
        data["test_examples"] = min(data["test_examples"], _IMAGES_OF_DEEP)
    _, test = sources.load(**data)
    task = report.InspectedNetwork.of(
        network,
        model,
        step,
        images=test,
        sites=sites,
        positions=positions,
        channels=command.channels,
        examples=command.examples,
        kernel_images=command.kernel_images,
        memory_gib=command.memory_gib,
        singular_values=command.singular_values,
    )
    page = report.write(task, output_dir, command.tensorboard)
    origin.note_command(output_dir)
    print(f"{page}: open it in a browser")
    return page


def _data(command, network):
    """Keyword arguments of `sources.load`, checked."""
    images = network.images(command.data_dir, command.npz)
    available = catalog.examples(**images)["test"]
    return {
        **images,
        "train_examples": 1,
        "test_examples": min(command.images or _IMAGES, available),
    }


def _positions(texts):
    """`16x16` as (16, 16)."""
    places = []
    for text in texts:
        place = _PLACE.fullmatch(text)
        if not place:
            raise UserError(
                "Invalid --positions. Expected places of the image such as "
                f"16x16,0x0. Received: {text}"
            )
        places.append((int(place[1]), int(place[2])))
    return tuple(places)


def _check_positions(model, places):
    height, width, _ = model.image_shape
    for row, column in places:
        if row >= height or column >= width:
            raise UserError(
                f"Invalid --positions. Expected rows below {height} and "
                f"columns below {width}. Received: {row}x{column}"
            )


if __name__ == "__main__":
    cli.run(run, "dlgn_tf.inspect_model", USAGE, Command)
