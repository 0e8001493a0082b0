"""A claim from outside the package, by a call and as a row."""

import pathlib
import runpy

import pytest

from dlgn_tf.claims import registry, runner
from dlgn_tf.papers import Paper

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
ROW = """
[3]
measure = "words:measure"
scale = "seconds"
statement = "Two is more than one."
reads_data = true
expected."a number" = ["> {bound}", "of all"]
"""


@pytest.mark.usefixtures("empty_registry")
def test_the_example_is_measured(capsys):
    runpy.run_path(str(EXAMPLES / "own_claim.py"))
    printed = capsys.readouterr().out
    assert "own.1" in printed and printed.endswith("holds 1, does not hold 0\n")
    (claim,) = registry.claims("own")
    found = runner.measure(claim).measurement.values
    assert found["open gates"] == pytest.approx(0.5, abs=0.02)
    assert found["with biases"]["open gates"] > 0.7


@pytest.mark.usefixtures("empty_registry")
@pytest.mark.parametrize("bound, holds", [(1, True), (2, False)])
def test_a_row_of_a_package(tmp_path, monkeypatch, bound, holds):
    name = f"own_paper_{bound}"
    folder = tmp_path / name / "claims"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "claims.toml").write_text(ROW.format(bound=bound))
    (folder / "words.py").write_text(
        "def measure(rng, data_dir):\n    return {'a number': data_dir}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    paper = Paper("own", "One's own", "", name)
    for _ in range(2):
        registry.register_papers([paper])
    (claim,) = registry.claims()
    assert (claim.id, claim.expected) == (
        "own.3",
        f"a number > {bound} (of all)",
    )
    found = runner.measure(claim, data_dir=2).measurement
    assert found.holds is holds, found
