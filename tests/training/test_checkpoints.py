"""Checkpoints hold all that a run needs, and damage to them is recognised."""

import errno
import gc
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.output import files
from dlgn_tf.training import checkpoints as checkpoints_lib
from dlgn_tf.training import engines
from dlgn_tf.training.checkpoints import Checkpoints
from dlgn_tf.training.tensorflow_engine import TensorFlowEngine

FLAGS = (
    "--model=resnet20_dnn",
    "--dataset=digits",
    "--depth=8",
    "--optimizer=sgd",
    "--learning_rates=0.1",
)


@pytest.fixture
def make(resolve):
    """A function from flags to an engine of a batch-normalised network."""

    def engine(*flags, seed=1):
        fixed = (*FLAGS, "--width=4", f"--seed={seed}")
        return TensorFlowEngine(resolve(*fixed, *flags))

    return engine


def save(engine, directory, step, keep=3, state=None):
    engine._clock.assign(step)
    checkpoints = Checkpoints(directory, engine.write_errors)
    checkpoints.save(step, state or {}, engine.save, keep)
    return checkpoints


def randomize(variables, seed=0):
    """Gives every variable values that nothing else would give it."""
    rng = np.random.default_rng(seed)
    values = []
    for variable in variables:
        value = rng.uniform(0.5, 1.5, variable.shape).astype(np.float32)
        variable.assign(value)
        values.append(value)
    return values


def assert_equal(variables, values):
    assert len(variables) == len(values) > 0
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def moments(optimizer):
    return [
        v
        for v in optimizer.variables
        if "float" in v.dtype and v is not optimizer.learning_rate
    ]


def steps_on_disk(directory):
    return sorted(int(p.stem[5:]) for p in directory.glob("ckpt-*.index"))


@pytest.mark.parametrize("flags", [("--momentum=0.9",), ("--optimizer=adam",)])
def test_everything_comes_back(flags, tmp_path, make):
    engine = make(*flags)
    weights = randomize(engine.model.weights, 1)
    expected = randomize(moments(engine.optimizer), 2)
    # One moment a trainable variable with SGD, two with Adam.
    count = len(engine.model.trainable_variables)
    assert len(expected) == count * (1 + ("adam" in flags[0]))
    engine.optimizer.iterations.assign(37)
    save(engine, tmp_path, 37, state={"best_accuracy": 0.8125})

    prefix, step, state = Checkpoints(tmp_path).newest_good()
    assert (step, state) == (37, {"best_accuracy": 0.8125})
    engine = make(*flags, seed=2)
    engine.restore(prefix)
    assert_equal(engine.model.weights, weights)
    assert_equal(moments(engine.optimizer), expected)
    assert int(engine.optimizer.iterations) == engine.step == 37


def test_nothing_to_restore(tmp_path):
    assert Checkpoints(tmp_path).newest_good() is None
    assert Checkpoints(tmp_path / "missing").newest_good() is None


def test_newest_counts_and_old_ones_go(tmp_path, make):
    engine = make()
    for step in (8, 9, 10, 11):
        weights = randomize(engine.model.weights, step)
        save(engine, tmp_path, step, keep=2)
    assert steps_on_disk(tmp_path) == [10, 11]
    assert len(list(tmp_path.glob("*.json"))) == 2
    prefix, step, _ = Checkpoints(tmp_path).newest_good()
    other = make(seed=2)
    engines.restore_model(prefix, other.model)
    assert step == 11
    assert_equal(other.model.weights, weights)


def test_old_ones_go_after_a_restart_too(tmp_path, make):
    for engine, steps in ((make(), (1, 2)), (make(), (3,))):
        for step in steps:
            save(engine, tmp_path, step, keep=2)
    assert steps_on_disk(tmp_path) == [2, 3]


def misfit(make, tmp_path, saved, loaded, alone=False):
    save(make(*saved), tmp_path, 5)
    prefix, _, _ = Checkpoints(tmp_path).newest_good()
    engine = make(*loaded)
    with pytest.raises(UserError, match="Expected .*Received") as error:
        if alone:
            engines.restore_model(prefix, engine.model)
        else:
            engine.restore(prefix)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    "other",
    [
        "--width=8",
        # Variables that the checkpoint lacks may not keep initial values.
        "--depth=4",
        # Weights that the network has lost since made another function of it.
        "--nobiases",
    ],
)
def test_other_networks_are_refused(alone, other, tmp_path, make):
    saved = ("--model=fc_dnn", "--depth=3")
    misfit(make, tmp_path, saved, (*saved, other), alone)


def test_missing_moments_are_refused(tmp_path, make):
    """They may not start again at zero unsaid."""
    misfit(make, tmp_path, ("--momentum=0",), ())


def test_a_misfit_is_one_line(tmp_path, make, caplog, dtype_policy):
    """Another optimiser's numbers, and nothing of TensorFlow's behind it."""
    misfit(make, tmp_path, (), ("--mixed_precision=mixed_float16",))
    gc.collect()
    assert not caplog.records


