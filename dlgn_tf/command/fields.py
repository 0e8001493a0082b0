"""A command is a frozen dataclass, and its fields are its flags.

To add a flag is to add a field:

    width: int | None = fields.flag(None, "Filters of a layer.", least=1)

Its annotation says of which type the flag is, its metadata what else there is
to know. Imports nothing heavy.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Collection

from absl import flags

from dlgn_tf import presets
from dlgn_tf.command import flagfiles, paths
from dlgn_tf.errors import UserError

# absl keeps flags by modules; a title of --help is one more.
TITLE = "flags"
_KEY = "flag"
_WORDS = {int: "integers", float: "numbers"}


@dataclasses.dataclass(frozen=True)
class Flag:
    """What a field's metadata say of its flag.

    Attributes:
        help: String, shown by --help.
        choices: The strings that are allowed, a tuple or the keys of a table
            that may still grow; None where any are.
        least: Number, the smallest that is allowed, or None.
        most: Number, the largest that is allowed, or None.
        positive: Boolean. Whether a number, or each of several, must be > 0.
        required: String, what stands for the value in the message to whoever
            leaves the flag out, such as `"DIR"`; None where it has a default.
        path: Boolean. Whether it names files or folders.
        group: String, follows "flags of" in the title that --help lists it
            under; None for the command's own.
        kind: Type, where the annotation of the field is another one.
    """

    help: str
    choices: Collection[str] | None = None
    least: float | None = None
    most: float | None = None
    positive: bool = False
    required: str | None = None
    path: bool = False
    group: str | None = None
    kind: type | None = None


def flag(default, help, **known):
    """A field of a command that is a flag, with attributes of `Flag`."""
    metadata = {_KEY: Flag(help, **known)}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Command:
    """Base of commands.

    Attributes:
        given: Names of the flags that were given, others than defaults; empty
            for a command that a program makes.
    """

    given: frozenset[str] = dataclasses.field(
        default=frozenset(), repr=False, compare=False, kw_only=True
    )

    def check_absent(self, names, what):
        """Raises a `UserError` if a flag is given; see `refuse_given`."""
        given = [name for name in names if name in self.given]
        refuse_given({name: getattr(self, name) for name in given}, what)


def of(command):
    """Dict from the name of each field that is a flag to its `Flag`."""
    return {
        field.name: field.metadata[_KEY]
        for field in dataclasses.fields(command)
        if _KEY in field.metadata
    }


def names(command, group):
    """Names of the flags of a command that stand in a group, as a tuple."""
    return tuple(k for k, known in of(command).items() if known.group == group)


def define(command, values):
    """Defines the flags of a command in `absl.flags.FlagValues`.

    --help lists groups as they come, those that the command's attribute
    `groups` names, if it has one, in the order in which they stand there.
    """
    order = {group: k for k, group in enumerate(getattr(command, "groups", ()))}
    known = of(command)
    found = [x for x in dataclasses.fields(command) if x.name in known]
    for field in sorted(
        found, key=lambda x: order.get(known[x.name].group, -1)
    ):
        _define(field, known[field.name], values)


def _define(field, known, values):
    options = {"flag_values": values, "module_name": TITLE}
    if known.group:
        options["module_name"] = f"{TITLE} of {known.group}"
    kind, several = _kind(field, known)
    common = (_name(field), field.default)
    if several:
        default = field.default and list(field.default)
        flags.DEFINE_list(_name(field), default, known.help, **options)
    elif kind is bool:
        flags.DEFINE_bool(*common, known.help, **options)
    elif kind is str and known.choices:
        choices = list(known.choices)
        flags.DEFINE_enum(*common, choices, known.help, **options)
    elif kind is str:
        flags.DEFINE_string(*common, known.help, **options)
    else:
        number = {int: flags.DEFINE_integer, float: flags.DEFINE_float}[kind]
        number(*common, known.help, known.least, known.most, **options)


def _name(field):
    """The name of a field's flag: `from_` is --from, a word of Python."""
    return field.name.rstrip("_")


def _kind(field, known):
    """The type of a flag's value, or of each of several, and if there are."""
    kind = known.kind or field.type
    if isinstance(kind, types.UnionType):
        kind = next(x for x in typing.get_args(kind) if x is not types.NoneType)
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0], True
    return kind, False


def parse(command, words):
    """Makes a command of words of a command line, such as `["--width=3"]`.

    Raises:
        flags.Error: if one is no flag of the command or has no such value.
        UserError: if a value or a flagfile cannot be.
    """
    values = flags.FlagValues()
    define(command, values)
    rest = take(values, words)
    if rest:
        raise flags.Error(f"{rest[0]} is no flag")
    return read(command, values)


