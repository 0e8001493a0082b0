"""What the entry points answer at once: mistakes, help, lists."""

import importlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import time
import zipfile

import pytest

import dlgn_tf
from dlgn_tf import config as config_lib
from dlgn_tf.command import fields

PACKAGE = pathlib.Path(dlgn_tf.__file__).parent
DIGITS = "--dataset=digits"
# Prepared data sets are looked for in the home directory.
NOWHERE = "/nonexistent/home"


@pytest.fixture(scope="module")
def run(package_environment):
    """A function that runs Python with words."""

    def run(cwd, *words, python=(sys.executable,)):
        return subprocess.run(
            [*python, *words],
            cwd=cwd,
            env={**package_environment, "HOME": NOWHERE},
            capture_output=True,
            text=True,
            timeout=20,
        )

    return run


# Commands in a process that has imported their modules, and forks for each.
DRIVER = """
import json, os, runpy, sys, tempfile
import dlgn_tf.config, dlgn_tf.command.cli, dlgn_tf.training.trained

for line in sys.stdin:
    cwd, module, *words = json.loads(line)
    written = [tempfile.TemporaryFile("w+") for _ in range(3)]
    child = os.fork()
    if not child:
        os.chdir(cwd)
        for number in (1, 2):
            os.dup2(written[number - 1].fileno(), number)
        sys.argv[1:] = words
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            heavy = {"tensorflow", "keras", "numpy", "sklearn", "jax"}
            written[2].write(" ".join(heavy & {*sys.modules}))
            written[2].flush()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for file in written:
        file.seek(0)
    print(json.dumps([status, *(file.read() for file in written)]), flush=True)
"""


@pytest.fixture(scope="module")
def forked(package_environment):
    """A function that runs a command; it ends without anything heavy."""
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env={**package_environment, "HOME": NOWHERE},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(cwd, module, *words):
        """Exit status, and what is written to standard output and error."""
        driver.stdin.write(json.dumps([str(cwd), module, *words]) + "\n")
        driver.stdin.flush()
        status, out, err, heavy = json.loads(driver.stdout.readline())
        # Claims and theorems have tables of numbers.
        allowed = {"numpy"} if re.search("claims|theorems", module) else set()
        assert {*heavy.split()} <= allowed
        return status, out, err

    with driver:
        yield run
        driver.stdin.close()


def tree(root):
    """Every path below `root` with what would change if it were touched."""
    found = {}
    for path in sorted(root.rglob("*")):
        stat = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[path] = (stat.st_mode, stat.st_mtime_ns, content)
    return found


def make_run(path, *arguments, checkpoint=True):
    """What `train` leaves, as far as it is looked at before TensorFlow."""
    config = config_lib.from_flags(DIGITS, f"--run_dir={path}", *arguments)
    path.mkdir(parents=True)
    text = config.to_flags()
    (path / "flags.txt").write_text(text)
    (path / "checkpoints").mkdir()
    if checkpoint:
        (path / "checkpoints" / "checkpoint").write_text("")


@pytest.fixture
def place(tmp_path):
    """A directory with runs, files and folders to make mistakes with."""
    make_run(tmp_path / "run", "--model=c4gap_dlgn", "--width=8")
    make_run(tmp_path / "started", checkpoint=False)
    make_run(tmp_path / "cifar", "--dataset=cifar10")
    make_run(tmp_path / "spoilt")
    (tmp_path / "spoilt" / "flags.txt").write_text("--no_such_flag=1\n")
    make_run(tmp_path / "flagless")
    (tmp_path / "flagless" / "flags.txt").unlink()
    (tmp_path / "file").write_text("text")
    (tmp_path / "bad.flags").write_text("--wdith=3\n")
    (tmp_path / "binary.flags").write_bytes(b"\x7fELF\xff\xfe\x00\x80")
    (tmp_path / "nested.flags").write_text("--flagfile=missing.flags\n")
    for name, inside in (("zip", "config.json"), ("other", "text")):
        with zipfile.ZipFile(tmp_path / f"{name}.keras", "w") as archive:
            archive.writestr(inside, "{}")
    whole = (tmp_path / "zip.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[:-10])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").write_text("")
    (tmp_path / "tfds" / "cifar10" / "3.0.2").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    return tmp_path


