"""Trained networks by path. Imports nothing heavy until one is read."""

import contextlib
import dataclasses
import errno
import json
import pathlib
import zipfile

from dlgn_tf import presets
from dlgn_tf.config import GATE_FLAGS
from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives
from dlgn_tf.output import elsewhere
from dlgn_tf.training import saved_model
from dlgn_tf.training.run_directory import RunDirectory

# Flags that name trained weights.
SOURCE_FLAGS = ("gates_from", "init_from")
# An entry that Keras passes over.
_STEP = "dlgn_tf.json"
# Of what lies in place of a file. After all others the file may be whole.
_NO_FILE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EINVAL,
    errno.ELOOP,
)


def check_sources(config):
    """Raises a `UserError` unless what a new run starts from is there.

    Nor may it lie in the run's own directory: a run that starts forgets what an
    earlier one left there.
    """
    run_dir = pathlib.Path(config.run_dir).absolute()
    for flag in (*SOURCE_FLAGS, "teacher"):
        path = getattr(config, flag)
        if path is None:
            continue
        with named(flag, path):
            locate(path)
        absolute = pathlib.Path(presets.resolved(path)).absolute()
        if run_dir in (absolute, *absolute.parents):
            raise UserError(
                f"Expected --{flag} to lie outside --run_dir. Received: {path}"
            )


@contextlib.contextmanager
def named(flag, path):
    """Puts the flag before the text of a `UserError` from inside."""
    try:
        yield
    except UserError as error:
        raise UserError(f"--{flag}={path}: {error}") from error


def locate(path):
    """What a path to trained weights stands for.

    Args:
        path: Path-like: a run directory, `preset:NAME`, a .keras file, a
            SavedModel that `dlgn_tf.export` wrote, or the prefix of a
            checkpoint of resnets-in-tensorflow2.

    Returns:
        `pathlib.Path` of a whole .keras file (of a run its best.keras, or its
        model.keras where there is none; of a SavedModel that in it), or the
        prefix.

    Raises:
        UserError: if there is none of them, or the file is damaged.
    """
    path = pathlib.Path(presets.resolved(path))
    try:
        if saved_model.is_one(path):
            path = saved_model.locate(path)
        elif path.is_dir():
            path = _of_run(RunDirectory(path))
        elif not path.is_file():
            _check_prefix(path)
            return path
        _check_whole(path)
    except OSError as error:
        raise UserError(
            "Expected trained weights that can be read. Received: "
            f"{path}, {error.strerror}"
        ) from error
    return path


def _of_run(directory):
    for file in (directory.best, directory.model):
        if file.exists():
            return file
    raise UserError(
        "Expected a run directory with best.keras or model.keras. Received: "
        f"{directory.path}, which has neither"
    )


def _check_prefix(path):
    if not path.with_name(f"{path.name}.index").is_file():
        raise UserError(
            "Expected a run directory, a .keras file, a SavedModel, or the "
            f"prefix of a TensorFlow checkpoint. Received: {path}, where there "
            "is none"
        )


def _check_whole(path):
    try:
        with elsewhere.archive(path) as archive:
            damaged = archive.testzip()
            if damaged is None and "config.json" not in archive.namelist():
                damaged = "no config.json in it"
    except zipfile.BadZipFile as error:
        damaged = error
    if damaged is not None:
        raise UserError(
            f"Expected a whole .keras file. Received: {path}, {damaged}"
        )


def locate_best(directory):
    """As `locate`, of best.keras of a `RunDirectory`, or a `UserError`."""
    if not directory.best.exists():
        raise UserError(
            "Expected for --which=best a run with best.keras. Received: "
            f"{directory.path}, which has none"
        )
    return locate(directory.best)


def finished_evaluations(directory, train_steps):
    """The evaluations of a run that has nothing left to do.

    Args:
        directory: `RunDirectory`.
        train_steps: Integer, to which it was to be trained.

    Returns:
        The lines of metrics.jsonl; None if the run is not finished, its last
        evaluation is lost, or model.keras is not of its step.
    """
    lines = directory.read_metrics()
    whole = all(map(objectives.is_whole, lines))
    if not (lines and whole) or lines[-1]["step"] < train_steps:
        return None
    return lines if step_of(directory.model) == lines[-1]["step"] else None


def load_trained(path, like=None, of_zoo=True):
    """Reads a trained network.

    Args:
        path: See `locate`.
        like: `Config`. A checkpoint of resnets-in-tensorflow2, which does not
            describe its network, is read into the dnn of this architecture,
            with its options, its data set's image shape and classes, and the
            standardised input that the lineage trains on.
        of_zoo: Boolean. Whether a .keras file shall hold a model of the zoo,
            or any Keras model of layers that Keras or this package has.

    Returns:
        `ImageClassifier`, or another `keras.Model`.

    Raises:
        UserError: if there is nothing, or nothing of the zoo, or the
            checkpoint is of another network.
    """
    located = locate(path)
    if not located.is_file():
        return _load_lineage(located, like)
    if pathlib.Path(path).is_dir() and located == RunDirectory(path).model:
        print(f"{path} has no best.keras: taking model.keras")
    return _load_keras(located, of_zoo)


def copy_into(path, model):
    """Gives a model the weights at a path, see `locate`.

    Raises:
        UserError: if they are those of another network; the model is then as
            it was.
    """
    from dlgn_tf.models import lineage, transfer

    if locate(path).is_file():
        transfer.copy_model(load_trained(path), model)
    else:
        lineage.load(path, model)


def load_with_step(path, like=None, **options):
    """As `load_trained`; also the step from which the weights are, or None.

    They are of one file also where a training beside this process replaces it.
    """
    while True:
        step = step_of(locate(path))
        model = load_trained(path, like, **options)
        if step == step_of(locate(path)):
            return model, step


def _load_keras(path, of_zoo):
    import keras

    from dlgn_tf.models import saved
    from dlgn_tf.models.classifier import ImageClassifier

    kind, what = ImageClassifier, "a model of the zoo"
    if not of_zoo:
        kind, what = keras.Model, "a Keras model, of known layers"
    model = saved.load(path, what)
    if not isinstance(model, kind):
        raise UserError(
            f"Expected {what}. Received: {path}, a {type(model).__name__}"
        )
    return model


def _load_lineage(prefix, like):
    from dlgn_tf.models import lineage
    from dlgn_tf.training import configured

    architecture, _ = like.architecture()
    network = configured.create_configured_model(
        dataclasses.replace(
            like,
            model=f"{architecture.name}_dnn",
            normalization="dataset",
            orthogonal_reparametrization="none",
            **dict.fromkeys(GATE_FLAGS),
        )
    )
    lineage.load(prefix, network)
    return network


def note_step(path, step):
    """Notes in a .keras file from which step its weights are."""
    # Opened here, as zipfile would begin an empty one if it cannot read it.
    with open(path, "r+b") as file, zipfile.ZipFile(file, "a") as archive:
        archive.writestr(_STEP, json.dumps({"step": step}))


def step_of(path):
    """The step that `note_step` noted in a file, or None."""
    try:
        return step_of_whole(path)
    except UserError:
        return None


def step_of_whole(path):
    """As `step_of`, but a file that cannot be read is an error.

    Raises:
        UserError: if the disk does not read, which says nothing of the file.
    """
    try:
        with elsewhere.archive(path) as archive:
            kind = {"step": int}
            return elsewhere.parse_json(archive.read(_STEP), kind)["step"]
    except zipfile.BadZipFile:
        return None
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise UserError(
            f"Expected to be able to read {path}. Received: "
            f"{error.strerror or error}"
        ) from error
