"""The one exception that stands for a mistake of the user."""


class UserError(Exception):
    """A flag, path, data set or shape that cannot work.

    Its text is one line that says what was expected and what came. Entry
    points print that line and exit non-zero; library callers catch it like any
    exception.
    """


class BackendError(UserError):
    """What was asked for needs a backend of Keras that is not set."""