LEARNED = "--gate_regime=frozen_learned --gates_from"

TRAIN = {
    "--model=c4gap_dlgm": "nearest .*c4gap_dlgn",
    "--model=resnet101_dlgn": "nearest .*resnet110_dlgn",
    "--model=alexnet": "--list_models .*alexnet",
    "--model=": "--list_models",
    "--dataset=imagenet": "digits, mnist, cifar10, cifar100.*imagenet",
    "--dataset=cifar": "nearest .*cifar10",
    "--dataset=cifar10": "--data_dir=DIR.*--download.*--dataset=digits",
    "--dataset=cifar10 --data_dir=nowhere": "--download.*digits.*nowhere",
    "--dataset=cifar10 --data_dir=file": "--dataset=digits",
    "--dataset=cifar10 --data_dir=empty": "--dataset=digits",
    "--dataset=cifar10 --data_dir=tfds": "--dataset=digits",
    f"--model=vgg16_dnn {DIGITS}": "32x32 pixels.*8x8",
    f"--model=resnet20_dlgn --depth=21 {DIGITS}": r"6n \+ 2.*depth=21",
    f"--model=c4gap_dlgn --pooling=max {DIGITS}": "pooling=max",
    f"--model=c4gap_dnn --gate=soft {DIGITS}": "--gate=soft",
    f"--gate=hard --gate_beta=4 {DIGITS}": "--gate_beta=4",
    f"--gate_beta=0 {DIGITS}": "> 0.*0",
    f"--gate=medium {DIGITS}": "soft|hard",
    f"--epochs=2 --train_steps=5 {DIGITS}": "not both",
    f"--epochs=-1 {DIGITS}": "> 0.*-1",
    f"--epochs=inf {DIGITS}": "Expected.*inf",
    f"--epochs=0.000001 {DIGITS}": "Expected.*Received",
    f"--learning_rates=0.1,x {DIGITS}": "numbers.*0.1,x",
    f"--learning_rates=0.1 --boundaries=5 {DIGITS}": "one more.*1 and 1",
    f"--boundaries=9,5 --learning_rates=1,2,3 {DIGITS}": "growing.*9,5",
    f"--momentum=0.5 {DIGITS}": "--momentum=0.5",
    f"--l2=nan {DIGITS}": "nan",
    f"--train_examples=1438 {DIGITS}": "1437.*1438",
    f"--batch_size=0 {DIGITS}": "batch_size.*0",
    f"--width=4.5 {DIGITS}": "width.*4.5",
    f"--noxla=true {DIGITS}": "noxla",
    f"--width {DIGITS} --depth": "width|depth",
    f"--seed=-1 {DIGITS}": "seed.*-1",
    f"--seed=18446744073709551616 {DIGITS}": "seed",
    f"--modle=c4gap_dlgn {DIGITS}": "nearest model.*modle",
    f"--export_dir=x {DIGITS}": "export_dir",
    "--flagfile=missing.flags": "missing.flags",
    "--flagfile=empty": "empty",
    "--flagfile=bad.flags": "wdith",
    "--flagfile=binary.flags": "flagfile|binary",
    "--flagfile=nested.flags": "missing.flags",
    f"{DIGITS} extra": "flags only.*extra",
    f"{DIGITS} -- --width=4": "flags only",
    f"{DIGITS} --run_dir=run": "--width=8.*--width=128",
    f"{DIGITS} --run_dir=run --model=c4gap_dgn": "c4gap_dlgn.*c4gap_dgn",
    f"{DIGITS} --run_dir=run --width=8 --gate_beta=4": "beta=10.*beta=4",
    "--dataset=cifar10 --run_dir=run --width=8": "digits.*cifar10",
    f"{DIGITS} --run_dir=file": "file is a file",
    f"{DIGITS} --run_dir=file/run": "file is a file",
    f"{DIGITS} --run_dir=flagless": "no flags.txt",
    f"{DIGITS} --run_dir=spoilt": "no_such_flag",
    f"{DIGITS} --run_dir={'a' * 300}": "run_dir",
    f"{DIGITS} --gate_regime=joint --gate=hard": "gate=hard.*joint",
    f"{DIGITS} --gate_regime=frozen": "joint|frozen_random",
    f"{DIGITS} --gate_regime=frozen_learned": "--gates_from=PATH",
    f"{DIGITS} --gates_from=zip.keras": "--gate_regime=frozen_learned",
    f"{DIGITS} {LEARNED}=nowhere": "--gates_from=nowhere.*none",
    f"{DIGITS} {LEARNED}=file": "whole .keras.*file",
    f"{DIGITS} {LEARNED}=cut.keras": "whole .keras.*cut.keras",
    f"{DIGITS} {LEARNED}=other.keras": "whole .keras.*no config.json",
    f"{DIGITS} {LEARNED}=run": "run, which has neither",
    f"{DIGITS} {LEARNED}=empty --run_dir=empty": "gates_from",
    f"{DIGITS} --model=c4gap_dlgn_sf --gate_regime=frozen_dependent": "dlgn_sf",
    f"{DIGITS} --model=c4gap_dnn --init_from=nowhere": "--init_from=nowhere",
    f"{DIGITS} --init_from= --width=3": "--init_from=",
    f"{DIGITS} --init_from=zip.keras --gate_regime=frozen_dependent": "both",
    f"{DIGITS} --run_dir=run --width=8 --init_from=x": "init_from=None.*=x",
    f"{DIGITS} --gate_permutation=1,0": "4 numbers 0 to 3.*1,0",
    f"{DIGITS} --gate_permutation=0,1,2,2": "4 numbers.*0,1,2,2",
    f"{DIGITS} --gate_permutation=1,2,0 --depth=2": "2 numbers 0 to 1",
    f"{DIGITS} --gate_permutation=all --depth=6": "1 to 119.* 6 .*more",
    f"{DIGITS} --gate_permutation=all --model=c1gap_dgn": "1 to 119.* 1 .*none",
    f"{DIGITS} --gate_permutation=all --run_dir=run --width=8": "permutation",
    f"{DIGITS} --gate_permutation=all --strategy=multi_worker": "many runs",
    f"{DIGITS} --snapshot_every=0": "snapshot_every",
}

