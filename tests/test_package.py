"""What is installed, and what importing it costs."""

import importlib
import importlib.metadata
import json
import pathlib
import re

import pytest

THEORIES = ("complexity", "dual", "locality", "rainbow", "splines")


def test_importing_the_package_imports_nothing_heavy(printed_by):
    out = printed_by(
        "import sys, json, dlgn_tf;"
        "print(json.dumps(sorted(m.partition('.')[0] for m in sys.modules)))"
    )
    heavy = {"tensorflow", "keras", "numpy", "sklearn", "matplotlib", "absl"}
    assert not heavy & set(json.loads(out))


@pytest.mark.parametrize("theory", THEORIES)
def test_names_of_a_theory_come_when_they_are_asked_for(theory, printed_by):
    out = printed_by(
        f"import sys, json, dlgn_tf.{theory} as theory;"
        "modules = sorted(m.partition('.')[0] for m in sys.modules);"
        "print(json.dumps([theory.__all__, modules]))"
    )
    names, modules = json.loads(out)
    assert names and not {"tensorflow", "keras", "numpy"} & set(modules)
    package = importlib.import_module(f"dlgn_tf.{theory}")
    folder = pathlib.Path(package.__file__).parent
    for name in names:
        assert getattr(package, name).__name__ == name
        # Importing the module would put it in the name's place.
        assert not (folder / f"{name}.py").exists()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_only_the_package_is_installed():
    """Not flags/, tools/ and tests/."""
    try:
        distribution = importlib.metadata.distribution("dlgn_tf")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("runs on a checkout that is not installed")
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        pytest.skip("an editable installation points at the checkout")
    top = {str(file).partition("/")[0] for file in distribution.files}
    expected = {"dlgn_tf", f"dlgn_tf-{distribution.version}.dist-info"}
    assert top == expected


def test_version_is_that_of_the_metadata():
    try:
        version = importlib.metadata.version("dlgn_tf")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("runs on a checkout that is not installed")
    import dlgn_tf

    assert dlgn_tf.__version__ == version


def test_only_entry_points_import_how_these_start():
    package = pathlib.Path(__file__).parents[1] / "dlgn_tf"
    entries = {
        path
        for path in package.rglob("*.py")
        if re.search(r'^if __name__ == "__main__":$', path.read_text(), re.M)
    }
    importers = {
        path
        for path in package.rglob("*.py")
        if re.search(
            r"^\s*(from dlgn_tf\.command import cli$"
            r"|(from|import) dlgn_tf\.command\.cli\b)",
            path.read_text(),
            re.M,
        )
    }
    assert package / "train.py" in importers
    assert importers <= entries
