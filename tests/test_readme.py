"""Every figure that documents quote is one of a page of results.

The rule. A *figure* is a number with a decimal point, or one with %, points or
times behind it. Numbers joined by ±, "to" or an opening bracket are one figure,
which must be found as a whole: 97.5 % (97.2 to 97.8). A row of a table, an item
of a list or a paragraph names, by its links, the pages that its figures are on;
one without links means those of the block before it in its section. A page has
a figure if the same numbers stand there, in this order, with as many digits or
more. What a paper has published counts like the rest: pages print it beside.

No figures are: settings, written as `code`; integers; arXiv numbers; versions,
written as "Python 3.11 to 3.13".
"""

import collections
import pathlib
import re
import urllib.parse

import pytest

from dlgn_tf.claims import records, registry
from dlgn_tf.claims.verdicts import Verdict

ROOT = pathlib.Path(__file__).parents[1]
README, RESULTS = ROOT / "README.md", ROOT / "docs" / "results.md"
OTHERS = [
    path
    for folder in ("commands", "how_to", "tutorials")
    for path in sorted((ROOT / "docs" / folder).glob("*.md"))
]
DOCUMENTS = [README, RESULTS, *OTHERS]
CLAIMS = ROOT / "results" / "claims.jsonl"

NUMBER = r"(?<![\w.^/])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w^/]|\.\d)"
JOINED = re.compile(
    rf"{NUMBER}(?: ?%)?(?:(?: ± | to | \(){NUMBER}(?: ?%)?\)?)*"
    r"(?: points| times)?"
)
MEASURED = re.compile(r"\.\d|e[+-]?\d|%|±| points$| times$")
LINK = re.compile(
    r"\]\((?:\.\./)*((?:results|dlgn_tf/presets)/[^)#]+\.(?:md|csv|json))\)"
)
LEFT_OUT = re.compile(
    r"```.*?```|`[^`]*`|!?\]\([^)]*\)|arXiv\s+[\d.]+"
    r"|(?:Python|TensorFlow|Keras|Theorem) [\d.]+(?: to [\d.]+)?",
    re.DOTALL,
)


def blocks(section):
    """Rows of tables, items of lists, and paragraphs."""
    for paragraph in re.split(r"\n\s*\n", section):
        yield from re.split(r"\n(?=\||- )", paragraph)


def figures(text):
    """What is quoted, as it is written."""
    found = JOINED.findall(LEFT_OUT.sub(" ", " ".join(text.split())))
    return [figure.strip() for figure in found if MEASURED.search(figure)]


def numbers(text):
    return re.findall(NUMBER, text)


def quoted(document):
    """Pairs of a figure and the pages it should be on."""
    for section in re.split(r"(?m)^(?=#+ )", without_listings(document)):
        pages = []
        for block in blocks(section):
            pages = LINK.findall(block) or pages
            for figure in figures(block):
                yield figure, tuple(pages)


def without_listings(text):
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def value(number):
    return float(number.replace(",", ""))


def rounds_to(exact, shown):
    """Whether a number is another one's rounding: 0.236 that of 0.24."""
    mantissa, _, exponent = shown.partition("e")
    digits = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - digits)
    return abs(value(exact) - value(shown)) <= unit * (0.5 + 1e-6)


def is_on(figure, there):
    """Whether its numbers are among those of a page, one after the other."""
    asked = numbers(figure)
    windows = (there[i : i + len(asked)] for i in range(len(there)))
    return any(
        len(window) == len(asked) and all(map(rounds_to, window, asked))
        for window in windows
    )


def missing(document, root=ROOT):
    """Figures that are on none of their pages."""
    for figure, pages in quoted(document):
        if not any(is_on(figure, read_page(page, root)) for page in pages):
            yield figure, pages


def read_page(page, root=ROOT):
    """Its numbers, as they are written, settings left out."""
    return numbers(LEFT_OUT.sub(" ", (root / page).read_text()))


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_figure_is_on_its_page(path):
    assert not list(missing(path.read_text()))


def test_reasons_are_given_of_all_that_does_not_hold_and_quote_pages():
    text = (ROOT / "results" / "why.md").read_text()
    assert not list(missing(text.replace("](", "](results/")))
    named = re.findall(r"(?m)^## (.*)$", text)
    unsure = [
        x["claim"]
        for x in records.read(CLAIMS)
        if records.verdict(x) != Verdict.HOLDS
    ]
    assert sorted(named) == sorted(unsure) and len(named) >= 10
    linked = (ROOT / "results" / "CLAIMS.md").read_text()
    for name in named:
        assert f"](why.md#{name.replace('.', '')})" in linked


def test_documents_quote_figures():
    assert len(list(quoted(RESULTS.read_text()))) > 50
    assert len(list(quoted(README.read_text()))) > 8