EVALUATE = {
    "": "Expected --run_dir",
    "--run_dir=": "Expected --run_dir",
    "--run_dir=nowhere": "nowhere.*no flags.txt",
    "--run_dir=file": "file.*no flags.txt",
    "--run_dir=empty": "empty.*no flags.txt",
    "--run_dir=started": "started.*no checkpoints",
    "--run_dir=flagless": "flagless.*no flags.txt",
    "--run_dir=spoilt": "no_such_flag",
    "--run_dir=cifar": "--data_dir.*NOWHERE",
    "--run_dir=cifar --data_dir=empty": "--data_dir.*empty",
    "--run_dir=run --eval_batch_size=0": "eval_batch_size.*0",
    "--run_dir=run --output=nowhere/result.json": "output",
    "--run_dir=run --output=empty": "output",
    "--run_dir=run --output=run/flags.txt": "of the run in .*run",
    "--run_dir=run --width=8": "width",
    "run": "flags only.*run",
    "--run_dir=run --which=best": "best.keras.*none",
    "--run_dir=run --which=last": "newest|best",
    "--run_dir=run --which=best --init_from=zip.keras": "both",
    "--run_dir=run --init_from=cut.keras": "cut.keras",
    "--run_dir=run --model=c4gap_dlgn": "--model",
    "--model=c4gap_dnn": "--run_dir=RUN_DIR, or --init_from",
    "--init_from=zip.keras": "Expected --model",
    f"--model=c4gap_dnn --init_from=nowhere {DIGITS}": "init_from=nowhere",
    f"--model=c4gap_dnm --init_from=zip.keras {DIGITS}": "nearest",
    "--model=c4gap_dnn --init_from=zip.keras": "--data_dir=DIR",
    f"--model=c4gap_dnn --init_from=file --train_steps=3 {DIGITS}": "steps",
}

