"""The commands as functions: `calls.dual(run_dir="RUN_DIR", images=100)`.

Each takes the flags of `python -m dlgn_tf.NAME` by name and does what that
does: `evaluate`, `inspect_model`, `export`, `remove_layers`, `dual`,
`complexity`, `rainbow`, `splines`, `locality`.
"""

import importlib
from collections.abc import Callable
from typing import Any

from absl import flags

from dlgn_tf.command import fields
from dlgn_tf.errors import UserError

_ENTRIES = ("evaluate", "inspect_model", "export", "remove_layers")
_PACKAGES = ("dual", "complexity", "rainbow", "splines", "locality")


def __dir__() -> list[str]:
    return [*_ENTRIES, *_PACKAGES]


def __getattr__(name: str) -> Callable:
    if name not in __dir__():
        raise AttributeError(f"module {__name__} has no attribute {name}")
    of_package = ".command" if name in _PACKAGES else ""

    def call(**given: Any) -> Any:
        module = importlib.import_module(f"dlgn_tf.{name}{of_package}")
        words = [word(k, v) for k, v in given.items() if v is not None]
        return module.run(parsed(module.Command, words))

    call.__name__ = name
    call.__doc__ = f"As `python -m dlgn_tf.{name}`, whose flags these are."
    return call


def parsed(command: type, words: list[str]) -> Any:
    """As `fields.parse`, but what is wrong is a `UserError`."""
    try:
        return fields.parse(command, words)
    # ValueError: --noNAME=true, of a switch.
    except (flags.Error, ValueError) as error:
        raise UserError(
            f"Expected arguments that the command has. Received: {error}"
        ) from error


def word(name: str, value: Any) -> str:
    """An argument as a word of a command line."""
    if isinstance(value, bool):
        return f"--{'' if value else 'no'}{name}"
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    return f"--{name}={value}"