def changed(figure):
    """The figure with the last digit of its first number another."""
    first = numbers(figure)[0]
    mantissa, exponent = re.fullmatch(r"(.*?)(e.*)?", first).groups()
    other = str((int(mantissa[-1]) + 5) % 10)
    return figure.replace(first, mantissa[:-1] + other + (exponent or ""), 1)


def test_a_changed_digit_is_noticed():
    """Mostly: a short number may stand on a page by chance, so quote pairs."""
    document = RESULTS.read_text()
    noticed = [
        not any(is_on(changed(figure), read_page(page)) for page in pages)
        for figure, pages in quoted(document)
    ]
    assert sum(noticed) >= 0.85 * len(noticed)


PAGE = """# A page

Trained 82.40 ± 0.28, random 31.96 ± 6.19; `--beta=0.77`. 0.236 remain.

| digits | 98.8 % (98.3 to 99.2) | 5.37e3 |
"""


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("82.40 ± 0.28", True),
        ("82.4 ± 0.3 %", True),
        ("82.40 ± 0.29", False),
        ("82.40 ± 6.19", False),
        ("82.41 ± 0.28", False),
        ("98.8 % (98.3 to 99.2)", True),
        ("98.8 % (98.3 to 99.3)", False),
        ("0.24", True),
        ("0.23", False),
        ("0.2360", True),
        ("5.4e3", True),
        ("5.5e3", False),
        ("24 %", False),
        ("0.77", False),
    ],
)
def test_a_figure_and_its_page(figure, expected, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.md").write_text(PAGE)
    document = f"## Results\n\nSee [a](results/a.md).\n\n| it | {figure} |\n"
    assert figures(document) == [figure]
    assert list(missing(document, tmp_path)) == (
        [] if expected else [(figure, ("results/a.md",))]
    )


def test_a_figure_needs_a_page():
    document = "## One\n\n[a](results/a.md)\n\n## Two\n\nThese are 3.5 %.\n"
    assert list(missing(document)) == [("3.5 %", ())]


@pytest.mark.parametrize(
    "text",
    [
        "`--rate=0.001` of 8 passes",
        "arXiv 2110.03403",
        "Python 3.11 to 3.13",
        "with 10,000 images, 2^18 of them, order 4-7, -1/2",
        "```\nx = 0.5\n```",
    ],
)
def test_what_is_no_figure(text):
    assert not figures(text)


def links(path):
    """Where the links of a document lead, those to other sites apart."""
    text = without_listings(path.read_text())
    found = re.findall(r"\]\(<?([^)\s>]+)>?\)", text)
    elsewhere = [x for x in found if re.match(r"[a-z]+:", x)]
    return {*found}.difference(elsewhere), {*elsewhere}


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=name_of
)
def test_links_lead_somewhere(path):
    """The strict build of the site asks for more, of its own pages alone."""
    here, elsewhere = links(path)
    files = {x.partition("#")[0] for x in here} - {""}
    assert not {x for x in files if not (path.parent / x).exists()}
    parsed = map(urllib.parse.urlsplit, elsewhere)
    assert all(x.scheme == "https" and "." in x.netloc for x in parsed)


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.read_text().splitlines()) <= 150


def verdicts():
    """Of each paper: how many claims hold, and which got another verdict."""
    registry.register_papers()
    found = {r["claim"]: records.verdict(r) for r in records.read(CLAIMS)}
    for paper in dict.fromkeys(claim.paper for claim in registry.claims()):
        ids = [claim.id for claim in registry.claims(paper)]
        by_verdict = {v: [i for i in ids if found.get(i) == v] for v in Verdict}
        held = by_verdict.pop(Verdict.HOLDS)
        not_run = [i for i in ids if i not in found]
        not_run += by_verdict.pop(Verdict.NOT_MEASURED)
        others = map(of_paper, [*by_verdict.values(), not_run])
        yield paper, str(len(held)), *others


def of_paper(ids):
    """Numbers of claims, as the README lists them."""
    return ", ".join(i.partition(".")[2] for i in ids) or "-"


def test_verdicts_are_those_that_were_measured():
    text = RESULTS.read_text()
    section = text.partition("## What does not hold\n")[2].partition("\n## ")[0]
    rows = re.findall(
        r"(?m)^\| .*`(\w+)` \| (.*) \| (.*) \| (.*) \| (.*) \|$", section
    )
    assert sorted(rows) == sorted(verdicts())


def test_the_readme_counts_the_verdicts():
    found = collections.Counter(map(records.verdict, records.read(CLAIMS)))
    said = (
        f"Of {found.total()} claims {found[Verdict.HOLDS]} hold, "
        f"{found[Verdict.FAILS]} do not and {found[Verdict.UNDECIDED]} are not "
        "decided"
    )
    assert said in " ".join(README.read_text().split())