EXPORT = {
    "": "Expected --export_dir",
    "--run_dir=run": "Expected --export_dir",
    "--export_dir=new": "Expected --run_dir",
    "--run_dir=nowhere --export_dir=new": "nowhere.*no flags.txt",
    "--run_dir=started --export_dir=new": "started.*no checkpoints",
    "--run_dir=run --export_dir=full": "new or empty.*full",
    "--run_dir=run --export_dir=file": "new or empty.*file",
    "--run_dir=run --export_dir=run": "new or empty.*run",
    "--run_dir=run --export_dir=file/new": "export_dir.*file",
    "--run_dir=run --model_path=zip.keras --export_dir=new": "run_dir and",
    "--model_path=other.keras --export_dir=new": "whole .*no config.json",
    "--run_dir=run --exportdir=new": "exportdir",
    "run new": "flags only.*run",
}

# Of other commands what they have in common, and what comes first.
OTHERS = {
    "explain": {"": "Expected --run_dir=DIR, --saved_model=DIR or "},
    "inspect_model": {"": "Expected --run_dir=DIR, --saved_model=DIR or "},
    "remove_layers": {"": "Expected --output_dir=DIR. Received: no"},
    "dual": {"": "Expected --run_dir=DIR or --model_path=PATH. Received"},
    "dual.theorems": {"--draws=1 --output_dir=x": "draws.*>= 2.*1"},
    "dual.spectral": {
        "--output_dir=x": "experiment=frequencies.sizes.training.built",
        "--experiment=sizes --output_dir=x --steps=150": "of 100.*150",
        "--experiment=sizes --output_dir=x --frequencies=4,16": "15.*16",
        "--experiment=sizes --output_dir=x --depth=1": "depth.*>= 2.*1",
        "--experiment=built --output_dir=x --steps=200": "steps has no effect",
        "--experiment=built --output_dir=file": "output_dir.*file",
    },
    "splines": {"--output_dir=o x": "flags only.*x"},
    "complexity": {
        "--experiment=nothing": "one of 1, 2, .*nothing",
        "--experiment=1 --output_dir=file": "output_dir.*file",
    },
    "rainbow": {
        "": "--run_dirs=A,B,C",
        "--run_dirs=a": "--output_dir=DIR",
        "--images=0": "images",
        "--no_such_flag": "no_such_flag",
        "--run_dirs=started --output_dir=x": "no checkpoints",
    },
    "locality": {
        "--experiment=nothing": "one of students, .*nothing",
        "--experiment=students --depth=99 --output_dir=x": "depth.*99",
        "--experiment=students --output_dir=file": "output_dir.*file",
    },
    "tabular": {
        "": "--data=FILE.NAME",
        "--data=iris": "--output_dir=DIR",
        "--data=iris --output_dir=file": "output_dir.*file",
        "--data=iris --label=x --output_dir=x": "label.*iris",
        "--data=sdi --family=dlgn_vt --output_dir=x": "dlgn_sf.*dlgn_vt",
        "--data=nothing.csv --label=y --output_dir=x": "nothing.csv.*exist",
        "--data=file --output_dir=x": "Expected --label",
        "--data=sdi --folds=3 --output_dir=x": "folds.*sdi",
    },
    "claims": {"--only=dlgn.34": "dlgn.34"},
    "claims.page": {"--claims=nothing.jsonl": "nothing.jsonl, No such file"},
}
LINES = {"train": TRAIN, "evaluate": EVALUATE, "export": EXPORT, **OTHERS}

