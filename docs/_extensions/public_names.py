"""The reference: every public name of a package, from its docstring.

What is public stands in the packages' `.pyi` stubs. A name that several
packages have is described under the shortest of its names, the others point
there.
"""

import functools
import importlib
import inspect
import pathlib
import re
import sys
import typing

from sphinx.domains.python import PyXRefRole
from sphinx.util.nodes import make_refnode

ROOT = pathlib.Path(importlib.import_module("dlgn_tf").__file__).parent
PACKAGES = sorted(
    ".".join(path.relative_to(ROOT.parent).parent.parts)
    for path in ROOT.rglob("__init__.pyi")
)

OVERVIEW = re.compile(r"```\{public-packages\}\n```")
DIRECTIVE = re.compile(r"```\{public-names\} (\S+)\n```")


def full_name(thing):
    """Where a thing is defined, as type annotations name it."""
    if inspect.ismodule(thing):
        return thing.__name__
    return f"{thing.__module__}.{thing.__qualname__}"


@functools.cache
def public():
    """Dict from where a thing is defined to its shortest public name."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            found.setdefault(full_name(thing), f"{package}.{name}")
    return found


@functools.cache
def every_class():
    """Classes of the package by name, which annotations may only name."""
    modules = [x for x in sys.modules if x.startswith("dlgn_tf.")]
    return {
        name: value
        for module in modules
        for name, value in vars(sys.modules[module]).items()
        if inspect.isclass(value) and value.__module__ == module
    }


def named(thing):
    """Classes that the signatures of a thing and of its methods name."""
    if inspect.ismodule(thing):
        parts = [
            x
            for x in vars(thing).values()
            if getattr(x, "__module__", None) == thing.__name__
        ]
    elif inspect.isclass(thing):
        parts = [thing, *vars(thing).values()]
    else:
        parts = [thing]
    for part in parts:
        part = getattr(part, "fget", part)
        try:
            hints = typing.get_type_hints(part, localns=every_class())
        except (NameError, TypeError):
            continue
        yield from filter(is_of_the_package, parts_of(*hints.values()))


def parts_of(*hints):
    """Annotations and what stands in their brackets."""
    for hint in hints:
        yield hint
        yield from parts_of(*typing.get_args(hint))


def is_of_the_package(thing):
    return inspect.isclass(thing) and thing.__module__.startswith("dlgn_tf.")


@functools.cache
def returned():
    """Classes that are not public, but that public signatures name."""
    found, seen = {}, set()
    todo = [
        getattr(importlib.import_module(package), name)
        for package in PACKAGES
        for name in importlib.import_module(package).__all__
    ]
    while todo:
        thing = todo.pop()
        if full_name(thing) in seen:
            continue
        seen.add(full_name(thing))
        todo += named(thing)
        if inspect.ismodule(thing):
            continue
        if not {full_name(thing), thing.__module__} & {*public()}:
            found[full_name(thing)] = thing
    return dict(sorted(found.items()))


def page_of(name):
    """The package that describes a class which is not public."""
    return max(x for x in PACKAGES if f"{name}.".startswith(f"{x}."))


def described(package):
    """Text of the reference of a package, in Markdown.

    Modules come behind functions and classes, and have headings.
    """
    module = importlib.import_module(package)
    parts = [f".. py:module:: {package}\n\n{inspect.getdoc(module)}"]
    modules = []
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.ismodule(thing):
            modules += [] if thing.__name__ in PACKAGES else [thing]
        else:
            parts.append(entry(package, name, thing))
    text = in_rst(parts)
    for thing in modules:
        text += f"\n## {thing.__name__}\n\n{in_rst([of_module(thing)])}"
    others = [x for x in returned() if page_of(x) == package]
    if others:
        members = "\n   :members:"
        made = in_rst(f".. autoclass:: {name}{members}" for name in others)
        text += f"\n## What these take and return\n\n{made}"
    return text


def in_rst(parts):
    return "\n".join(["````{eval-rst}", "\n\n".join(parts), "````", ""])


def entry(package, name, thing):
    """A function or class; one that is described elsewhere points there."""
    first = public()[full_name(thing)]
    kind = "class" if inspect.isclass(thing) else "function"
    if first != f"{package}.{name}":
        head = f".. py:{kind}:: {name}\n   :module: {package}"
        return f"{head}\n\n   The same as :py:obj:`{first}`."
    members = "\n   :members:" if kind == "class" else ""
    return f".. auto{kind}:: {first}{members}"


def of_module(thing):
    """A module, without what the package itself makes public."""
    there = [x for x in public() if x.startswith(f"{thing.__name__}.")]
    names = ", ".join(x.rpartition(".")[2] for x in there)
    left_out = f"\n   :exclude-members: {names}" if names else ""
    return f".. automodule:: {thing.__name__}\n   :members:{left_out}"


def overview():
    """A table of the packages, with the first line of each docstring."""
    rows = ["| package | |", "|---|---|"]
    for package in PACKAGES:
        said = inspect.getdoc(importlib.import_module(package))
        first = said.partition("\n")[0]
        rows.append(f"| {{py:mod}}`{package}` | {first} |")
    return "\n".join(rows)


def insert(app, docname, source):
    """Puts what `{public-names} PACKAGE` stands for in its place."""
    text = DIRECTIVE.sub(lambda found: described(found[1]), source[0])
    source[0] = OVERVIEW.sub(lambda found: overview(), text)


def resolve(app, env, node, contnode):
    """Annotations name where a class is defined: leads to its public name.

    "Raises" has the class alone. What is left of a docstring's `code` stays
    code.
    """
    if node.get("refdomain") != "py":
        return None
    target, objects = node.get("reftarget", ""), env.domains["py"].objects
    names = [public().get(target)]
    if node["reftype"] in ("class", "exc") and "." not in target:
        names = [x for x in objects if x.endswith(f".{target}")]
    for name in names:
        if name in objects:
            place = objects[name].docname, objects[name].node_id
            return make_refnode(app.builder, node["refdoc"], *place, contnode)
    return contnode if node.get("from_docstring") else None


def docstring_code(role, rawtext, text, lineno, inliner, *rest):
    """A docstring's `code`: a link where it is a public name, else code."""
    made, problems = PyXRefRole()(
        "py:obj", rawtext, text, lineno, inliner, *rest
    )
    for node in made:
        node["from_docstring"] = True
    return made, problems


def setup(app):
    app.connect("source-read", insert)
    app.add_role("docstring", docstring_code)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
