"""A command is a dataclass whose fields are its flags."""

import dataclasses

import pytest
from absl import flags

from dlgn_tf.command import fields
from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    folder: str | None = fields.flag(None, "F.", path=True, required="DIR")
    files: tuple[str, ...] = fields.flag((), "Fs.", path=True)
    parts: tuple[str, ...] = fields.flag((), "P.", choices=("a", "b"))
    kind: str = fields.flag("x", "K.", choices=("x", "y"))
    width: int | None = fields.flag(None, "W.", least=1, most=9, group="size")
    rate: float = fields.flag(0.5, "R.", positive=True)
    slope: float | None = fields.flag(None, "S.")
    rates: tuple[float, ...] | None = fields.flag(None, "Rs.", positive=True)
    steps: tuple[int, ...] | None = fields.flag(None, "Ss.")
    shown: bool | None = fields.flag(None, "Sh.")
    order: tuple[int, ...] | None = fields.flag(None, "O.", kind=str)
    found: int = 0

    @property
    def area(self):
        return self.width**2


def parse(line):
    return fields.parse(Command, line.split())


def test_flags_become_the_fields_of_a_frozen_instance(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert parse("--folder=here") == Command(folder="here")
    command = parse(
        "--folder=~/x --files=~/a,b --parts=b,a --kind=y --width=3 --rate=2 "
        "--slope=-1 --rates=1,.5 --steps=0,-7 --noshown --order=1,0"
    )
    assert dataclasses.asdict(command) == {
        "folder": "/home/somebody/x",
        "files": ("/home/somebody/a", "b"),
        "parts": ("b", "a"),
        "kind": "y",
        "width": 3,
        "rate": 2.0,
        "slope": -1.0,
        "rates": (1.0, 0.5),
        "steps": (0, -7),
        "shown": False,
        "order": "1,0",
        "found": 0,
        "given": frozenset(fields.of(Command)),
    }
    assert command.area == 9
    with pytest.raises(dataclasses.FrozenInstanceError):
        command.width = 4


@pytest.mark.parametrize(
    ("line", "message"),
    {
        "": "Expected --folder=DIR. Received: no --folder",
        "--folder=": "Expected --folder=DIR. Received: no --folder",
        "--folder=gs://x": "--folder. Expected a path of this.*gs://x",
        "--folder=x --files=y,gs://x": "--files. Expected a path.*gs://x",
        "--folder=x --parts=a,c": "Expected --parts of a, b. .*=a,c",
        "--folder=x --rate=0": "--rate. Expected a number > 0. Received: 0",
        "--folder=x --rate=inf": "--rate. Expected a finite number.*inf",
        "--folder=x --slope=nan": "--slope. Expected a finite number.*nan",
        "--folder=x --rates=1,0": "--rates. Expected comma-.*> 0.*1,0",
        "--folder=x --steps=1,.5": "--steps. Expected comma-.*integers. .*1,.5",
    }.items(),
)
def test_values_that_cannot_be_are_refused(line, message):
    with pytest.raises(UserError, match=message):
        parse(line)


@pytest.mark.parametrize(
    "word",
    ["--kind=z", "--width=0", "--width=10", "x", "--noshown=1", "--noshown=="],
)
def test_what_absl_refuses(word):
    with pytest.raises(flags.Error):
        parse(f"--folder=x {word}")


def test_flags_that_have_no_effect_are_those_that_were_given():
    command = parse("--folder=x --kind=x --files=a,b")
    command.check_absent(["width", "rate"], "here")
    for name, value in {"kind": "x", "files": "a,b"}.items():
        with pytest.raises(UserError, match=f"effect here.*--{name}={value}"):
            command.check_absent(["width", name], "here")
    # A program gives none.
    Command(folder="x", kind="y").check_absent(["kind"], "here")


def test_help_lists_groups_under_their_titles():
    values = flags.FlagValues()
    fields.define(Command, values)
    titles = {
        title: {flag.name for flag in listed}
        for title, listed in values.flags_by_module_dict().items()
    }
    assert titles["flags of size"] == {"width"}
    assert titles["flags"] == set(fields.of(Command)) - {"width"}
    assert fields.names(Command, "size") == ("width",)