MISTAKES = [
    pytest.param(f"dlgn_tf.{name}", line, expected, id=f"{name} {line[:70]}")
    for name, lines in LINES.items()
    for line, expected in lines.items()
]


@pytest.mark.parametrize(("module", "line", "expected"), MISTAKES)
def test_mistake_ends_in_one_line(module, line, expected, place, forked):
    before = tree(place)
    status, out, err = forked(place, module, *line.split())
    assert (status, out, tree(place)) == (2, "", before), err
    (said,) = err.splitlines()
    assert said.startswith(f"{module}: ")
    assert re.search(expected.replace("NOWHERE", NOWHERE), said), said


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("dlgn_tf.train", f"{DIGITS} --run_dir=locked/run"),
        ("dlgn_tf.train", f"{DIGITS} --run_dir=locked"),
        ("dlgn_tf.train", f"{DIGITS} --run_dir=run --width=8"),
        ("dlgn_tf.evaluate", "--run_dir=run --output=locked/x.json"),
        ("dlgn_tf.export", "--run_dir=run --export_dir=locked/new"),
    ],
)
def test_read_only_directories(module, line, place, unprivileged, run):
    locked = place / "locked"
    locked.mkdir()
    for path in (locked, place / "run"):
        path.chmod(0o555)
    try:
        before = tree(place)
        words = ("-m", module, *line.split())
        done = run(place, *words, python=unprivileged)
        assert tree(place) == before
    finally:
        for path in (locked, place / "run"):
            path.chmod(0o755)
    (said,) = done.stderr.splitlines()
    assert "Expected" in said and "Received" in said
    assert done.returncode == 2


@pytest.mark.parametrize("command", LINES)
def test_help(command, tmp_path, forked):
    module = f"dlgn_tf.{command}"
    status, said, error = forked(tmp_path, module, "--help")
    assert (status, error) == (0, "")
    assert f"python -m {module} " in said
    assert "\nflags" in said and "absl" not in said
    for flag in ("-h", "--helpshort"):
        assert forked(tmp_path, module, flag) == (0, said, "")
    assert list(tmp_path.iterdir()) == []


def test_help_comes_at_once(tmp_path, run):
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        done = run(tmp_path, "-m", "dlgn_tf.train", "--help")
        seconds.append(time.perf_counter() - began)
    assert done.returncode == 0
    assert min(seconds) < 1.5


def test_help_names_every_training_flag_once(tmp_path, forked):
    _, said, _ = forked(tmp_path, "dlgn_tf.train", "--help")
    for name in fields.of(config_lib.TrainingFlags):
        found = re.findall(rf"^  --(?:\[no\])?{name}:", said, re.M)
        assert len(found) == 1, name
    # What every run is asked for comes before what few are.
    titles = re.findall(r"^flags of (.*):$", said, re.M)
    assert titles[:4] == ["the model", "images", "training", "the run"]


def test_help_has_the_flags_of_the_command_itself_first(tmp_path, forked):
    _, said, _ = forked(tmp_path, "dlgn_tf.evaluate", "--help")
    own, *groups = re.split(r"^flags.*:$", said, flags=re.M)[1:]
    names = re.findall(r"^  --(?:\[no\])?(\w+):", own, re.M)
    assert names == ["eval_batch_size", "output", "run_dir", "which"]
    network = re.findall(r"^  --(?:\[no\])?(\w+):", "".join(groups), re.M)
    known = [*fields.of(config_lib.Network), "plugin"]
    assert sorted(network) == sorted(known)


