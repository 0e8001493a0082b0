"""Modules from elsewhere: what they register, flags can choose.

Only those that the command line itself names: flagfiles may be those of a run
from elsewhere, of which no code is executed.
"""

import argparse
import importlib
import shlex

from absl import flags

from dlgn_tf.command import fields
from dlgn_tf.errors import UserError

_IMPORTED = []


def import_named(words):
    """Imports the modules of --plugin, before what they register is asked for.

    Args:
        words: Those of the command line.

    Raises:
        UserError: If one cannot be imported.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "-plugin", "--plugin", action="append", nargs="?", const="", default=[]
    )
    for module in parser.parse_known_args(words)[0].plugin:
        try:
            importlib.import_module(module)
        # A module may raise anything.
        except Exception as error:
            raise UserError(
                "Expected --plugin to name a module that can be imported. "
                f"Received: {module}, {type(error).__name__}: {error}"
            ) from error
        _IMPORTED.append(module)


def define(values):
    """Defines --plugin in absl's `values`, for help and for the parser."""
    flags.DEFINE_multi_string(
        "plugin",
        [],
        "Module that is imported before flags are read: what it registers is "
        "there to choose. May be repeated.",
        flag_values=values,
        module_name=f"{fields.TITLE} of plug-ins",
    )


def check(values):
    """Raises a `UserError` if a flagfile named a plug-in."""
    if others := set(values.plugin) - set(_IMPORTED):
        raise UserError(
            "Expected --plugin on the command line itself, as flagfiles may be "
            f"from elsewhere. Received: a flagfile with {others}"
        )


def command(module, *words):
    """A command of this package as one types it, with today's plug-ins.

    Args:
        module: Such as `dlgn_tf.train`.
        *words: Its flags.
    """
    plugins = [f"--plugin={name}" for name in _IMPORTED]
    return f"python -m {module} {shlex.join([*plugins, *words])}"
