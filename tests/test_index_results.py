"""The index of results names every folder and how it was made."""

import json
import pathlib

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.output import origin

ROOT = pathlib.Path(__file__).parents[1]
MADE = {"commit": "abc", "versions": "python 3", "machine": "a CPU"}


@pytest.fixture
def tool(load_tool):
    return load_tool("index_results")


def test_index(tool, tmp_path):
    (tmp_path / "b" / "inside").mkdir(parents=True)
    (tmp_path / "b" / "results.md").write_text("# Of b\n\ntext\n")
    noted = tmp_path / "b" / "inside" / "commands.json"
    noted.write_text(json.dumps({"python -m x": MADE}))
    table = tmp_path / "t.1-smoke" / "results.csv"
    table.parent.mkdir()
    table.write_text("commit,versions,machine\nabc,python 3,a CPU\n")
    (tmp_path / "c").mkdir()
    (tmp_path / "d").mkdir()
    both = {"python -m y": MADE, "tools/make_results d": MADE}
    (tmp_path / "d" / "commands.json").write_text(json.dumps(both))
    (tmp_path / "CLAIMS.md").write_text("# What was claimed\n")
    made = "  - commit abc; versions python 3; machine a CPU"
    lines = [x for x in tool.index(tmp_path).splitlines() if x][4:]
    assert lines == [
        "## [What was claimed](CLAIMS.md)",
        "- `tools/make_results claims`; its origin is on the page",
        "## [Of b](b/results.md)",
        "- `python -m x`",
        made,
        "## c",
        "- command and machine are on the page, no commit was noted",
        "## d",
        "- `tools/make_results d`",
        made,
        "## t.1-smoke",
        "- `python tools/reproduce.py --table=t.1 --scale=smoke`",
        made,
    ]


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"a": 1}', b'{"a": {"by": "me"}}', b"\xff"]
)
def test_damaged_notes_are_named(tool, text, tmp_path):
    """By whoever reads them."""
    noted = tmp_path / "a" / "commands.json"
    noted.parent.mkdir()
    noted.write_bytes(text)
    with pytest.raises(UserError, match=f"Received: {noted}, .*mend or delete"):
        tool.index(tmp_path)
    with pytest.raises(UserError, match=f"Received: {noted}, .*mend or delete"):
        origin.note_command(noted.parent, "command")
    assert noted.read_bytes() == text


@pytest.mark.parametrize("name", ["results.md", "results.csv"])
def test_what_is_no_text_is_named(tool, name, tmp_path):
    path = tmp_path / "a" / name
    path.parent.mkdir()
    path.write_bytes(b"# \xff\n")
    with pytest.raises(UserError, match=f"text. Received: {path}, "):
        tool.index(tmp_path)


def test_the_kept_index_is_that_of_the_kept_results(tool):
    kept = ROOT / "results" / "README.md"
    assert kept.read_text() == tool.index(ROOT / "results")
