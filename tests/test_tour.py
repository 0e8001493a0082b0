"""examples/: the notebook holds what the scripts hold, and runs."""

import ast
import json
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
NOTEBOOK = EXAMPLES / "tour.ipynb"
FIRST = "from train_a_dlgn import RUN_DIR"
SCRIPTS = sorted({*EXAMPLES.glob("*.py")} - {*EXAMPLES.glob("own_*.py")})


def source(cell):
    return "".join(cell["source"])


@pytest.fixture(scope="module")
def kept():
    """The notebook as it is kept."""
    return json.loads(NOTEBOOK.read_text())


@pytest.fixture(scope="module")
def steps(kept):
    """Pairs of a text and the cell of code behind it, a step each."""
    title, magic, *rest = kept["cells"]
    assert title["cell_type"] == "markdown"
    assert source(magic) == "%matplotlib inline"
    texts, codes = rest[::2], rest[1::2]
    assert {cell["cell_type"] for cell in texts} == {"markdown"}
    assert {cell["cell_type"] for cell in codes} == {"code"}
    return list(zip(texts, codes, strict=True))


def test_every_script_is_a_step(steps):
    assert len(steps) == len(SCRIPTS) == 6


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_notebook_holds_a_script_to_the_letter(script, steps):
    parsed = ast.parse(script.read_text())
    _docstring, *statements = parsed.body
    # A script on its own has the first one run; a cell comes after that.
    own = [x for x in statements if ast.unparse(x) != FIRST]
    assert (own == statements) == (script.stem == "train_a_dlgn")
    title, body = ast.get_docstring(parsed).split("\n", 1)
    ((text, code),) = [
        step for step in steps if title.rstrip(".") in source(step[0])
    ]
    assert body.strip() in source(text)
    shown = ast.parse(source(code)).body
    # A cell may end with the picture that the script saves.
    saves = getattr(getattr(own[-1], "value", None), "func", None)
    if getattr(saves, "attr", None) == "savefig":
        assert ast.unparse(shown.pop()) == ast.unparse(saves.value)
    assert [ast.unparse(x) for x in shown] == [ast.unparse(x) for x in own]


def test_it_tells_nothing_of_the_machine():
    kept = json.loads(NOTEBOOK.read_text())
    kernel = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    assert kept["metadata"] == {
        "kernelspec": kernel,
        "language_info": {"name": "python"},
    }
    for output in sum((x.get("outputs", []) for x in kept["cells"]), []):
        output.get("data", {}).pop("image/png", None)
    paths = r"(?<![\w.)])/(home|opt|private|root|tmp|usr|Users|var|work)\b"
    assert not re.search(paths, json.dumps(kept))


def test_it_is_small():
    assert NOTEBOOK.stat().st_size < 600_000


def printed(cell):
    """What a cell prints."""
    outputs = cell.get("outputs", [])
    return "".join("".join(output.get("text", "")) for output in outputs)


def pictures(cell):
    return sum(
        "image/png" in output.get("data", {}) for output in cell["outputs"]
    )


def figures(text):
    """Its numbers, as floats."""
    return [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def check_what_it_finds(codes):
    """What the texts say can be seen in the outputs."""
    train, gates, kernel, theorem, orthogonal, drawn = map(printed, codes)
    assert float(re.findall(r"accuracy ([\d.]+)%", train)[-1]) > 90
    assert figures(gates)[-1] < 1e-4
    pixels, random, learned = map(float, re.findall(r"([\d.]+)%", kernel))
    assert 90 < pixels < min(random, learned) - 2
    slope, control = map(float, re.findall(r"\^(\S+)", theorem))
    assert -0.65 < slope < -0.35
    assert abs(control) < 0.15
    plain, exact = map(float, re.findall(r"dense2 (\S+)", orthogonal))
    assert exact < 1e-6 < 1e-2 < plain
    trained, *resampled = map(float, re.findall(r"([\d.]+)%", drawn))
    assert trained > 90
    assert len(resampled) == 9
    covariances, white, unaligned = (
        sum(resampled[first : first + 3]) / 3 for first in (0, 3, 6)
    )
    # Ten classes: networks that are not aligned guess.
    assert covariances > white + 2 > 60 and unaligned < 30
    assert [pictures(cell) for cell in codes] == [0, 1, 1, 1, 1, 0]


def test_kept_outputs(steps):
    check_what_it_finds([code for _, code in steps])


@pytest.fixture
def make_tour(load_tool):
    """The module tools/make_tour.py."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    return load_tool("make_tour")


def test_the_notebook_is_what_the_tool_makes(make_tour, kept):
    made = make_tour.notebook()
    assert [source(x) for x in made.cells] == [source(x) for x in kept["cells"]]


def test_it_runs(make_tour, tmp_path, monkeypatch):
    import nbformat

    import dlgn_tf

    package = pathlib.Path(dlgn_tf.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(package))
    # With it, kernels leave to pytest what their subprocesses print.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    made = nbformat.read(NOTEBOOK, as_version=4)
    for cell in made.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    which = "import sys, dlgn_tf\nprint(sys.executable, dlgn_tf.__file__)"
    made.cells.append(nbformat.v4.new_code_cell(which))
    make_tour.run(made, tmp_path)
    *codes, last = [x for x in made.cells if x.cell_type == "code"][1:]
    assert printed(last).split() == [sys.executable, dlgn_tf.__file__]
    check_what_it_finds(codes)
    assert (tmp_path / "runs" / "tour" / "kernel.png").is_file()
