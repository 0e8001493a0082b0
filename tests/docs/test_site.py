"""The site builds strictly and has every public name and every flag."""

import importlib
import pathlib
import re
import subprocess
import sys

import pytest

import dlgn_tf
from dlgn_tf import __main__ as listed
from dlgn_tf.command import fields

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = pathlib.Path(dlgn_tf.__file__).parent
STUBS = sorted(PACKAGE.rglob("__init__.pyi"))

pytest.importorskip("myst_nb", reason="not there: pip install dlgn_tf[docs]")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of the built site; a warning is an error, and so is any wait."""
    folder = tmp_path_factory.mktemp("site")
    words = ["-W", "--keep-going", "-n", "-q", ROOT / "docs", folder]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def inventory(site):
    """What other sites can link to: names by kind, such as `"py:function"`."""
    from sphinx.util.inventory import InventoryFile

    return InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")


def names_of(stub):
    """Names that a stub makes public, with the package's before them."""
    package = ".".join(stub.relative_to(PACKAGE.parent).parent.parts)
    for name in importlib.import_module(package).__all__:
        yield f"{package}.{name}"


def test_every_public_name_is_described(inventory):
    described = {
        name
        for kind, entries in inventory.data.items()
        if kind.startswith("py:")
        for name in entries
    }
    public = {name for stub in STUBS for name in names_of(stub)}
    assert len(public) > 150
    assert not public - described


def test_every_flag_is_described(inventory):
    described = {*inventory.data["std:cmdoption"]}
    for name in listed.COMMANDS:
        module = importlib.import_module(f"dlgn_tf.{name}")
        if hasattr(module, "__path__"):
            module = importlib.import_module(f"dlgn_tf.{name}.__main__")
        command = getattr(module, "command", module).Command
        program = f"python -m dlgn_tf.{name}".replace(" ", "-")
        flags = {f"{program}.--{x.rstrip('_')}" for x in fields.of(command)}
        assert flags and not flags - described, name


def test_pages_have_the_pictures_that_they_name_and_words_for_each(site):
    for page in site.rglob("*.html"):
        for tag in re.findall(r"<img [^>]*>", page.read_text()):
            source = re.search(r'src="([^"]*)"', tag)[1]
            assert re.search(r'alt="[^"]+"', tag), (page, tag)
            assert (
                source.startswith("data:") or (page.parent / source).is_file()
            )


def test_pages_ask_for_nothing_on_the_network(site):
    """Fonts, scripts and styles are the site's own; links may lead away."""
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|img|iframe)[^>]* src="(https?:[^"]*)"'
            r'|<link rel="stylesheet"[^>]* href="(https?:[^"]*)"',
            page.read_text(),
        )
        assert not loaded, page
