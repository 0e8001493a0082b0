"""Every published flagfile is complete, explained and valid."""

import pathlib
import re

import pytest
from absl import flags

from dlgn_tf import config as config_lib
from dlgn_tf import training_flags
from dlgn_tf.models import registry

ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted(ROOT.glob("flags/**/*.flags"))
BASES = {
    name
    for file in FILES
    for name in re.findall(r"^--flagfile=(\S+)", file.read_text(), re.M)
}

# Schedules as published; typed here, not taken from the recipes.
RESNET = {
    "optimizer": "sgd",
    "momentum": 0.9,
    "nesterov": False,
    "batch_size": 128,
    "learning_rates": (0.01, 0.1, 0.01, 0.001),
    "boundaries": (400, 32_000, 48_000),
    "train_steps": 64_000,
    "l2": 1e-4,
    "normalization": "dataset",
    "augmentation": "flip_crop",
}
C4GAP = {
    "optimizer": "adam",
    "batch_size": 32,
    # 50 epochs of 50,000 images.
    "train_steps": 78_125,
    "l2": 0.0,
    "augmentation": "none",
}
PUBLISHED = {
    "resnet": RESNET,
    "vgg": {**RESNET, "l2": 2.5e-4},
    "c4gap": C4GAP,
}


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


each_file = pytest.mark.parametrize(
    "file",
    FILES,
    ids=lambda file: file.relative_to(ROOT / "flags").as_posix(),
)


@each_file
def test_resolves(file):
    config = config_lib.read_flags(relative(file))
    # The run of a table's row is found again by its flags.
    text = config.to_flags()
    assert f"--model={config.model}" in text.splitlines()


@each_file
def test_says_what_it_is(file):
    text = file.read_text()
    assert text.startswith("# ")
    assert len(header(file)) > 20
    command = f"python -m dlgn_tf.train --flagfile={relative(file)}"
    if relative(file) in BASES:
        assert "included by others" in header(file)
    else:
        assert command in header(file)


@each_file
def test_one_flag_a_line_each_once(file):
    lines = file.read_text().splitlines()
    names = []
    for line in lines:
        if line and not line.startswith("#"):
            match = re.fullmatch(r"--(\w+)(=\S+)?", line)
            assert match, line
            names.append(match[1])
    assert names
    assert len(names) == len(set(names))


@each_file
def test_what_it_includes_exists(file):
    for name in re.findall(r"^--flagfile=(\S+)", file.read_text(), re.M):
        assert (ROOT / name).is_file()


@each_file
def test_no_place_of_a_machine_is_published(file):
    places = re.findall(
        r"^--((?:run_dir|data_dir|download).*)", file.read_text(), re.M
    )
    cell = file.relative_to(ROOT / "flags").with_suffix("").as_posix()
    # Cells of a table differ in flags that the default folder does not name.
    assert places == ([f"run_dir=runs/{cell}"] if "/" in cell else [])


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
    assert {key: getattr(config, key) for key in schedule} == schedule


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
    assert config.learning_rates == (0.1, 0.02, 0.004, 0.0008)
    assert config.boundaries == (24_000, 48_000, 64_000)
    assert config.train_steps == 80_000
    assert config.nesterov is True
    assert config.l2 == 2.5e-4


def test_flags_after_a_flagfile_win():
    """As the usage text says; shown on the demo's file."""
    values = flags.FlagValues()
    training_flags.define_flags(values)
    flags.DEFINE_string("flagfile", "", "", flag_values=values)
    values(["test", "--flagfile=flags/demo.flags", "--width=3", "--seed=5"])
    config = config_lib.resolve(values)
    assert (config.width, config.seed) == (3, 5)
    assert config.dataset == "digits"
