"""What is installed, and what importing it costs."""

import importlib
import importlib.metadata
import inspect
import json
import pathlib
import re

import pytest

PUBLIC = (
    "claims",
    "complexity",
    "data",
    "dual",
    "inspection",
    "layers",
    "locality",
    "models",
    "rainbow",
    "regularizers",
    "splines",
    "tabular",
)
HEAVY = {"tensorflow", "keras", "numpy", "scipy", "sklearn", "matplotlib"}


def test_importing_the_package_and_its_parts_costs_little(printed_by):
    """In seconds of one processor, whoever else computes."""
    out = printed_by(
        "import importlib, json, sys, time;"
        "start = time.process_time();"
        "import dlgn_tf; seconds = time.process_time() - start;"
        f"[getattr(dlgn_tf, name) for name in {PUBLIC}];"
        "print(json.dumps([seconds, [*sys.modules]]))"
    )
    seconds, modules = json.loads(out)
    assert seconds < 0.3
    assert not {*HEAVY, "absl"} & {m.partition(".")[0] for m in modules}


@pytest.mark.parametrize("name", ["", *PUBLIC])
def test_public_names(name):
    """Sorted, all there, each with a text of its own; `dir` shows no other."""
    package = importlib.import_module(f"dlgn_tf.{name}".rstrip("."))
    names = package.__all__
    assert names == sorted(names) == dir(package) and 4 <= len(names) <= 25
    for each in names:
        documented = getattr(package, each)
        assert inspect.getdoc(documented) != inspect.getdoc(type(documented))
        if inspect.isfunction(documented):
            types = inspect.signature(documented)
            named = [*types.parameters.values()]
            assert all(x.annotation is not x.empty for x in named), each
            assert types.return_annotation is not types.empty, each
        origin = f"{package.__name__}.{each}"
        assert documented.__name__ in (each, origin), documented
    with pytest.raises(AttributeError, match=f"{package.__name__}.* nothing"):
        package.nothing  # noqa: B018


def test_the_face_is_what_it_is_said_to_be():
    import dlgn_tf

    functions = {"create_model", "fit", "load_model", "load_run"}
    functions |= {"explain", "from_keras"}
    others = {"calls", "gate_kinds", *functions}
    assert {*PUBLIC, *others} == {*dlgn_tf.__all__}


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
            r"^\s*(from dlgn_tf\.command import (.*, )?cli\b"
            r"|(from|import) dlgn_tf\.command\.cli\b)",
            path.read_text(),
            re.M,
        )
    }
    assert package / "train.py" in importers
    assert importers <= entries
