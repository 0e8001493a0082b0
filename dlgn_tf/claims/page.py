"""Claims as a page: python -m dlgn_tf.claims.page."""

import collections
import dataclasses
import os
import pathlib
import re
import types
import urllib.parse

from dlgn_tf.claims import records, registry
from dlgn_tf.claims.verdicts import Verdict
from dlgn_tf.command import cli, fields
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere, files, markdown
from dlgn_tf.papers import PAPERS

_USAGE = """Writes what a run of claims found as a page (Markdown).

  python -m dlgn_tf.claims --all --scale=minutes --output=results/claims.jsonl
  python -m dlgn_tf.claims.page --claims=results/claims.jsonl \\
      --output=results/CLAIMS.md

Claims that the file does not have are listed as not run. Verdicts link to what
--why says of them, under headings of their names."""

NOT_RUN = "not run"
_WHAT = (
    "Written by `python -m dlgn_tf.claims.page` from what `python -m "
    "dlgn_tf.claims` measured. A star marks thresholds that were chosen on "
    "three seeds. Not decided: what was measured tells for neither verdict; "
    "not measured: what a claim is measured on is not there; not run: it is of "
    "a slower scale."
)
_TITLES = (
    "claim",
    "statement",
    "expected",
    "measured",
    "verdict",
    "scale",
    "seconds",
)


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    claims: str = flag(
        "results/claims.jsonl",
        "What python -m dlgn_tf.claims wrote.",
        path=True,
    )
    output: str = flag("results/CLAIMS.md", "Where the page goes.", path=True)
    why: str = flag(
        "results/why.md",
        "A page of reasons, if it is there: a heading ## CLAIM for each.",
        path=True,
    )


def run(command):
    """Writes the page."""
    registry.register_papers()
    links = reasons(command.why, os.path.dirname(command.output))
    text = page(records.read(command.claims), registry.claims(), links)
    with files.write_errors(command.output):
        files.write_atomically(command.output, text)
    print(f"{command.output} is written")


def reasons(path, beside):
    """Dict from a claim to the link, from a folder, to what is said of it.

    Args:
        path: Path-like, of the page of reasons; without one there are none.
        beside: Path-like, the folder from which links lead, or None.

    Raises:
        UserError: if the page is no text.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return {}
    try:
        text = elsewhere.read_text(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"Expected --why to be a page of text. Received: {path}, {error}"
        ) from error
    link = urllib.parse.quote(os.path.relpath(path, beside or "."))
    names = re.findall(r"(?m)^## ([a-z]+\.[0-9]+)$", text)
    # An anchor is its heading without signs.
    return {name: f"{link}#{name.replace('.', '')}" for name in names}


def page(measured, claims, links=types.MappingProxyType({})):
    """The page as Markdown.

    Args:
        measured: Records that were `read`.
        claims: All claims.
        links: See `reasons`.
    """
    found = {record["claim"]: record for record in measured}
    by_paper = collections.defaultdict(list)
    for claim in claims:
        by_paper[claim.paper].append((claim, found.get(claim.id)))
    titles = {p.key: f"{p.title} (arXiv {p.arxiv})" for p in PAPERS}
    parts = [
        "# Claims",
        _WHAT,
        "\n".join(_origins(measured)),
        _counts(by_paper),
    ]
    for paper, pairs in by_paper.items():
        rows = [_cells(*pair, links.get(pair[0].id)) for pair in pairs]
        parts.append(f"## {titles.get(paper, paper)}")
        parts.append(markdown.table(_TITLES, rows))
    return "\n\n".join(parts) + "\n"


def verdict(record):
    """A word for a record, which is None for a claim that was not run."""
    return NOT_RUN if record is None else records.verdict(record)


def _origins(measured):
    """Where the figures come from, a line each."""
    keys = ("seed", "dlgn_tf", "commit", "backend", "versions", "machine")
    for key in keys:
        values = dict.fromkeys(str(record[key]) for record in measured)
        yield markdown.text(f"- {key}: {' / '.join(values)}")


def _counts(by_paper):
    words = [*Verdict, NOT_RUN]
    rows = []
    for paper, pairs in by_paper.items():
        counts = collections.Counter(verdict(record) for _, record in pairs)
        rows.append([paper, *(counts[word] for word in words)])
    return markdown.table(["paper", *words], rows)


def _cells(claim, record, link):
    word = verdict(record)
    said = f"[{word}]({link})" if link else word
    return (
        claim.id,
        claim.statement,
        claim.expected,
        record["measured"] if record else "",
        f"**{said}**" if word == Verdict.FAILS else said,
        claim.scale,
        f"{record['seconds']:.1f}" if record else "",
    )


if __name__ == "__main__":
    cli.run(run, "dlgn_tf.claims.page", _USAGE, Command)
