"""What is kept in a run directory, without TensorFlow."""

import dataclasses
import json
import os
import shlex
import shutil

import pytest

from dlgn_tf import config as config_lib
from dlgn_tf import presets
from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives, user_networks
from dlgn_tf.training.run_directory import RunDirectory


@pytest.fixture
def config(resolve, tmp_path):
    return resolve(
        "--model=c4gap_dlgn", "--dataset=digits", f"--run_dir={tmp_path}/run"
    )


def begun(config):
    """A run directory with flags and a checkpoint."""
    directory = RunDirectory(config.run_dir)
    directory.write_flags(config)
    directory.checkpoints.mkdir()
    (directory.checkpoints / "checkpoint").write_text("")
    return directory


@pytest.fixture
def started(config):
    return begun(config)


def assert_one_line(error):
    text = str(error.value)
    assert "Expected" in text and "Received" in text
    assert "\n" not in text


def test_kept_models(tmp_path):
    directory = RunDirectory(tmp_path)
    assert directory.kept_models() == {}
    directory.snapshots.mkdir()
    # Of more digits than names are filled up to: by name it comes first.
    steps = (200, 1, 100_000_000, 99_999_999)
    for step in steps:
        directory.snapshot(step).write_text("")
    (directory.snapshots / "other.txt").write_text("")
    found = directory.kept_models()
    assert list(found) == sorted(steps)
    assert all(path == directory.snapshot(k) for k, path in found.items())
    directory.drop_models_after(200)
    assert list(directory.kept_models()) == [1, 200]


def test_new_directory(config):
    directory = RunDirectory(config.run_dir)
    assert not directory.has_checkpoints()
    assert directory.check(config) == []
    assert not directory.path.exists()
    assert directory.read_metrics() == []
    directory.drop_metrics_after(0)
    assert not directory.path.exists()


def test_flags_round_trip(config, started):
    assert started.has_checkpoints()
    assert started.read_config() == config


@pytest.mark.parametrize("missing", ["flags.txt", "checkpoints"])
def test_what_is_missing_is_named(missing, config, started):
    if missing == "flags.txt":
        started.flags.unlink()
    else:
        (started.checkpoints / "checkpoint").unlink()
    with pytest.raises(UserError, match=f"has no {missing}$") as error:
        started.read_config()
    assert_one_line(error)


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        # The same run goes on; what may change unsaid.
        ({}, []),
        ({"run_dir": "elsewhere"}, []),
        ({"data_dir": "/data"}, []),
        ({"download": True}, []),
        ({"train_steps": 1}, []),
        ({"weights_seed": 4}, []),
        ({"batch_size": 64}, ["batch_size: 32 -> 64"]),
        (
            {"seed": 3, "learning_rates": (0.1, 0.2)},
            ["learning_rates: (0.0003,) -> (0.1, 0.2)", "seed: 0 -> 3"],
        ),
    ],
)
def test_what_may_change(changes, listed, config, started):
    found = started.check(dataclasses.replace(config, **changes))
    assert sorted(found) == listed


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("model", "c4gap_dgn"),
        ("dataset", "cifar10"),
        ("width", 64),
        ("depth", 3),
        ("kernel_size", 5),
        ("gate", "hard"),
        ("gate_beta", 4.0),
        ("gate_epsilon", 0.1),
        ("value_input", "ones"),
        ("gate_regime", "frozen_dependent"),
        ("gates_from", "elsewhere"),
        ("gate_permutation", (2, 0, 3, 1)),
        ("init_from", "elsewhere"),
        ("normalization", "dataset"),
    ],
)
def test_another_model_is_refused(flag, value, config, started):
    before = dataclasses.asdict(config)[flag]
    with pytest.raises(UserError) as error:
        started.check(dataclasses.replace(config, **{flag: value}))
    assert_one_line(error)
    assert f"--{flag}={before}" in str(error.value)
    assert f"--{flag}={value}" in str(error.value)


PENALTY = ("--orthogonality_penalty=1",)
PENALTY_OF_VALUES = (*PENALTY, "--orthogonal_networks=value")
MAPPED = ("--orthogonal_reparametrization=gram_schmidt",)
MAPPED_VALUES = (*MAPPED, "--orthogonal_networks=value")
SGD = ("--optimizer=sgd", "--learning_rates=0.1")
ADAM = ("--optimizer=adam",)
FLOAT16 = (*SGD, "--mixed_precision=mixed_float16")
BFLOAT16 = (*SGD, "--mixed_precision=mixed_bfloat16")
NO_MOMENTUM = (*SGD, "--momentum=0")


