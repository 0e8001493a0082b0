"""Hostile values, and what may lie in place of a file."""

import copy
import json
import os
import pathlib

_DEEP = 50_000
# Texts that mean something to a shell, a page, a table, a terminal or a path.
TEXTS = (
    "",
    " ",
    "a b ",
    "a\nb",
    "a\tb",
    "a\x00b",
    "\x1b[2J",
    "\ud800",
    "é" * 40,
    "<img src=x onerror=alert(1)>",
    "a|b",
    r"a$\frac{$b",
    "=1+1",
    "-",
    "--",
    "~nobody/x",
    "../../outside/kept",
    "/dev/zero",
    "/dev/full",
    "preset:../..",
    "keras:/dev/zero_dlgn",
    "tfds:../../x",
    "sklearn:os",
    "x" * 300,
    "x" * 5000,
    "%s%n{0}",
    "*[?]\\",
    "http://localhost/x",
)
NUMBERS = (0, -1, 1, 2**31, 2**63, 2**70, -(2**70), 10**400, 0.5, 1e308, 1e-320)
NUMBERS += (float("nan"), float("inf"), -0.0, True)


def value(rng):
    """Any value that JSON holds."""
    made = rng.choice(
        (
            lambda: None,
            lambda: rng.choice(NUMBERS),
            lambda: rng.choice(TEXTS),
            lambda: [],
            lambda: {},
            lambda: [rng.choice(NUMBERS)] * rng.choice((1, 3, 1000)),
            lambda: {rng.choice(TEXTS): rng.choice(NUMBERS)},
            lambda: "x" * 10**6,
        )
    )
    return made()


def spoilt_json(rng, content):
    """JSON of which one part, wherever it is, has become something else."""
    how = rng.randrange(10)
    if how == 0:
        return "[" * _DEEP + "]" * _DEEP
    if how == 1:
        return '{"a":' * _DEEP + "1" + "}" * _DEEP
    content = copy.deepcopy(content)
    places = list(_places(content))
    if not places or how == 2:
        return json.dumps(value(rng))
    container, key = rng.choice(places)
    if how == 3:
        del container[key]
    elif how == 4 and isinstance(container, dict):
        container[rng.choice(TEXTS)] = value(rng)
    else:
        container[key] = value(rng)
    return json.dumps(content)


def _places(content):
    keys = ()
    if isinstance(content, dict):
        keys = list(content)
    elif isinstance(content, list):
        keys = range(len(content))
    for key in keys:
        yield content, key
        yield from _places(content[key])


def spoilt_bytes(rng, content):
    """Bytes that are cut off, changed, repeated, or none."""
    size = len(content)
    begin = rng.randrange(size + 1)
    end = min(size, begin + rng.choice((1, 8, 512)))
    changed = (
        content[:begin],
        content[begin:],
        content[:begin] + bytes(end - begin) + content[end:],
        content[:begin] + rng.randbytes(end - begin) + content[end:],
        content[:begin] + content[end:],
        content * 2,
        b"",
        bytes(4096),
        rng.randbytes(4096),
        b"\xff\xfe" + content,
    )
    return rng.choice(changed)


def put_in_place(rng, path, outside):
    """Puts something that is no such file in place of a file or folder."""
    path = pathlib.Path(path)
    aside = path.with_name(f"{path.name}.aside")
    os.replace(path, aside)
    how = rng.choice(("folder", "dangling", "loop", "pipe", "zero", "out"))
    if how == "folder":
        path.mkdir()
    elif how == "dangling":
        path.symlink_to(path.with_name("nothing"))
    elif how == "loop":
        path.symlink_to(path.name)
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "zero":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(outside)
    return how
