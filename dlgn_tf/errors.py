"""The one exception that stands for a mistake of the user."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A flag, path, data set or shape that cannot work.

    Its text is one line that says what was expected and what came. Entry
    points print that line and exit non-zero; library callers catch it like any
    exception.
    """


class BackendError(UserError):
    """What was asked for needs a backend of Keras that is not set."""


def check_choice(name: str, value: object, choices: Iterable) -> None:
    """Raises a `UserError` unless the value of an option is one of `choices`.

    A dict stands for its keys.
    """
    choices = tuple(choices)
    if value not in choices:
        known = ", ".join(map(str, choices))
        raise UserError(
            f"Invalid {name}. Expected one of {known}. Received: {name}={value}"
        )


def reason(error: BaseException) -> str:
    """What an exception says, on one line of at most 160 characters."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def nearest(name: object, names: Iterable[str]) -> str:
    """`"The nearest are a, b. "` for a message, or nothing if none is near."""
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    return f"The nearest are {', '.join(near)}. " if near else ""