def test_seeds_that_numpy_does_not_take(make, monkeypatch):
    config = tf.config.experimental
    monkeypatch.setattr(config, "enable_op_determinism", lambda: None)
    for seed in (2**32 + 1, 2**64 - 1):
        assert make("--deterministic", seed=seed).step == 0


def truncate(path):
    path.write_bytes(path.read_bytes()[:100])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(bytes(data))


def writing(text):
    return lambda path: path.write_text(text)


def naming(name):
    """Makes a manifest name a file that is none of its checkpoint's."""

    def harm(path):
        manifest = json.loads(path.read_text())
        manifest["files"][name] = manifest["files"].pop("ckpt-10.index")
        path.write_text(json.dumps(manifest))

    return harm


DAMAGE = [
    *(
        (part, harm, said)
        for part in ("data-00000-of-00001", "index")
        for harm, said in (
            (truncate, "has 100 bytes of"),
            (empty, "has 0 bytes of"),
            (flip, "have changed"),
            (pathlib.Path.unlink, "is missing"),
        )
    ),
    ("json", pathlib.Path.unlink, "not finished"),
    ("json", empty, "cannot be read"),
    ("json", writing('{"step": 10}'), "cannot be read"),
    ("json", writing("[" * 100_000), "cannot be read"),
    ("json", naming("../out/ckpt-5.index"), "cannot be read"),
    ("json", naming("/etc/passwd"), "cannot be read"),
    ("json", naming("x"), "cannot be read"),
]


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory, resolve):
    path = tmp_path_factory.mktemp("two")
    engine = TensorFlowEngine(resolve(*FLAGS, "--width=4"))
    for step in (5, 10):
        save(engine, path, step)
    return path


@pytest.fixture
def damaged(two_checkpoints, tmp_path):
    """A copy of two checkpoints, to be damaged."""
    shutil.copytree(two_checkpoints, tmp_path / "copy")
    return tmp_path / "copy"


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize(("part", "harm", "expected"), DAMAGE)
def test_damage_is_said_and_the_one_before_used(part, harm, expected, damaged):
    harm(damaged / f"ckpt-10.{part}")
    before, said = contents(damaged), []
    prefix, step, _ = Checkpoints(damaged).newest_good(said.append)
    assert (prefix.name, step) == ("ckpt-5", 5)
    assert len(said) == 1
    assert "step 10" in said[0] and expected in said[0]
    assert contents(damaged) == before


def test_a_checkpoint_that_is_just_being_saved_is_waited_for(
    damaged, monkeypatch
):
    """The manifest is the last of its files to come."""
    manifest, slept = damaged / "ckpt-10.json", []

    def wait(seconds):
        slept.append(seconds)
        aside.rename(manifest)

    aside = manifest.rename(damaged.with_name("aside"))
    monkeypatch.setattr(checkpoints_lib.time, "sleep", wait)
    said = []
    assert Checkpoints(damaged).newest_good(said.append)[1] == 10
    assert not said and len(slept) == 1 and 0 < slept[0] <= 1
    # An older one is nobody's work.
    (damaged / "ckpt-5.json").unlink()
    assert Checkpoints(damaged).newest_good(said.append)[1] == 10
    assert not said and len(slept) == 1


def test_half_written_checkpoint(damaged):
    """Killed while TensorFlow wrote: its temporary files stand alone."""
    (damaged / "ckpt-15.data-00000-of-00001.tempstate123").write_bytes(b"x")
    said = []
    _, step, _ = Checkpoints(damaged).newest_good(said.append)
    assert step == 10
    assert "step 15" in said[0]


def test_none_good(damaged):
    for step in (5, 10):
        flip(damaged / f"ckpt-{step}.index")
    before, said = contents(damaged), []
    with pytest.raises(UserError, match="Expected .*Received.*2, all dam"):
        Checkpoints(damaged).newest_good(said.append)
    assert len(said) == 2
    assert contents(damaged) == before


FOREIGN = ("{outside}/precious", "../outside/precious", "../outside/*", "*")


def test_what_tensorflow_lists_is_not_relied_on(damaged, make, tmp_path):
    """Nothing outside is deleted or restored, wherever the list points."""
    outside = tmp_path / "outside"
    shutil.copytree(damaged, outside)
    for path in outside.glob("ckpt-10.*"):
        path.rename(path.with_name(path.name.replace("ckpt-10", "precious")))
    before = contents(outside)
    names = [name.format(outside=outside) for name in FOREIGN]
    lines = [f'all_model_checkpoint_paths: "{name}"\n' for name in names]
    text = f'model_checkpoint_path: "{names[0]}"\n' + "".join(lines)
    engine, newest = make(seed=3), 10
    for state in (os.urandom(64), text.encode()):
        (damaged / "checkpoint").write_bytes(state)
        step, _ = Checkpoints(damaged).restore_newest(engine.restore)
        assert step == engine.step == newest
        newest += 3
        for step in (newest - 2, newest - 1, newest):
            save(engine, damaged, step, keep=2)
        assert steps_on_disk(damaged) == [newest - 1, newest]
    assert contents(outside) == before