def test_list_of_commands(tmp_path, capsys, run):
    listed = importlib.import_module("dlgn_tf.__main__")
    entries = {
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in PACKAGE.rglob("*.py")
        if "cli.run(" in path.read_text() and path.name != "cli.py"
    }
    names = {x.removesuffix("/__main__").replace("/", ".") for x in entries}
    assert names == set(listed.COMMANDS)
    done = run(tmp_path, "-m", "dlgn_tf")
    assert (done.returncode, done.stderr) == (0, "")
    for name, what in listed.COMMANDS.items():
        assert re.search(rf"^  {re.escape(name)} +{what}$", done.stdout, re.M)
    assert listed.main(["train"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Received: python -m dlgn_tf train" in said


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGTERM])
def test_how_to_go_on_is_said_where_it_can_be_read(number, capsys, monkeypatch):
    """Nobody reads standard output any more behind `| head`."""
    from dlgn_tf import train
    from dlgn_tf.training import loop

    def stop(config):
        raise loop.Stopped(number, "how to go on")

    monkeypatch.setattr(loop, "train", stop)
    command = fields.parse(train.Command, [DIGITS, "--run_dir=/tmp/nowhere"])
    assert train.run(command) == 128 + number
    said = capsys.readouterr()
    lost = number == signal.SIGPIPE
    assert (said.err if lost else said.out) == "how to go on\n"
    assert (said.out if lost else said.err) == ""


def behind_a_reader_that_left(*arguments):
    """Exit status and standard error of Python with nobody at its output."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PACKAGE.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    return process.wait(), said


@pytest.mark.parametrize("flag", ["--help", "--list_models"])
def test_a_reader_that_leaves(flag):
    """As behind `| head`: no word on it, and SIGPIPE's status."""
    ended = behind_a_reader_that_left("-m", "dlgn_tf.train", flag)
    assert ended == (128 + signal.SIGPIPE, "")


ENTRY = """
import os, sys
from dlgn_tf.command import cli, fields
from dlgn_tf.errors import UserError
def main(command):
    {}
sys.argv = ["x"]
cli.run(main, "x", "", fields.Command)
"""


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("return", 0, r""),
        ("print(1)", 128 + signal.SIGPIPE, r""),
        ("return 3", 3, r""),
        ("raise UserError('Expected a')", 2, r"x: Expected a\n"),
        ("raise KeyboardInterrupt", 130, r"x: interrupted\n"),
        ("raise OSError('a bug')", 1, r"Traceback .*OSError: a bug\n"),
    ],
)
def test_a_reader_that_leaves_hides_nothing(line, status, said):
    found, text = behind_a_reader_that_left("-c", ENTRY.format(line))
    assert found == status
    assert re.fullmatch(said, text, re.DOTALL)


def test_another_pipe_that_is_broken(tmp_path, run):
    line = "ends = os.pipe(); os.close(ends[0]); os.write(ends[1], b'1')"
    done = run(tmp_path, "-c", ENTRY.format(line))
    assert done.returncode == 1
    assert "\nBrokenPipeError: " in done.stderr


def test_no_standard_output():
    code = ENTRY.format("return 3")
    command = ["sh", "-c", '"$0" -c "$1" >&-', sys.executable, code]
    assert subprocess.run(command, cwd=PACKAGE.parent).returncode == 3


def test_list_models(tmp_path, forked):
    status, said, _ = forked(tmp_path, "dlgn_tf.train", "--list_models")
    assert status == 0
    rows = {
        line.split()[0]: line.split()[1:3]
        for line in said.splitlines()
        if line.split()
    }
    # 4 convolutions of 128 filters 3x3 and one dense layer, once or twice.
    once = (27 + 1) * 128 + 3 * (9 * 128 + 1) * 128
    assert rows["c4gap_dnn"] == [f"{once + 1290:,}", "4"]
    assert rows["c4gap_dlgn"] == [f"{2 * once + 1290:,}", "4"]
    families = {"dnn", "dgn", "dlgn", "dlgn_sf"}
    for architecture in ("resnet110", "vgg16", "fc", "wrn28_10"):
        for family in families:
            assert f"{architecture}_{family}" in rows


def test_only_check_args(tmp_path, forked):
    assert forked(tmp_path, "dlgn_tf.train", "--only_check_args") == (0, "", "")
    assert list(tmp_path.iterdir()) == []
