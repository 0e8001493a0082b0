"""Makes a preset of a trained run: `preset:NAME`, see dlgn_tf/presets.

  python tools/make_preset.py --run_dir=runs/resnet20 --data_dir=DIR \\
      --name=resnet20_dlgn_cifar10 --uses='for looking at its gates' \\
      --remark='a copy that went through JPEG at quality 75'

Weights are kept in half precision, and whatever a network was trained in, it
computes in float32; the accuracy on the card is that of the preset as it then
is. A preset of this name is replaced.
"""

import dataclasses
import io
import json
import pathlib
import re
import shutil
import tempfile
import zipfile

from dlgn_tf import calls, presets
from dlgn_tf.command import cli, common_flags, fields
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin, run_names
from dlgn_tf.training import trained
from dlgn_tf.training.run_directory import RunDirectory

_WEIGHTS, _CONFIG = "model.weights.h5", "config.json"
# What they take together is part of what everybody downloads.
_MOST_BYTES = {"one": 3_000_000, "all": 12_000_000}
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    run_dir: str | None = flag(
        None, "The run, at its newest model.keras.", path=True, required="DIR"
    )
    name: str | None = flag(
        None, "Of the preset: small letters, digits and _.", required="NAME"
    )
    uses: str | None = flag(
        None, "What it may be used for, for its card.", required="TEXT"
    )
    commit: str | None = flag(
        None, "What trained it, of a run that does not say it."
    )
    remark: str | None = flag(None, "Words on the data, for its card.")
    data_dir: str | None = common_flags.data_dir("~/tensorflow_datasets")


def run(command):
    if not _NAME.fullmatch(command.name):
        fields.refuse("name", "small letters, digits and _", command.name)
    directory = RunDirectory(command.run_dir)
    config = directory.read_config()
    started_from = config.init_from or config.gates_from
    if config.measured or config.network or started_from:
        raise UserError(
            "Expected a run of a data set and a network that everybody has, "
            "from weights drawn at random. Received: "
            f"--dataset={config.dataset} --model={config.model}"
            + (f", from {started_from}" if started_from else "")
        )
    trained.locate(directory.model)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary, command.name)
        folder.mkdir()
        shown = dataclasses.replace(
            config,
            run_dir=presets.PREFIX + command.name,
            data_dir=None,
            npz=None,
            teacher=None,
            teacher_share=None,
            teacher_temperature=None,
            mixed_precision="float32",
        )
        files.write_atomically(folder / run_names.FLAGS, shown.to_flags())
        model = folder / run_names.MODEL
        files.write_atomically(model, in_half_precision(directory.model))
        _check_sizes(model, command.name)
        card = _card(command, config, folder, directory)
        text = json.dumps(dataclasses.asdict(card), indent=1) + "\n"
        files.write_atomically(folder / presets.CARD, text)
        shutil.copytree(folder, presets.ROOT / folder.name, dirs_exist_ok=True)
    print(f"{presets.PREFIX}{command.name}: {text}")


def in_half_precision(path):
    """The bytes of a .keras file with weights as float16, compressed.

    Keras reads them into variables of float32, in which its layers compute.
    """
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(path) as whole,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as half,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            if name == _WEIGHTS:
                content = _halved(content)
            elif name == _CONFIG:
                network = json.loads(content, object_hook=_in_float32)
                content = json.dumps(network)
            # Without a time, so that the same weights give the same bytes.
            half.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _in_float32(part):
    """A part of a network's description, of a precision that of float32."""
    if part.get("class_name") == "DTypePolicy":
        part = part | {"config": {"name": "float32"}}
    return part


def _halved(content):
    import h5py

    buffer = io.BytesIO()
    with (
        h5py.File(io.BytesIO(content)) as whole,
        h5py.File(buffer, "w") as half,
    ):
        _copy(whole, half)
    return buffer.getvalue()


def _copy(source, target):
    """Copies an HDF5 group, numbers of float32 as float16."""
    import h5py

    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name))
        else:
            small = "float16" if item.dtype == "float32" else item.dtype
            target.create_dataset(name, data=item[()].astype(small))


def _card(command, config, folder, directory):
    from dlgn_tf import load_model

    found = calls.evaluate(run_dir=str(folder), data_dir=command.data_dir)
    model = folder / run_names.MODEL
    passes = found["step"] * config.batch_size / config.train_examples
    return presets.Card(
        model=config.model,
        data=f"{config.train_examples:,} examples of {config.dataset}"
        + (f", {command.remark}" if command.remark else ""),
        recipe=(
            f"{passes:.4g} passes of {config.optimizer} in batches of "
            f"{config.batch_size}, learning rates from "
            f"{max(config.learning_rates):g} to {config.learning_rates[-1]:g}, "
            f"augmentation {config.augmentation}{_taught(config)}, "
            f"precision {config.mixed_precision}; {run_names.FLAGS} has the "
            "rest"
        ),
        parameters=load_model(model).count_params(),
        test_accuracy=found["test_accuracy"],
        test_examples=found["test_images"],
        trained_with=command.commit or origin.of_run(directory).commit,
        sha256=files.sha256(model),
        uses=command.uses,
    )


def _taught(config):
    if not config.teacher:
        return ""
    name = pathlib.Path(config.teacher).name
    return f", {config.teacher_share:.0%} of the loss imitating {name}"


def _check_sizes(model, name):
    sizes = {
        x.parent.name: x.stat().st_size for x in presets.ROOT.glob("*/*.keras")
    }
    sizes[name] = model.stat().st_size
    found = {"one": sizes[name], "all": sum(sizes.values())}
    for which, most in _MOST_BYTES.items():
        if found[which] > most:
            raise UserError(
                f"Expected presets of at most {most:,} bytes ({which}). "
                f"Received: {found[which]:,}"
            )


if __name__ == "__main__":
    cli.run(run, "tools/make_preset.py", __doc__, Command)