def take(values, words, name=""):
    """Sets flags to what words say; returns those that are no flags.

    Args:
        values: `flags.FlagValues`.
        words: Iterable of strings.
        name: String, of the program.

    Raises:
        flags.Error: if one is no flag or has no such value.
        UserError: if a flagfile cannot be.
    """
    try:
        return values([name, *flagfiles.expand(list(words))])[1:]
    # Of absl, for --noNAME=true of a switch.
    except ValueError as error:
        raise flags.Error(str(error)) from error


def of_values(command, given):
    """Makes a command of Python values, checked as those of a command line.

    Args:
        command: Dataclass.
        given: Dict from the names of flags to values; None stands for one that
            is not given.

    Raises:
        UserError: if one is no flag of the command or has no such value.
    """
    try:
        return parse(command, words(given))
    except flags.Error as error:
        raise UserError(
            f"Expected arguments that the command has. Received: {error}"
        ) from error


def words(given):
    """Flags as they stand in a command line.

    Args:
        given: Dict from the names of flags to values; None stands for one that
            is not given.

    Returns:
        List of strings.
    """
    return [
        f"--{'' if value else 'no'}{name}"
        if isinstance(value, bool)
        else f"--{name}={text(value)}"
        for name, value in given.items()
        if value is not None
    ]


def read(command, values):
    """Makes a command of parsed flags, which `define` defined.

    Raises:
        UserError: if a flag is missing or has a value that cannot be.
    """
    known, found, given = of(command), {}, set()
    for field in dataclasses.fields(command):
        if field.name in known:
            parsed = values[_name(field)]
            found[field.name] = _value(field, known[field.name], parsed)
            given |= {field.name} if parsed.present else set()
    if "run_dir" in found and presets.is_one(found.get("model") or ""):
        _take_preset(command, found, given)
    paths.check_together({k: found[k] for k, v in known.items() if v.path})
    if issubclass(command, Command):
        found["given"] = frozenset(given)
    return command(**found)


def _take_preset(command, found, given):
    """Makes --model=preset:NAME the run that the preset is."""
    if "run_dir" in given:
        expected = (
            "no preset with --run_dir, which names a network too (to train on "
            "from one: --model=ARCHITECTURE_FAMILY with --init_from)"
        )
        refuse("model", expected, found["model"])
    defaults = {x.name: x.default for x in dataclasses.fields(command)}
    found |= {"run_dir": found["model"], "model": defaults["model"]}
    given -= {"model"}
    given |= {"run_dir"}


def _value(field, known, given):
    """The value of a flag for its field, checked."""
    value, name = given.value, _name(field)
    if known.required and not value:
        raise UserError(
            f"Expected --{name}={known.required}. Received: no --{name}"
        )
    if value is None:
        return None
    kind, several = _kind(field, known)
    if several:
        value = _several(name, known, kind, value)
    elif kind is float and not math.isfinite(value):
        refuse(name, "a finite number", value)
    elif known.positive and not value > 0:
        refuse(name, "a number > 0", value)
    if known.path and several:
        return tuple(paths.local(each, name) for each in value)
    return paths.local(value, name) if known.path else value


def _several(name, known, kind, texts):
    """The values of a comma-separated flag as a tuple."""
    if kind is str:
        if known.choices and not set(texts) <= set(known.choices):
            raise UserError(
                f"Expected --{name} of {', '.join(known.choices)}. "
                f"Received: --{name}={','.join(texts)}"
            )
        return tuple(texts)
    try:
        values = tuple(map(kind, texts))
    except ValueError:
        values = ()
    least = 0 if known.positive else -math.inf
    if len(values) < len(texts) or not all(
        least < x < math.inf for x in values
    ):
        positive = " > 0" if known.positive else ""
        expected = f"comma-separated {_WORDS[kind]}{positive}"
        refuse(name, expected, ",".join(texts))
    return values


def refuse(name, expected, received):
    """Raises a `UserError` on the value of a flag."""
    raise UserError(
        f"Invalid --{name}. Expected {expected}. Received: {text(received)}"
    )


def refuse_given(values, what):
    """Raises a `UserError` on the first flag that has a value but no effect.

    It has none `what`, such as `"with --run_dir"`. Flags that were not given
    have the value None.
    """
    for name, value in values.items():
        if value is not None:
            raise UserError(
                f"--{name} has no effect {what}. Expected no such flag. "
                f"Received: --{name}={text(value)}"
            )


def text(value):
    """A value of a flag as it stands in a command line."""
    several = isinstance(value, (list, tuple))
    return ",".join(map(str, value)) if several else value
