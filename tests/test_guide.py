"""What GUIDE shows in Python runs as it stands; documents show public names."""

import ast
import importlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
GUIDE = ROOT / "GUIDE.md"
# They name what a reader has: folders of a SavedModel, of trained runs.
OF_THE_READER = ("DIR", "load_run(")


def snippets(document):
    text = document.read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize(
    "code",
    [s for s in snippets(GUIDE) if not any(x in s for x in OF_THE_READER)],
)
def test_snippet(code, capsys):
    # Fewer images than a reader would take.
    exec(code.replace("(20, 32, 32, 3)", "(3, 32, 32, 3)"), {})


def documented():
    """Python code that readers see, by where it stands."""
    for path in (GUIDE, ROOT / "README.md"):
        for number, code in enumerate(snippets(path)):
            yield f"{path.name} {number}", code
    for path in sorted((ROOT / "examples").glob("*.py")):
        yield path.name, path.read_text()


def private_imports(code):
    """What of the package it imports that `dir` of a public part lacks."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            if node.module.partition(".")[0] == "dlgn_tf":
                public = dir(importlib.import_module(node.module))
                names = {alias.name for alias in node.names}
                deep = node.module.count(".") > 1
                yield from (names if deep else names.difference(public))
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (n for n in names if n.startswith("dlgn_tf."))


def test_documents_import_public_names_alone():
    codes = dict(documented())
    private = {place: [*private_imports(code)] for place, code in codes.items()}
    assert len(codes) > 12 and not any(private.values()), private


@pytest.mark.parametrize(
    "code",
    [
        "from dlgn_tf.models.build import create_model",
        "from dlgn_tf.rainbow import spectra",
        "import dlgn_tf.models",
    ],
)
def test_other_imports_are_found(code):
    assert [*private_imports(code)]