@pytest.fixture
def start(resolve, tmp_path):
    """A function that starts a run with flags, and checks another's here."""

    def check(before, now):
        fixed = ("--model=c4gap_dlgn", "--dataset=digits")
        first, second = (
            resolve(*fixed, f"--run_dir={tmp_path}/run", *given)
            for given in (before, now)
        )
        return begun(first).check(second)

    return check


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        # A penalty may come and go.
        ((), PENALTY, "orthogonal"),
        (PENALTY, (), "orthogonal"),
        (PENALTY, PENALTY_OF_VALUES, "orthogonal"),
        (PENALTY_OF_VALUES, (), "orthogonal"),
        # An optimiser with the same numbers goes on.
        (SGD, BFLOAT16, "mixed_precision"),
        (SGD, NO_MOMENTUM, "momentum"),
        (SGD, (*SGD, "--nesterov"), "nesterov"),
    ],
)
def test_what_goes_on(before, now, changed, start):
    changes = start(before, now)
    assert changes and all(change.startswith(changed) for change in changes)


@pytest.mark.parametrize(
    ("before", "now", "flag"),
    [
        # Orthogonal filters may not come and go.
        ((), MAPPED, "orthogonal_reparametrization"),
        (PENALTY, MAPPED, "orthogonal_reparametrization"),
        (MAPPED, PENALTY, "orthogonal_reparametrization"),
        (MAPPED, MAPPED_VALUES, "orthogonal_networks"),
        # An optimiser with other numbers.
        (SGD, ADAM, "optimizer"),
        (ADAM, SGD, "optimizer"),
        (ADAM, NO_MOMENTUM, "optimizer"),
        (SGD, FLOAT16, "mixed_precision"),
        (FLOAT16, NO_MOMENTUM, "mixed_precision"),
        (FLOAT16, BFLOAT16, "mixed_precision"),
        (NO_MOMENTUM, SGD, "momentum"),
    ],
)
def test_what_is_refused(before, now, flag, start):
    with pytest.raises(UserError, match=f"with --{flag}=.* --{flag}=") as error:
        start(before, now)
    assert_one_line(error)


@pytest.mark.parametrize("place", ["{run}", "{copy}", "."])
def test_a_copy_of_a_run_goes_on_by_itself(
    place, config, started, tmp_path, monkeypatch
):
    copy = tmp_path / "copy"
    shutil.copytree(started.path, copy)
    monkeypatch.chdir(copy)
    folder = place.format(run=started.path, copy=copy)
    expected = dataclasses.replace(config, run_dir=folder)
    file = os.path.join(folder, "flags.txt").removeprefix("./")
    assert config_lib.read_flags(file) == expected
    more = ["--run_dir=other"]
    assert config_lib.read_flags(file, more).run_dir == "other"
    # Another file's, which it names from its own folder.
    (copy.parent / "mine.flags").write_text(f"--flagfile={copy.name}/flags.txt")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = config_lib.read_flags(copy.parent / "mine.flags")
    assert found.run_dir == str(copy.absolute())
    monkeypatch.undo()
    # Flags without a run are a template, as any flagfile.
    shutil.rmtree(copy / "checkpoints")
    assert config_lib.read_flags(copy / "flags.txt") == config


@pytest.mark.parametrize(
    "line",
    [
        *("5", "[]", '{"test_accuracy": 1}', '{"step": null}', "{}"),
        *('{"step": Infinity}', '{"step": "5"}', '{"step": 5.5}'),
    ],
)
def test_metrics_of_something_else(line, tmp_path):
    directory = RunDirectory(tmp_path)
    directory.metrics.write_text(f"{line}\n")
    with pytest.raises(UserError, match="Expected a line of JSON") as error:
        directory.read_metrics()
    assert_one_line(error)


def test_directory_without_checkpoints_takes_any_model(config, started):
    (started.checkpoints / "checkpoint").unlink()
    other = dataclasses.replace(config, model="c4gap_dgn")
    assert started.check(other) == []


