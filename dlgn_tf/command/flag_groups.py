"""Titles under which --help lists flags."""

import contextlib

# absl keeps flags by modules; a title is one more.
PREFIX = "flags of "


@contextlib.contextmanager
def group(title, values):
    """Puts the flags that are defined within under a title of --help.

    Args:
        title: String that follows "flags of".
        values: `absl.flags.FlagValues` that takes them.
    """
    before = set(values)
    yield
    for name in values:
        if name not in before:
            values.register_flag_by_module(f"{PREFIX}{title}", values[name])
