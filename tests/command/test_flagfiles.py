"""Every published flagfile is complete, explained and valid."""

import pathlib
import re

import pytest

from dlgn_tf import config as config_lib
from dlgn_tf.command import flagfiles
from dlgn_tf.errors import UserError
from dlgn_tf.models import registry

ROOT = pathlib.Path(__file__).parents[2]
FILES = sorted(ROOT.glob("flags/**/*.flags"))
BASES = {
    name
    for file in FILES
    for name in re.findall(r"^--flagfile=(\S+)", file.read_text(), re.M)
}
# That of a scale, which tables include.
BASES.add("flags/hours.flags")

# Schedules as published; typed here, not taken from the recipes.
RESNET = """optimizer=sgd momentum=0.9 nonesterov batch_size=128
learning_rates=0.01,0.1,0.01,0.001 boundaries=400,32000,48000 train_steps=64000
normalization=dataset augmentation=flip_crop """
PUBLISHED = {
    "resnet": RESNET + "l2=0.0001",
    "vgg": RESNET + "l2=0.00025",
    # 50 epochs of 50,000 images.
    "c4gap": "optimizer=adam batch_size=32 train_steps=78125 l2=0.0 "
    "augmentation=none",
}
WIDE = """nesterov learning_rates=0.1,0.02,0.004,0.0008 train_steps=80000
boundaries=24000,48000,64000 l2=0.00025"""


def assert_has(config, words):
    given = {x.removeprefix("--") for x in config.to_flags().splitlines()}
    assert set(words.split()) <= given


def relative(file):
    return file.relative_to(ROOT).as_posix()


def header(file):
    """The comment at the top as one line of text."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    """Included flagfiles are named from there."""
    monkeypatch.chdir(ROOT)


def test_there_are_some():
    assert len(FILES) >= 10
    assert BASES


def includes(text):
    return re.findall(r"^--flagfile=(\S+)", text, re.M)


@pytest.mark.parametrize(
    "file",
    FILES,
    ids=lambda file: file.relative_to(ROOT / "flags").as_posix(),
)
def test_a_published_file(file, tmp_path, monkeypatch):
    config, text = config_lib.read_flags(relative(file)), file.read_text()
    # The run of a table's row is found again by its flags.
    assert f"--model={config.model}" in config.to_flags().splitlines()
    # It says what it is.
    assert text.startswith("# ") and len(header(file)) > 20
    command = f"python -m dlgn_tf.train --flagfile={relative(file)}"
    base = relative(file) in BASES
    assert ("included by others" if base else command) in header(file)
    # One flag a line, each once; what it includes exists.
    lines = [x for x in text.splitlines() if x and not x.startswith("#")]
    names = [re.fullmatch(r"--(\w+)(=\S+)?", line)[1] for line in lines]
    assert names and len(names) == len(set(names))
    assert all((ROOT / name).is_file() for name in includes(text))
    # No place of a machine is published; cells of a table differ in flags
    # that the default folder does not name.
    places = re.findall(r"^--((?:run_dir|data_dir|download).*)", text, re.M)
    cell = file.relative_to(ROOT / "flags").with_suffix("").as_posix()
    assert places == ([f"run_dir=runs/{cell}"] if "/" in cell else [])
    # From any folder, whatever it includes.
    monkeypatch.chdir(tmp_path)
    assert config_lib.read_flags(file) == config


NAMED = [file for file in FILES if file.stem in registry.names()]


def test_both_papers_tables_are_there():
    stems = {file.stem for file in NAMED}
    for architecture in ("c4gap", "vgg16", "resnet110"):
        for family in ("dnn", "dgn", "dlgn"):
            assert f"{architecture}_{family}" in stems


@pytest.mark.parametrize(
    ("file", "schedule"),
    [
        pytest.param(file, schedule, id=file.name)
        for file in NAMED
        for architecture, schedule in PUBLISHED.items()
        if file.stem.startswith(architecture)
    ],
)
def test_named_after_its_model_and_trained_as_published(file, schedule):
    config = config_lib.read_flags(relative(file))
    assert config.model == file.stem
    assert_has(config, schedule)


@pytest.mark.parametrize("file", NAMED, ids=lambda file: file.name)
def test_header_agrees_with_its_flags(file):
    config = config_lib.read_flags(relative(file))
    text = header(file)
    name = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}[config.dataset]
    assert re.search(rf"{name}\b", text)
    family = {
        "dnn": r"\bDNN\b",
        "dgn": r"\bDGN\(x, x\)",
        "dlgn": r"\bDLGN\(x, x\)",
        "dlgn_sf": r"shallow features.*ones",
    }[registry.parse(config.model)[1]]
    assert re.search(family, text)
    if "ones" in family:
        assert config.value_input == "ones"
    elif "x, x" in family:
        assert config.value_input == "image"


def test_lineage_of_wide_resnets():
    config = config_lib.read_flags("flags/lineage_wrn.flags")
    assert config.model.startswith("wrn")
    assert_has(config, WIDE)


def test_flags_after_a_flagfile_win():
    """As the usage text says; shown on the demo's file."""
    more = ["--width=3", "--seed=5"]
    config = config_lib.read_flags("flags/demo.flags", more)
    assert (config.width, config.seed) == (3, 5)
    assert config.dataset == "digits"