@pytest.mark.parametrize("below", [(), ("a",), ("a", "b")])
def test_file_in_the_way(below, config, tmp_path):
    (tmp_path / "file").write_text("text")
    directory = RunDirectory(tmp_path.joinpath("file", *below))
    with pytest.raises(UserError, match="is a file") as error:
        directory.check(config)
    assert_one_line(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only(config, tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="read-only") as error:
        RunDirectory(tmp_path / "run").check(config)
    tmp_path.chmod(0o755)
    assert_one_line(error)


def test_relative_path(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    directory = RunDirectory("runs/one")
    assert directory.check(config) == []
    directory.write_flags(config)
    assert (tmp_path / "runs" / "one" / "flags.txt").is_file()


def test_metrics_are_one_json_object_a_line(tmp_path):
    directory = RunDirectory(tmp_path)
    records = [
        {"step": step, "test_accuracy": step / 7} for step in (5, 10, 15)
    ]
    for record in records:
        directory.append_metrics(record)
    lines = directory.metrics.read_text().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == records
    assert directory.read_metrics() == records


@pytest.mark.parametrize(
    ("step", "kept"), [(0, []), (9, [5]), (10, [5, 10]), (99, [5, 10, 15])]
)
def test_drop_metrics_after(step, kept, tmp_path):
    directory = RunDirectory(tmp_path)
    for recorded in (5, 10, 15):
        directory.append_metrics({"step": recorded})
    directory.drop_metrics_after(step)
    assert [record["step"] for record in directory.read_metrics()] == kept


def test_half_a_line_does_not_stop_a_run(tmp_path):
    """A kill may leave the last line unfinished: it is forgotten."""
    directory = RunDirectory(tmp_path)
    directory.append_metrics({"step": 5})
    with directory.metrics.open("a") as file:
        file.write('{"step": 10, "test_acc')
    directory.drop_metrics_after(5)
    assert directory.read_metrics() == [{"step": 5}]


@pytest.mark.parametrize("name", ["run", "it's [1] & $(x)", "läufe"])
def test_the_command_can_be_typed(name):
    words = shlex.split(RunDirectory(name).command())
    assert words == [
        "python",
        "-m",
        "dlgn_tf.train",
        f"--flagfile={name}/flags.txt",
    ]


def test_flags_of_another_encoding_are_other_flags(config, tmp_path):
    directory = RunDirectory(tmp_path)
    directory.flags.write_bytes(b"\xff--model=c4gap_dlgn")
    assert not directory.holds_flags(config)
    directory.write_flags(config)
    assert directory.holds_flags(config)


@pytest.mark.parametrize(
    "record",
    [
        {"step": True},
        {"step": 5, "test_accuracy": "0.5"},
        {"step": 5, "test_images": None},
        {"step": 5, "test_accuracy": [0.5]},
        {"step": 5, "test_member_accuracies": ["0.5"]},
        {"step": 10**30},
    ],
)
def test_metrics_of_other_types(record, tmp_path):
    directory = RunDirectory(tmp_path)
    directory.metrics.write_text(f"{json.dumps(record)}\n")
    with pytest.raises(UserError, match="Expected a line of JSON"):
        directory.read_metrics()


def test_an_evaluation_that_lacks_its_score_is_no_whole_one(tmp_path):
    directory = RunDirectory(tmp_path)
    whole = {"step": 5, "test_accuracy": 0.5, "test_images": 9}
    directory.append_metrics({"step": 5})
    assert not objectives.is_whole(*directory.read_metrics())
    directory.append_metrics(whole)
    assert directory.read_metrics() == [whole] and objectives.is_whole(whole)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "[" * 10**5, "{}", '{"class_name": "Sequential"}'),
        '{"class_name": "Sequential", "config": []}',
        '{"class_name": "Sequential", "config": {"layers": "x"}}',
        '{"class_name": "Sequential", "config": {"layers": [{}]}}',
        '{"class_name": "Sequential", "config": {"layers": '
        '[{"class_name": "Normalization", "config": {}}]}}',
    ],
)
def test_a_network_of_something_else(text, tmp_path):
    """network.json of a run from elsewhere is what Keras describes, or none."""
    path = tmp_path / "network.json"
    assert user_networks.kept(path) is None
    path.write_text(text)
    with pytest.raises(UserError, match="as Keras describes it") as error:
        user_networks.kept(path)
    assert_one_line(error)
    assert str(path) in str(error.value)


def test_a_folder_is_held_though_its_lock_is_deleted(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    with directory.locked():
        (tmp_path / "run" / "lock").unlink()
        directory.check_held()
        (tmp_path / "run").rename(tmp_path / "moved")
        (tmp_path / "run").mkdir()
        with pytest.raises(UserError, match="to stay where it is"):
            directory.check_held()


def test_weights_beside_an_unfinished_checkpoint_are_kept(tmp_path):
    """As beside none: what starts there would delete them."""
    run = tmp_path / "run"
    shutil.copytree(presets.ROOT / "c4gap_dlgn_digits", run)
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "ckpt-5.index.partial").touch()
    config = RunDirectory(run).read_config()
    with pytest.raises(UserError, match="model.keras alone"):
        RunDirectory(run).check(config)
