"""How every entry point starts and how it ends on a user's mistake."""

import contextlib
import os
import re
import signal
import sys
import warnings

from absl import app, flags, logging

from dlgn_tf.command import fields, plugins, standard_output
from dlgn_tf.errors import UserError

_HELP = ("-h", "--help", "--helpshort", "--helpfull")


def run(main, name, usage, command, check=None):
    """Parses the flags, calls `main(command)` and exits.

    A wrong flag or a `UserError` ends in one line on standard error and exit
    status 2; `--help` prints `usage` and the flags. Where the reader of what
    is printed leaves, the status is that of SIGPIPE.

    Args:
        main: Function of the command that returns an exit status, an integer;
            or anything else, for those who call it from Python.
        name: Name of the entry point, such as `dlgn_tf.train`.
        usage: Text above the list of flags.
        command: Dataclass whose fields are the flags, see
            `dlgn_tf.command.fields`.
        check: Function of the command that raises a `UserError` if its flags
            cannot work; --only_check_args ends after it.
    """
    standard_output.open_closed()
    _spare_other_packages()
    # Figures are never shown; what the environment names may not be there.
    os.environ["MPLBACKEND"] = "agg"
    # TensorFlow's start-up lines would bury the one line that matters.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)
    # A path may have characters that the output's encoding lacks.
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")

    made = []
    try:
        plugins.import_named(sys.argv[1:])
    except UserError as error:
        fail(name, error)
    fields.define(command, flags.FLAGS)
    plugins.define(flags.FLAGS)

    def parse(argv):
        words = [argument.partition("=")[0] for argument in argv[1:]]
        if any(word in _HELP or f"-{word}" in _HELP for word in words):
            sys.exit(guarded(lambda: print(f"{usage}\n\n{_flags_help()}")))
        try:
            rest = fields.take(flags.FLAGS, argv[1:], argv[0])
        except (flags.Error, UserError) as error:
            fail(name, _in_our_words(error))
        if rest:
            fail(name, f"Expected flags only. Received: {rest[0]}")
        guarded(lambda: plugins.check(flags.FLAGS))
        guarded(lambda: made.append(fields.read(command, flags.FLAGS)))
        if check:
            guarded(lambda: check(*made))
        return [argv[0]]

    def guarded(function):
        status = None
        try:
            status = function()
            print(end="", flush=True)
        except UserError as error:
            fail(name, error)
        except KeyboardInterrupt:
            print(f"{name}: interrupted", file=sys.stderr)
            sys.exit(128 + signal.SIGINT)
        except BrokenPipeError:
            if not standard_output.abandoned():
                raise
            return status or 128 + signal.SIGPIPE
        except OSError as error:
            if error.errno is None:
                raise
            if error.filename is None and standard_output.is_broken():
                error = f"standard output, {error}"
            # The system's, where nothing said it better.
            fail(name, f"Expected files that work. Received: {error}")
        return status

    app.run(lambda _: guarded(lambda: _status(main(*made))), flags_parser=parse)


def _spare_other_packages():
    """With -W error, what other packages warn of among themselves ends nothing.

    Keras calls what NumPy deprecates, and no user can help it.
    """
    if any(option.startswith("error") for option in sys.warnoptions):
        warnings.filterwarnings("default", module=r"(?!dlgn_tf|__main__)")


def _status(result):
    return result if isinstance(result, int) else None


def fail(name, error):
    """Prints one line on standard error and exits with status 2."""
    line = " ".join(str(error).split())
    # A file that is quoted could send commands to the terminal.
    line = "".join(x if x.isprintable() else ascii(x)[1:-1] for x in line)
    print(f"{name}: {line}", file=sys.stderr)
    sys.exit(2)


def _in_our_words(error):
    """What absl says of the command line, as expected and received."""
    text = str(error)
    if isinstance(error, flags.UnrecognizedFlagError):
        nearest = text.partition("Did you mean: ")[2].removesuffix(" ?")
        hint = f", nearest {nearest.strip()}" if nearest else ""
        return (
            f"Unknown flag. Expected one that --help names{hint}. Received: "
            f"--{error.flagname}"
        )
    found = re.match(r"flag --(\w+)=(.*?): ", text, re.DOTALL)
    if found and isinstance(error, flags.IllegalFlagValueError):
        name, value = found.groups()
        expected = _expected(flags.FLAGS[name])
        if expected:
            return f"Invalid --{name}. Expected {expected}. Received: {value}"
    return error


def _expected(flag):
    """What values a flag takes, in words, or nothing if its type has none."""
    choices = getattr(flag.parser, "enum_values", None)
    if choices:
        return f"one of {', '.join(choices)}"
    return "true or false" if flag.boolean else flag.parser.syntactic_help


def _flags_help():
    """Help on the package's own flags: the command's own, then groups."""
    titles = flags.FLAGS.flags_by_module_dict()
    groups = [title for title in titles if title.startswith(fields.TITLE)]
    groups.sort(key=lambda title: title != fields.TITLE)
    return "\n".join(flags.FLAGS.module_help(title) for title in groups)