@pytest.mark.parametrize(
    ("inside", "after", "expected"),
    [
        ("--train_steps=9", "--epochs=2", {"train_steps": 45}),
        ("--epochs=2", "--train_steps=9", {"train_steps": 9}),
        (
            "--learning_rates=1,2 --boundaries=5",
            "--learning_rates=3",
            {"learning_rates": (3.0,), "boundaries": ()},
        ),
        (
            "--learning_rates=1,2 --boundaries=5",
            "--learning_rates=3,4",
            {"learning_rates": (3.0, 4.0), "boundaries": (5,)},
        ),
        (
            "--learning_rates=1,2 --boundaries=5",
            "--learning_rates=3,4,5 --boundaries=6,7",
            {"learning_rates": (3.0, 4.0, 5.0), "boundaries": (6, 7)},
        ),
        ("--npz=a.npz", "--data_dir=DIR", {"npz": None, "data_dir": "DIR"}),
        (
            "--optimizer=sgd --momentum=0.5 --nonesterov",
            "--optimizer=adam",
            {"optimizer": "adam", "momentum": None, "nesterov": None},
        ),
        (
            "--gate=soft --gate_beta=4",
            "--gate=hard --gate_regime=frozen_random",
            {"gate": "hard", "gate_beta": None},
        ),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_flags_win_over_what_stands_in_their_way(
    inside, after, expected, nested, tmp_path
):
    (tmp_path / "base.flags").write_text(inside.replace(" ", "\n"))
    path, more = tmp_path / "base.flags", after.split()
    if nested:
        path = tmp_path / "deep" / "a.flags"
        path.parent.mkdir()
        lines = ["# It includes:", "--flagfile=base.flags", *more]
        path.write_text("\n".join(lines))
        more = []
    fixed = ("--dataset=digits", "--batch_size=64", "--model=c4gap_dlgn")
    config = config_lib.read_flags(path, [*more, *fixed])
    assert {key: getattr(config, key) for key in expected} == expected


def test_flags_of_one_place_still_contradict_each_other(tmp_path):
    path = tmp_path / "a.flags"
    both = "--epochs=2\n--train_steps=9\n"
    for inside, more in ((both, []), ("", both.split())):
        path.write_text(inside)
        with pytest.raises(UserError, match="not both"):
            config_lib.read_flags(path, more)
    # What comes before a file loses.
    path.write_text("--train_steps=9\n")
    with pytest.raises(UserError, match="not both"):
        flagfiles_win = ["--epochs=2", f"--flagfile={path}"]
        config_lib.read_flags(ROOT / "flags" / "demo.flags", flagfiles_win)


def test_words_of_a_command_line(tmp_path):
    path = tmp_path / "a.flags"
    path.write_bytes(b"\xef\xbb\xbf--width=4\r\n\r\n  # no\r\n//\r\n--depth=2")
    inside = ["--width=4", "--depth=2"]
    for given in ([f"--flagfile={path}"], ["-flagfile", str(path)]):
        words = ["--a", "1", *given, "--", f"--flagfile={path}"]
        expected = ["--a", "1", *inside, "--", f"--flagfile={path}"]
        assert flagfiles.expand(words) == expected
    path.write_text("--train_steps=9")
    words = flagfiles.expand([f"--flagfile={path}", "--epochs", "2"])
    assert words == ["--epochs", "2"]
    path.write_text("--flagfile=a.flags")
    with pytest.raises(UserError, match="include themselves"):
        flagfiles.expand([f"--flagfile={path}"])
    with pytest.raises(UserError, match="no file"):
        flagfiles.expand(["--flagfile"])


def test_what_a_file_includes_is_looked_for_beside_it_first(
    tmp_path, monkeypatch
):
    for name, width in (("beside", 1), ("here", 2)):
        (tmp_path / name / "flags").mkdir(parents=True)
        base = tmp_path / name / "flags" / "base.flags"
        base.write_text(f"--width={width}")
    monkeypatch.chdir(tmp_path / "here")
    path = tmp_path / "beside" / "flags" / "a.flags"
    path.write_text("--flagfile=flags/base.flags")
    assert flagfiles.expand([f"--flagfile={path}"]) == ["--width=1"]
    # The current folder is the last resort, as it was for absl.
    (tmp_path / "beside" / "flags" / "base.flags").unlink()
    assert flagfiles.expand([f"--flagfile={path}"]) == ["--width=2"]


@pytest.mark.parametrize(
    "beside", ["metrics.jsonl", "model.keras", "best.keras", "permutation-10/"]
)
def test_flags_of_a_copy_without_checkpoints_are_of_the_copy(beside, tmp_path):
    path = tmp_path / "flags.txt"
    path.write_text("--model=c4gap_dlgn\n--dataset=digits\n--run_dir=else\n")
    assert config_lib.read_flags(path).run_dir == "else"
    place = tmp_path / beside
    place.mkdir() if beside.endswith("/") else place.touch()
    assert config_lib.read_flags(path).run_dir == str(tmp_path)


def test_a_switch_with_no_and_a_value_is_refused(tmp_path):
    """absl raises a plain ValueError of it."""
    path = tmp_path / "a.flags"
    path.write_text("--dataset=digits\n--noxla=true\n")
    with pytest.raises(UserError, match="training flags.*noxla"):
        config_lib.read_flags(path)


@pytest.mark.parametrize("path", ["/dev/zero", "long"])
def test_a_flagfile_without_end(path, tmp_path):
    (tmp_path / "long").write_text("#" * (2**20 + 1))
    with pytest.raises(UserError, match="more than 1,048,576 characters"):
        flagfiles.expand([f"--flagfile={tmp_path / path}"])
