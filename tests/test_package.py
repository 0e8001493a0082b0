"""What is installed, and what importing it costs."""

import importlib
import importlib.metadata
import inspect
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

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


@pytest.fixture
def distribution():
    """What is installed."""
    try:
        return importlib.metadata.distribution("dlgn_tf")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("runs on a checkout that is not installed")


def test_only_the_package_is_installed(distribution):
    """Not flags/, tools/ and tests/."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        pytest.skip("an editable installation points at the checkout")
    top = {str(file).partition("/")[0] for file in distribution.files}
    expected = {"dlgn_tf", f"dlgn_tf-{distribution.version}.dist-info"}
    assert top == expected


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with the wheel and the sdist of a copy of the checkout."""
    pytest.importorskip("build", reason="needs the extra dev")
    setuptools = pytest.importorskip("setuptools", reason="needs the extra dev")
    if int(setuptools.__version__.partition(".")[0]) < 77:
        pytest.skip("needs the setuptools that pyproject.toml names")
    copy = tmp_path_factory.mktemp("checkout")
    root = pathlib.Path(__file__).parents[1]
    git_ignores = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("dlgn_tf", "docs", "tests"):
        shutil.copytree(root / name, copy / name, ignore=git_ignores)
    for name in FILES_OF_THE_BUILD:
        shutil.copy(root / name, copy)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", copy],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return copy / "dist"


FILES_OF_THE_BUILD = (
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "pyproject.toml",
    "setup.cfg",
)
# Of modules, types, claims, styles, and trained networks.
KINDS = {".py", ".pyi", ".typed", ".toml", ".css", ".json", ".txt", ".keras"}
MOST_MEBIBYTES = 5


def check_contents(names):
    """Every module is there, and nothing that is none of the package's."""
    package = pathlib.Path(__file__).parents[1] / "dlgn_tf"
    modules = {f"dlgn_tf/{x.relative_to(package)}" for x in code_of(package)}
    assert modules == {x for x in names if x.endswith((".py", ".pyi"))}
    assert {pathlib.PurePath(name).suffix for name in names} == KINDS
    assert not [x for x in names if "test" in pathlib.PurePath(x).stem]
    others = {x for x in names if x.endswith((".json", ".txt", ".keras"))}
    assert {x.split("/")[1] for x in others} == {"presets"}


def code_of(package):
    return [*package.rglob("*.py"), *package.rglob("*.pyi")]


def test_the_wheel_holds_the_package_alone(built):
    (wheel,) = built.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wheel.stat().st_size < MOST_MEBIBYTES * 2**20
    names = zipfile.ZipFile(wheel).namelist()
    metadata = {x for x in names if x.split("/")[0].endswith(".dist-info")}
    check_contents({*names} - metadata)


def test_the_sdist_holds_the_package_and_what_builds_it(built):
    (sdist,) = built.glob("*.tar.gz")
    assert sdist.stat().st_size < MOST_MEBIBYTES * 2**20
    with tarfile.open(sdist) as archive:
        files = [x.name for x in archive if x.isfile()]
    inside = {name.partition("/")[2] for name in files}
    metadata = {x for x in inside if x.startswith("dlgn_tf.egg-info/")}
    package = {x for x in inside if x.startswith("dlgn_tf/")}
    assert inside - metadata - package == {*FILES_OF_THE_BUILD, "PKG-INFO"}
    check_contents(package)


def test_metadata_are_what_an_index_takes(built):
    pytest.importorskip("twine", reason="needs the extra dev")
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *built.iterdir()],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and done.stdout.count("PASSED") == 2, done
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (x for x in archive.namelist() if x.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    assert "\nSummary: Deep Linearly Gated Networks (DLGN)" in metadata
    for minor in (11, 12, 13):
        assert f"Classifier: Programming Language :: Python :: 3.{minor}\n" in (
            metadata
        )


def test_version_is_that_of_the_metadata(distribution):
    import dlgn_tf

    assert dlgn_tf.__version__ == distribution.version


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
