"""The pages of theories: each paper's claims, read from what was measured."""

import importlib.util
import pathlib
import re

import pytest

from dlgn_tf.claims import page, records, registry
from dlgn_tf.claims.verdicts import Verdict
from dlgn_tf.papers import PAPERS

pytest.importorskip("sphinx", reason="needs dlgn_tf[docs]")
pytest.importorskip("latex2mathml", reason="needs dlgn_tf[docs]")
ROOT = pathlib.Path(__file__).parents[2]
THEORIES = ROOT / "docs" / "theories"


def extension(name):
    path = ROOT / "docs" / "_extensions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reasons():
    text = (ROOT / "results" / "why.md").read_text("utf-8")
    return extension("claims_of").reasons(text)


def test_each_paper_has_one_page_with_its_claims():
    asked = []
    for path in THEORIES.glob("*.md"):
        found = re.findall(r"(?m)^```\{claims\} (\w+)$", path.read_text())
        asked += found
        assert path.stem == "index" or found, path
    assert sorted(asked) == sorted(paper.key for paper in PAPERS)


def test_each_claim_that_is_not_borne_out_has_its_reason(reasons):
    registry.register_papers()
    measured = records.read(ROOT / "results" / "claims.jsonl")
    others = {
        record["claim"]
        for record in measured
        if page.verdict(record) != Verdict.HOLDS
    }
    assert others and others == set(reasons)
    assert all(len(said) > 50 for said in reasons.values())


def test_links_of_reasons_lead_to_pages_of_results(reasons):
    links = re.findall(r"\]\((.*?)\)", "".join(reasons.values()))
    assert len(links) > 8
    for link in links:
        assert link.startswith("/results/")
        assert (ROOT / link[1:]).is_file(), link


def test_formulas_become_mathml_and_unknown_commands_are_told(caplog):
    from docutils import nodes

    markup = extension("mathml").markup
    found = markup(nodes.math("", r"K^{\mathrm v} \le \frac12"), "inline")
    assert re.match(r"<math .*<mfrac>.*</math>$", found)
    assert "&#x02264;" in found and not caplog.records
    assert markup(nodes.math("", r"\nothing x"), "inline")
    assert "not understood" in caplog.text


def test_terms_of_the_glossary_are_defined_once():
    text = (ROOT / "docs" / "glossary.md").read_text()
    listed = re.findall(r"(?ms)^:::\{glossary\}\n(.*?)^:::$", text)
    terms = re.findall(r"(?m)^(?! )(\S.*)$", "".join(listed))
    assert len(terms) > 60 and len(terms) == len({x.lower() for x in terms})