NOT_PLAIN = ("run[1]", "run*", "run?", "run\\1", os.fsdecode(b"run\xff1"))


@pytest.mark.parametrize("name", NOT_PLAIN, ids=ascii)
def test_a_folder_is_no_pattern(name, two_checkpoints, tmp_path, make):
    """Its checkpoints come and go; those of folders that match it stay."""
    folder, sibling = tmp_path / name, tmp_path / "run1"
    for copy in (folder, sibling):
        shutil.copytree(two_checkpoints, copy)
    before, engine = contents(sibling), make(seed=3)
    weights = randomize(engine.model.weights, 4)
    for step in (11, 12):
        save(engine, folder, step, keep=2)
    assert steps_on_disk(folder) == [11, 12]
    assert contents(sibling) == before
    other = make(seed=2)
    assert Checkpoints(folder).restore_newest(other.restore)[0] == 12
    assert_equal(other.model.weights, weights)
    assert sorted(x.name for x in tmp_path.iterdir()) == sorted([name, "run1"])


def write_small(prefix):
    """What stands for a backend's part where none is read."""
    prefix.with_name(f"{prefix.name}.index").write_text(prefix.name)


@pytest.mark.parametrize("moment", ["listed", "checked", "restored"])
def test_a_training_beside_rotates_checkpoints_away(
    moment, tmp_path, monkeypatch
):
    """Whenever the chosen one goes, the newest then is restored."""
    training, steps, said = Checkpoints(tmp_path), iter((2, 3, 4)), []

    def go_on():
        training.save(next(steps), {}, write_small, 1)

    def before_first(function):
        pending = [go_on]

        def wrapped(*args):
            if pending:
                pending.pop()()
            return function(*args)

        return wrapped

    training.save(1, {"at": 1}, write_small, 1)
    reader = Checkpoints(tmp_path)
    if moment == "listed":
        reader._read_manifest = before_first(reader._read_manifest)
    if moment == "checked":
        monkeypatch.setattr(
            checkpoints_lib.files, "sha256", before_first(files.sha256)
        )

    def read(prefix):
        assert prefix.with_name(f"{prefix.name}.index").read_text()
        return restored.append(prefix.name)

    restored = []
    restore = before_first(read) if moment == "restored" else read
    step, _ = reader.restore_newest(restore, said.append)
    assert (step, restored, said) == (2, ["ckpt-2"], [])


def test_what_cannot_be_restored_is_not_tried_again(tmp_path):
    """It is whole, so the error is one of its own."""
    Checkpoints(tmp_path).save(1, {}, write_small, 1)

    def restore(prefix):
        raise UserError("Expected another model. Received: this one")

    with pytest.raises(UserError, match="another model"):
        Checkpoints(tmp_path).restore_newest(restore)


def test_a_checkpoint_that_cannot_be_read_is_not_damaged(tmp_path, monkeypatch):
    """A disk that fails once costs no checkpoint."""
    Checkpoints(tmp_path).save(1, {}, write_small, 1)
    before = contents(tmp_path)

    def fail(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(files, "sha256", fail)
    with pytest.raises(UserError, match="able to read .*nothing was deleted"):
        Checkpoints(tmp_path).newest_good()
    assert contents(tmp_path) == before


def test_manifest_names_what_is_there(two_checkpoints):
    manifest = json.loads((two_checkpoints / "ckpt-10.json").read_text())
    assert manifest["step"] == 10
    assert set(manifest["files"]) == {
        "ckpt-10.index",
        "ckpt-10.data-00000-of-00001",
    }
    for name, part in manifest["files"].items():
        assert (two_checkpoints / name).stat().st_size == part["bytes"]


@pytest.mark.parametrize("name", ["run", "run[1]"])
def test_a_network_that_has_lost_its_biases_is_refused(name, tmp_path):
    """TensorFlow would restore what is left, whatever it computes then."""
    pixels = {"image_shape": (4, 4, 1), "width": 2, "depth": 2}
    stored, lost = (
        create_model("fc_dlgn", biases=biases, **pixels)
        for biases in (True, False)
    )
    (tmp_path / name).mkdir()
    prefix = tmp_path / name / "ckpt-1"
    with files.as_tensorflow_reads_it(prefix.parent) as folder:
        tf.train.Checkpoint(model=stored).write(str(folder / prefix.name))
    engines.restore_model(prefix, stored)
    with pytest.raises(UserError, match="6 variables in place of 3"):
        engines.restore_model(prefix, lost)
