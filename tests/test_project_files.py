"""What stands beside the package: citation, changelog, release, templates."""

import os
import pathlib
import re
import shlex
import subprocess

import pytest

import dlgn_tf
from dlgn_tf.papers import PAPERS

ROOT = pathlib.Path(__file__).parents[1]
yaml = pytest.importorskip("yaml", reason="needs dlgn_tf[docs]")


def test_the_citation_is_of_this_version_and_names_the_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == dlgn_tf.__version__
    assert citation["cff-version"] == "1.2.0" and citation["authors"]
    urls = {reference["url"] for reference in citation["references"]}
    assert urls == {f"https://arxiv.org/abs/{paper.arxiv}" for paper in PAPERS}


def test_the_author_is_that_of_the_license():
    holder = re.search(
        r"Copyright \(c\) \d+ (.*)", (ROOT / "LICENSE").read_text()
    )[1]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert [author["name"] for author in citation["authors"]] == [holder]
    assert f"\nauthor = {holder}\n" in (ROOT / "setup.cfg").read_text()


def test_templates_of_issues_are_forms_that_ask_for_something():
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    forms = [x for x in folder.glob("*.yml") if x.stem != "config"]
    assert len(forms) == 3
    for path in forms:
        form = yaml.safe_load(path.read_text())
        assert form["name"] and form["description"]
        ids = [field["id"] for field in form["body"]]
        assert len(ids) == len({*ids}) >= 3
        assert all(field["attributes"]["label"] for field in form["body"])


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_containers_start_the_demo_with_an_extra_that_exists(name):
    """Read, not built: that needs a Docker engine."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text())
    lines = [x for x in text.splitlines() if x and not x.startswith("#")]
    words = [line.split(maxsplit=1) for line in lines]
    assert words[0] == ["FROM", "python:3.12-slim"]
    known = {"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "CMD"}
    assert {word for word, _ in words} <= known
    (run,) = (rest for word, rest in words if word == "RUN" and "pip" in rest)
    for extra in re.findall(r"\.\[(\w+)\]", run):
        assert f"\n{extra} =\n" in (ROOT / "setup.cfg").read_text()
    assert shlex.split(run)  # Quotes are closed.
    command = words[-1][1]
    assert command == '["/opt/source/tools/demo"]'
    assert ["COPY", ". ."] in words and ["WORKDIR", "/opt/source"] in words
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert not {"tools", "flags", "dlgn_tf", "setup.cfg"} & {*left_out}


@pytest.fixture
def checkout(tmp_path):
    """A repository with the files that a release changes."""
    for name in (
        "tools/release",
        "dlgn_tf/__init__.py",
        "CHANGELOG.md",
        "CITATION.cff",
    ):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
        copy.chmod((ROOT / name).stat().st_mode)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "All that there is")
    return tmp_path


def git(folder, *words):
    names = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    command = ["git", "-C", folder, *names, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def release(folder, *words):
    who = {
        f"GIT_{role}_{what}": "a@b.c"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return subprocess.run(
        [folder / "tools" / "release", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **who},
        timeout=60,
    )


def test_a_release_says_its_version_everywhere(checkout):
    done = release(checkout, "--no-build", "7.8.9")
    assert done.returncode == 0, done.stderr
    assert git(checkout, "describe", "--exact-match") == "v7.8.9"
    assert git(checkout, "status", "--porcelain") == ""
    code = (checkout / "dlgn_tf" / "__init__.py").read_text()
    assert '\n__version__ = "7.8.9"\n' in code
    citation = yaml.safe_load((checkout / "CITATION.cff").read_text())
    date = citation["date-released"]
    assert citation["version"] == "7.8.9"
    changes = (checkout / "CHANGELOG.md").read_text()
    assert f"\n## 7.8.9 ({date})\n" in changes and "## Unrel" not in changes


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("1.2",), "a version such as"),
        ((), "a version such as"),
        (("--no-build", "0.0.1"), "not tagged"),
    ],
)
def test_releases_that_cannot_be_are_refused(words, reason, checkout):
    git(checkout, "tag", "v0.0.1")
    done = release(checkout, *words)
    assert done.returncode == 2 and reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert git(checkout, "rev-list", "--count", "HEAD") == "1"


def test_a_release_wants_all_changes_committed(checkout):
    (checkout / "new.txt").write_text("")
    done = release(checkout, "--no-build", "1.0.0")
    assert done.returncode == 2 and "?? new.txt" in done.stderr


def test_the_page_on_installing_shows_what_is_tried(load_tool):
    tool = load_tool("try_install")
    page = (ROOT / "docs" / "how_to" / "install.md").read_text()
    assert tool.LIST in page
    rows = re.findall(r"(?m)^\| (\w+) \| (3\.\d+)\.\d+ \|.*\| (.*) \|$", page)
    assert {case for case, _, _ in rows} <= {*tool.CASES}
    assert {"cpu", "jax"} <= {case for case, _, _ in rows}
    assert {verdict for _, _, verdict in rows} == {"works"}


@pytest.mark.parametrize(
    ("requirement", "oldest", "newest"),
    [
        ("keras<3.16,>=3.15.1", "keras==3.15.1", "keras"),
        ("scikit-learn>=1.8", "scikit-learn==1.8", "scikit-learn"),
        ("absl-py", "absl-py", "absl-py"),
    ],
)
def test_ends_of_what_is_required(requirement, oldest, newest, load_tool):
    tool = load_tool("try_install")
    assert tool.oldest(requirement) == oldest
    assert tool.newest(requirement) == newest
