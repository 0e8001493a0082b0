"""What became of a paper's claims, from what was measured.

`{claims} PAPER` lists the claims of a paper: statement, what is expected, what
was measured, the verdict, and the reason where it does not hold or is not
decided. All of it is read as the page is made: statements and expectations
from the paper's claims.toml, measurements from results/claims.jsonl, reasons
from results/why.md.
"""

import collections
import pathlib
import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from dlgn_tf.claims import page, records, registry
from dlgn_tf.claims.verdicts import Verdict

RESULTS = pathlib.Path(__file__).parents[2] / "results"


def reasons(text):
    """Dict from a claim to what a page like results/why.md says of it.

    Links, there relative to results/, are made to start at the documentation's
    root.
    """
    parts = re.split(r"(?m)^## ([a-z]+\.[0-9]+)$", text)[1:]
    return {
        claim: re.sub(r"\]\((?=\w)", "](/results/", said.strip())
        for claim, said in zip(parts[::2], parts[1::2], strict=True)
    }


class Claims(SphinxDirective):
    """`{claims} PAPER`: each claim, expected, measured, its verdict."""

    required_arguments = 1

    def run(self):
        registry.register_papers()
        measured, why = RESULTS / "claims.jsonl", RESULTS / "why.md"
        for file in (measured, why):
            self.env.note_dependency(str(file))
        found = {r["claim"]: r for r in records.read(measured)}
        said = reasons(why.read_text("utf-8"))
        claims = registry.claims(self.arguments[0])
        listed = nodes.definition_list(classes=["claims"])
        for claim in claims:
            listed += self._item(claim, found.get(claim.id), said)
        verdicts = [page.verdict(found.get(claim.id)) for claim in claims]
        return [_counts(verdicts), *self._origin(found, claims), listed]

    def _item(self, claim, record, said):
        verdict = page.verdict(record)
        name = nodes.make_id(claim.id)
        term = nodes.term("", "", ids=[name])
        term += nodes.literal("", claim.id)
        term += nodes.Text(" ")
        of_verdict = f"verdict-{nodes.make_id(verdict)}"
        term += nodes.strong("", verdict, classes=["verdict", of_verdict])
        definition = nodes.definition("", nodes.paragraph("", claim.statement))
        fields = nodes.field_list()
        fields += _field("Expected", claim.expected)
        if record:
            fields += _field("Measured", record["measured"])
            fields += _field("Took", f"{record['seconds']:,.1f} s")
        definition += fields
        if verdict != Verdict.HOLDS and claim.id in said:
            definition += self.parse_text_to_nodes(said[claim.id])
        return nodes.definition_list_item("", term, definition)

    def _origin(self, found, claims):
        some = [found[claim.id] for claim in claims if claim.id in found]
        parts = []
        for key in ("seed", "versions", "machine"):
            values = dict.fromkeys(str(record[key]) for record in some)
            parts.append(f"{key} {' / '.join(values)}")
        text = (
            f"`python -m dlgn_tf.claims --paper={self.arguments[0]} "
            f"--scale=minutes` measured this ({'; '.join(parts)}). A star "
            "marks thresholds that were chosen on three seeds. Not decided "
            "means that what was measured tells for neither verdict."
        )
        return self.parse_text_to_nodes(text)


def _counts(verdicts):
    """A line: how many claims have which verdict."""
    counts = collections.Counter(verdicts)
    words = [*Verdict, page.NOT_RUN]
    text = ", ".join(f"{w}: {counts[w]}" for w in words if counts[w])
    return nodes.paragraph("", f"{len(verdicts)} claims; {text}.")


def _field(name, text):
    return nodes.field(
        "",
        nodes.field_name("", name),
        nodes.field_body("", nodes.paragraph("", text)),
    )


def setup(app):
    app.add_directive("claims", Claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
