"""Networks that come with the package: whole, as good as told, and kept."""

import hashlib
import io
import os
import shutil
import zipfile

import h5py
import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import evaluate, inspect_model, presets, train
from dlgn_tf.command import fields
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.source import Source

SMALL = "c4gap_dlgn_digits"
MOST_BYTES, MOST_BYTES_OF_ALL = 3_000_000, 12_000_000


def file_of(name):
    return presets.ROOT / name / "model.keras"


def test_sizes():
    sizes = [file_of(name).stat().st_size for name in presets.names()]
    assert max(sizes) <= MOST_BYTES and sum(sizes) <= MOST_BYTES_OF_ALL


@pytest.mark.parametrize("name", presets.names())
def test_each_is_what_its_card_says(name):
    card = presets.card(name)
    content = file_of(name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == card.sha256
    run = dlgn_tf.load_run(f"preset:{name}")
    model = dlgn_tf.load_model(f"preset:{name}")
    assert model.count_params() == run.model.count_params() == card.parameters
    assert run.config.model == card.model
    for ours, theirs in zip(model.weights, run.model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert name in presets.told()


@pytest.mark.parametrize("name", presets.names())
def test_each_is_as_good_as_told(name):
    dataset = RunDirectory(f"preset:{name}").read_config().dataset
    kind, data_dir = catalog.get(dataset).source.partition(":")[0], None
    if kind not in catalog.ALWAYS_THERE:
        data_dir = os.environ.get("DLGN_TF_DATA_DIR")
        if not data_dir:
            pytest.skip(f"{dataset} is not at hand")
    found = evaluate.evaluate(f"preset:{name}", data_dir=data_dir)
    card = presets.card(name)
    assert found["test_images"] == card.test_examples
    assert found["test_accuracy"] == pytest.approx(
        card.test_accuracy, abs=0.001
    )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_weights_are_those_of_the_run_in_half_precision(
    policy, tmp_path, load_tool, dtype_policy
):
    """As NumPy rounds them; computing is in float32; all else stays."""
    dtype_policy(policy)
    half = tmp_path / "half.keras"
    model = dlgn_tf.create_model("c4gap_dlgn", (8, 8, 1), 10, width=2)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape))
    whole = tmp_path / "whole.keras"
    model.save(whole)
    tool = load_tool("make_preset")
    half.write_bytes(tool.in_half_precision(whole))
    dtype_policy("float32")
    loaded = dlgn_tf.load_model(half)
    assert {x.compute_dtype for x in loaded._flatten_layers()} == {"float32"}
    for ours, theirs in zip(loaded.weights, model.weights, strict=True):
        rounded = np.float16(theirs.numpy()).astype("float32")
        np.testing.assert_array_equal(ours, rounded)
    assert tool.in_half_precision(whole) == half.read_bytes()
    with zipfile.ZipFile(half) as archive:
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        assert archive.read("config.json")
    kinds = set()
    weights.visititems(lambda _, x: kinds.add(getattr(x, "dtype", None)))
    assert kinds == {None, np.dtype("float16")}


def test_a_run_without_its_checkpoints_is_read(tmp_path, train_run):
    """As a preset is: it is that run at its last step."""
    run = tmp_path / "run"
    train_run(
        run, "fc_dlgn", "--depth=3", "--train_steps=2", "--train_examples=100"
    )
    before = dlgn_tf.load_run(run)
    shutil.rmtree(run / "checkpoints")
    after = dlgn_tf.load_run(run)
    assert before.step == after.step == 2
    for ours, theirs in zip(
        before.model.weights, after.model.weights, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_model_that_is_a_preset_is_its_run(in_this_process):
    """Of commands that look into it, and of the evaluation."""
    words = f"--model=preset:{SMALL}", "--output_dir=out"
    command = fields.parse(inspect_model.Command, words)
    network = Source.of_command(command, "dataset", "output_dir")
    network.check()
    assert network.images()["name"] == "digits"
    model, step = network.load()
    assert (model.name, step) == ("c4gap_dlgn", 900)
    result = in_this_process(evaluate, f"--model=preset:{SMALL}")
    assert result["test_accuracy"] == presets.card(SMALL).test_accuracy


@pytest.mark.parametrize(
    ("entry", "words", "message"),
    [
        (
            evaluate,
            f"--model=preset:{SMALL} --output={presets.ROOT / SMALL / 'a'}",
            "--output outside the package's presets",
        ),
        (inspect_model, "--model=preset:none", f"one of .*{SMALL}.*:none"),
        (inspect_model, f"--run_dir=preset:{SMALL}", "Expected --output_dir"),
        (train, f"--run_dir=preset:{SMALL}", "of your own; --init_from"),
        (train, f"--model=preset:{SMALL}", "of your own; --init_from"),
        (
            evaluate,
            f"--model=preset:{SMALL} --run_dir=run",
            "no preset with --run_dir",
        ),
    ],
)
def test_mistakes(entry, words, message, in_this_process):
    kept = sorted(presets.ROOT.rglob("*"))
    with pytest.raises(UserError, match=message):
        in_this_process(entry, *words.split())
    assert sorted(presets.ROOT.rglob("*")) == kept


def test_an_unknown_preset_has_no_model():
    with pytest.raises(UserError, match="Expected a preset, one of"):
        dlgn_tf.load_model("preset:nothing")


def test_training_begins_with_a_preset(tmp_path, train_run):
    flags = RunDirectory(f"preset:{SMALL}").read_config()
    train_run(
        tmp_path / "on",
        flags.model,
        f"--init_from=preset:{SMALL}",
        f"--width={flags.width}",
        f"--padding={flags.padding}",
        "--learning_rates=1e-12",
        "--train_steps=1",
        "--train_examples=200",
    )
    ours = dlgn_tf.load_run(tmp_path / "on").model
    theirs = dlgn_tf.load_model(f"preset:{SMALL}")
    for one, other in zip(
        ours.trainable_weights, theirs.trainable_weights, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_what_is_no_run_of_what_everybody_has_is_no_preset(
    tmp_path, load_tool, in_this_process, train_run
):
    run = tmp_path / "on"
    train_run(
        run,
        "fc_dlgn",
        "--depth=4",
        "--init_from=preset:fc_dlgn_digits",
        "--train_steps=1",
        "--train_examples=100",
    )
    kept = sorted(presets.ROOT.rglob("*"))
    tool = load_tool("make_preset")
    words = f"--run_dir={run}", "--uses=none"
    for name, message in (("on", "drawn at random.*preset:"), ("a/b", "small")):
        with pytest.raises(UserError, match=message):
            in_this_process(tool, *words, f"--name={name}")
    assert sorted(presets.ROOT.rglob("*")) == kept


def test_a_network_without_checkpoints_is_not_trained_away(
    tmp_path, in_this_process
):
    run = tmp_path / "run"
    shutil.copytree(presets.ROOT / SMALL, run)
    before = file_of(SMALL).read_bytes()
    flags = f"--flagfile={run / 'flags.txt'}", f"--run_dir={run}"
    with pytest.raises(UserError, match="another --run_dir.*--init_from"):
        in_this_process(train, *flags)
    assert (run / "model.keras").read_bytes() == before
