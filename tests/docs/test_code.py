"""What documents show in Python runs as it stands, and imports public names."""

import ast
import importlib
import pathlib
import re

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What a reader has: folders of trained runs.
RUNS = ("A", "B", "C")
OTHER_RUNTIMES = ("onnxruntime", "ai_edge_litert")


def blocks(path):
    """Python code of a document."""
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


def shown():
    """Every block, by where it stands."""
    for path in DOCUMENTS:
        for number, code in enumerate(blocks(path)):
            name = f"{path.relative_to(ROOT)} {number}"
            yield pytest.param(code, id=name)


@pytest.fixture(scope="module")
def folder_of_a_reader(train_run, tmp_path_factory):
    """A folder with trained runs and a SavedModel, as documents name them."""
    from dlgn_tf import calls

    folder = tmp_path_factory.mktemp("reader")
    small = ("--width=4", "--depth=3", "--train_steps=2", "--batch_size=32")
    for seed, name in enumerate(RUNS):
        train_run(folder / name, "fc_dlgn", *small, f"--seed={seed}")
    calls.export(run_dir=folder / "A", export_dir=folder / "DIR")
    return folder


def wants_folder(code):
    return "load_run(" in code or '"DIR' in code


@pytest.mark.parametrize("code", [*shown()])
def test_block_runs(code, request, tmp_path, monkeypatch, capsys):
    for name in OTHER_RUNTIMES:
        if name in code:
            pytest.importorskip(name, reason="needs dlgn_tf[onnx,litert]")
    given = {}
    monkeypatch.chdir(tmp_path)
    if wants_folder(code):
        monkeypatch.chdir(request.getfixturevalue("folder_of_a_reader"))
        given["images"] = np.zeros((20, 8, 8, 1), np.uint8)
    # Fewer images and steps than a reader would take.
    for ours, less in (
        ("(20, 32,", "(3, 32,"),
        ("epochs=1,", "train_steps=2,"),
    ):
        code = code.replace(ours, less)
    exec(code, given)


def documented():
    """Python code that readers see, by where it stands."""
    for parameter in shown():
        yield parameter.id, *parameter.values
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
    assert len(codes) > 24 and not any(private.values()), private


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
