"""examples/: notebooks hold what the scripts hold, and run."""

import ast
import json
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
# Each with the script of its first step.
NOTEBOOKS = {
    "tour": "train_a_dlgn",
    "your_own_network": "train_your_network",
    "one_decision": "explain_a_decision",
}
SCRIPTS = sorted({*EXAMPLES.glob("*.py")} - {*EXAMPLES.glob("own_*.py")})
each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def source(cell):
    return "".join(cell["source"])


def path_of(name):
    return EXAMPLES / f"{name}.ipynb"


def kept(name):
    """A notebook as it is kept."""
    return json.loads(path_of(name).read_text())


def steps(name):
    """Pairs of a text and the cell of code behind it, a step each."""
    title, magic, *rest = kept(name)["cells"]
    assert title["cell_type"] == "markdown"
    assert source(magic) == "%matplotlib inline"
    texts, codes = rest[::2], rest[1::2]
    assert {cell["cell_type"] for cell in texts} == {"markdown"}
    assert {cell["cell_type"] for cell in codes} == {"code"}
    return list(zip(texts, codes, strict=True))


def test_every_script_is_a_step():
    assert [len(steps(name)) for name in NOTEBOOKS] == [6, 3, 1]
    assert len(SCRIPTS) == 10


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_holds_a_script_to_the_letter(script):
    parsed = ast.parse(script.read_text())
    _docstring, *statements = parsed.body
    # A script on its own has the first one run; a cell comes after that.
    own = [
        x
        for x in statements
        if getattr(x, "module", None) not in NOTEBOOKS.values()
    ]
    assert (own == statements) == (script.stem in NOTEBOOKS.values())
    title, body = ast.get_docstring(parsed).split("\n", 1)
    ((text, code),) = [
        step
        for step in sum(map(steps, NOTEBOOKS), [])
        if f". {title.rstrip('.')}\n" in source(step[0])
    ]
    assert body.strip() in source(text)
    shown = ast.parse(source(code)).body
    # A cell may end with the picture that the script saves.
    saves = getattr(getattr(own[-1], "value", None), "func", None)
    if getattr(saves, "attr", None) == "savefig":
        assert ast.unparse(shown.pop()) == ast.unparse(saves.value)
    assert [ast.unparse(x) for x in shown] == [ast.unparse(x) for x in own]


@each_notebook
def test_it_tells_nothing_of_the_machine(name):
    found = kept(name)
    kernel = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    assert found["metadata"] == {
        "kernelspec": kernel,
        "language_info": {"name": "python"},
    }
    for output in sum((x.get("outputs", []) for x in found["cells"]), []):
        output.get("data", {}).pop("image/png", None)
    paths = r"(?<![\w.)])/(home|opt|private|root|tmp|usr|Users|var|work)\b"
    assert not re.search(paths, json.dumps(found))


@each_notebook
def test_it_is_small(name):
    assert path_of(name).stat().st_size < 600_000


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


def check_what_the_tour_finds(codes):
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


def check_what_your_own_network_finds(codes):
    trained, converted, compared = map(printed, codes)
    assert float(re.findall(r"accuracy ([\d.]+)%", trained)[-1]) > 90
    apart = [float(x) for x in re.findall(r"differ by (\S+)", converted)]
    assert len(apart) == 2 and max(apart) < 1e-5
    sites = re.findall(r"^(\w+): (\d+)% of", converted, re.MULTILINE)
    assert [site for site, _ in sites][:3] == ["stem", "relu1", "relu2"]
    assert len(sites) == 4 and all(0 < int(share) < 100 for _, share in sites)
    accuracies = re.findall(r"^(.*): test accuracy ([\d.]+)%", compared, re.M)
    assert len(accuracies) == 4
    assert all(float(accuracy) > 90 for _, accuracy in accuracies)
    assert [pictures(cell) for cell in codes] == [0, 1, 0]


def check_what_one_decision_finds(codes):
    (explained,) = map(printed, codes)
    assert explained.startswith("truck is ahead of ")
    lead, pixels, biases = map(
        float, re.findall(r" ([+-]?\d+\.\d{3})", explained)[:3]
    )
    assert lead == pytest.approx(pixels + biases, abs=2e-3) and lead > 1
    assert float(re.search(r"off by (\S+)", explained)[1]) < 1e-3
    flipped = re.findall(r"the lead is (\S+)", explained)
    assert len(flipped) == 3 and all(
        abs(float(x) - lead) > 0.01 for x in flipped
    )
    assert [pictures(cell) for cell in codes] == [1]


CHECKS = {
    "tour": check_what_the_tour_finds,
    "your_own_network": check_what_your_own_network_finds,
    "one_decision": check_what_one_decision_finds,
}


@each_notebook
def test_kept_outputs(name):
    CHECKS[name]([code for _, code in steps(name)])


@pytest.fixture
def make_tour(load_tool):
    """The module tools/make_tour.py."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    return load_tool("make_tour")


@each_notebook
def test_the_notebook_is_what_the_tool_makes(name, make_tour):
    made, found = make_tour.notebook(name), kept(name)
    assert [source(x) for x in made.cells] == [
        source(x) for x in found["cells"]
    ]


@pytest.mark.parametrize(
    "name,left",
    [
        ("tour", "tour/kernel.png"),
        pytest.param(
            "your_own_network",
            "your_own/gates.png",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "one_decision",
            "one_decision/decision.png",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_it_runs(name, left, make_tour, tmp_path, monkeypatch):
    import nbformat

    import dlgn_tf

    package = pathlib.Path(dlgn_tf.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(package))
    # With it, kernels leave to pytest what their subprocesses print.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    made = nbformat.read(path_of(name), as_version=4)
    for cell in made.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    which = "import sys, dlgn_tf\nprint(sys.executable, dlgn_tf.__file__)"
    made.cells.append(nbformat.v4.new_code_cell(which))
    make_tour.run(made, tmp_path)
    *codes, last = [x for x in made.cells if x.cell_type == "code"][1:]
    assert printed(last).split() == [sys.executable, dlgn_tf.__file__]
    CHECKS[name](codes)
    assert (tmp_path / "runs" / left).is_file()
