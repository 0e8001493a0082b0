"""Writes a run for other programs: python -m dlgn_tf.export --run_dir=RUN_DIR.

As a SavedModel, or as one file for ONNX Runtime or LiteRT.
"""

import dataclasses
import os
import pathlib
import tempfile

from dlgn_tf import choices
from dlgn_tf.command import cli, common_flags, fields, startup
from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.training import saved_model, single_file, trained
from dlgn_tf.training.source import Source

USAGE = """\
Writes the newest checkpoint of a run as a SavedModel for plain TensorFlow, or
as one file for ONNX Runtime or LiteRT.

  python -m dlgn_tf.export --run_dir=runs/c4gap_dlgn-digits --export_dir=DIR
  python -m dlgn_tf.export --model_path=MODEL.keras --export_dir=DIR
  python -m dlgn_tf.export --run_dir=RUN_DIR --format=onnx --export_dir=DIR

  loaded = tf.saved_model.load("DIR")
  loaded.signatures["serving_default"](images=images)  # logits, probabilities;
                                                      # of a regression numbers
  loaded.signatures["preactivations"](images=images)   # one output a gate site
  loaded.signatures["gates"](images=images)

Images are (batch, height, width, channels) in [0, 255]; the signatures take
float32 tensors (or arrays of any type), those that end in _uint8 uint8.
Where classes have names, DIR/assets/class_names.txt lists them, in the order of
the logits. DIR/assets.extra/model.keras is the same network for Keras and for
python -m dlgn_tf.inspect_model --saved_model=DIR.

--format=onnx writes DIR/model.onnx, --format=litert DIR/model.tflite, both with
class_names.txt. They take float32 images in [0, 255] and give logits, of a
regression numbers; they have no gates."""


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    run_dir: str | None = common_flags.run_dir()
    which: str = common_flags.which()
    model_path: str | None = common_flags.model_path()
    model: str | None = common_flags.model()
    dataset: str = common_flags.dataset_of_model()
    export_dir: str | None = fields.flag(
        None,
        "Where the SavedModel, or the file, is written: new or empty.",
        path=True,
        required="DIR",
    )
    format: str = fields.flag(
        "savedmodel",
        "A SavedModel, or one file: ONNX (needs the extra onnx) or LiteRT.",
        choices=choices.EXPORT_FORMATS,
    )


def run(command):
    """Writes what a `Command` asks for; returns the folder."""
    network = Source.of_command(command)
    network.check()
    check_export_dir(command.export_dir)
    if command.format in single_file.FILES:
        single_file.check_format(command.format)

    startup.import_keras(("tensorflow",))
    model, step = network.load()
    config = network.config
    names = config.info.class_names if config else None
    at = "" if step is None else f" at step {step}"
    if command.format in single_file.FILES:
        with files.write_errors(command.export_dir):
            made = single_file.write(
                model, command.export_dir, command.format, names
            )
        print(f"{model.name}{at}: {made}")
        return command.export_dir
    export(model, command.export_dir, step, names)
    print(
        f"{model.name}{at}: SavedModel with signatures "
        f"{', '.join(saved_model.SIGNATURES)} in {command.export_dir}"
    )
    return command.export_dir


def check_export_dir(path):
    """Raises a `UserError` unless a SavedModel at `path` could be loaded.

    Nothing may lie there, nor may TensorFlow take it for a pattern.
    """
    if not files.is_plain(path):
        raise UserError(
            "Expected an --export_dir without * ? [ and \\, which TensorFlow "
            f"could not load. Received: {path}"
        )
    # A link to nothing is in the way, too.
    in_the_way = os.path.lexists(path) and not os.path.isdir(path)
    if in_the_way or (os.path.isdir(path) and os.listdir(path)):
        raise UserError(
            f"Expected an --export_dir that is new or empty. Received: {path}"
        )
    files.check_writable(path, "export_dir")


def export(model, path, step=None, class_names=None):
    """Writes a model of the zoo as a SavedModel.

    Orthogonal filters are written as the plain kernels that they come to.

    Args:
        model: `ImageClassifier`.
        path: String, a new or empty directory. What is loaded from it has the
            functions `serving_default`, `preactivations` and `gates`, which
            take uint8 or float32 images of any batch size, and a signature of
            each for either type. Its `saved_model.MODEL` is the model
            itself, which TensorFlow passes over.
        step: Integer, from which the weights are, noted in that file; or None.
        class_names: Strings, one per class, or None. They become lines of the
            asset `class_names`.
    """
    import tensorflow as tf

    from dlgn_tf.models.orthogonal import folded

    model = folded(model)
    module = tf.Module()
    # The variables alone: tracking the model would store a second copy of it.
    module.model_variables = [variable.value for variable in model.variables]
    signatures = {}
    for name in saved_model.SIGNATURES:
        function = tf.function(_answer(model, name), autograph=False)
        setattr(module, name, function)
        for dtype, suffix in ((tf.float32, ""), (tf.uint8, "_uint8")):
            images = tf.TensorSpec((None, *model.image_shape), dtype, "images")
            signatures[name + suffix] = function.get_concrete_function(images)
    with tempfile.TemporaryDirectory() as folder:
        if class_names:
            names = pathlib.Path(folder, saved_model.CLASS_NAMES)
            lines = (saved_model.spelled(name) + "\n" for name in class_names)
            names.write_text("".join(lines), "utf-8")
            module.class_names = tf.saved_model.Asset(str(names))
        tf.saved_model.save(module, str(path), signatures=signatures)
    kept = pathlib.Path(path) / saved_model.MODEL
    kept.parent.mkdir(exist_ok=True)
    model.save(kept)
    if step is not None:
        trained.note_step(kept, step)


def _answer(model, name):
    """The function behind a signature: images -> dict of named tensors."""

    def serving_default(images):
        import tensorflow as tf

        outputs = tf.cast(model(images, training=False), tf.float32)
        if model.objective.loss == "squared":
            return {"numbers": outputs}
        return {"logits": outputs, "probabilities": tf.nn.softmax(outputs)}

    answers = {
        "serving_default": serving_default,
        "preactivations": lambda images: model.preactivations(images),
        "gates": lambda images: model.gates(images),
    }

    def answer(images):
        import tensorflow as tf

        # Some kernels refuse a batch of none: of a black image none is kept.
        count = tf.shape(images)[0]
        margin = tf.cast(tf.equal(count, 0), tf.int32)
        images = tf.pad(images, [[0, margin], [0, 0], [0, 0], [0, 0]])
        images.set_shape((None, *model.image_shape))
        return {name: x[:count] for name, x in answers[name](images).items()}

    return answer


if __name__ == "__main__":
    cli.run(run, "dlgn_tf.export", USAGE, Command)
