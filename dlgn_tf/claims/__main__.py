"""Measures what the papers claim: python -m dlgn_tf.claims."""

import dataclasses
import os
import sys

from dlgn_tf import papers
from dlgn_tf.claims import records, registry, report, runner
from dlgn_tf.claims.verdicts import Verdict
from dlgn_tf.command import cli, common_flags, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError

_USAGE = """Measures what the papers claim, prints measured beside expected.

  python -m dlgn_tf.claims --list
  python -m dlgn_tf.claims --paper=dlgn
  python -m dlgn_tf.claims --only=dlgn.3,dlgn.4 --output=claims.jsonl
  python -m dlgn_tf.claims --all --scale=minutes --output=results/claims.jsonl
  python -m dlgn_tf.claims --only=dlgn.16 --scale=minutes --update \
      --output=results/claims.jsonl

A run with --output that was broken off goes on where it was: the same command
does not measure a claim again that is in OUTPUT.partial, unless it reads
results. One of another seed, code or machine, or with claims that are not asked
for, is renamed OUTPUT.partial.1 and measured anew.

Exit status: 1 if a claim does not hold, 0 if none does not, 2 for flags that
cannot work. Claims that are not decided, as what was measured tells for neither
verdict or a control does not do what it should, do not change it; nor do those
that cannot be measured here, as results or data are missing."""


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    paper: str | None = flag(
        None,
        f"Measure the claims of this paper: {papers.keys()}. Default: of all.",
    )
    all: bool = flag(False, "Measure every paper's, as by default.")
    only: tuple[str, ...] = flag(
        (), "Measure these claims alone: PAPER.NUMBER, comma-separated."
    )
    scale: str = flag(
        "seconds",
        "Measure the claims of this scale and of quicker ones.",
        choices=registry.SCALES,
    )
    seed: int = common_flags.seed(
        "From which each claim's random numbers follow."
    )
    output: str | None = flag(
        None,
        "Write the results to this file too, one JSON object a line. A file "
        "that is there is replaced in the end.",
        path=True,
    )
    update: bool = flag(
        False,
        "Keep in --output what it has of claims that are not measured now.",
    )
    results_dir: str = flag(
        "results",
        "The folder of results that some claims read: TABLE-SCALE/results.csv "
        "of tools/reproduce.py, and what dlgn_tf.rainbow wrote.",
        path=True,
    )
    data_dir: str | None = flag(
        None,
        "Folder of prepared TFDS data sets with CIFAR-10, for claims on "
        "images. Without it they take scikit-learn's digits.",
        path=True,
    )
    list: bool = flag(False, "Print the claims of every scale; measure none.")


def run(command):
    """Measures the claims of a `Command`; returns the exit status."""
    registry.register_papers()
    if command.list:
        every_scale = registry.SCALES[-1]
        claims = registry.select(command.paper, command.only, every_scale)
        print(report.listing(claims))
        return 0
    if command.all and (command.paper or command.only):
        raise UserError(
            "Expected --all alone. Received: --all with --paper or --only"
        )
    claims = registry.select(command.paper, command.only, command.scale)
    if "results_dir" in command.given and not os.path.isdir(
        command.results_dir
    ):
        raise UserError(
            "Expected --results_dir to be a folder that tools/reproduce.py "
            f"wrote to. Received: {command.results_dir}"
        )
    if command.update and not command.output:
        raise UserError(
            "Expected --output, the file to update. Received: --update alone"
        )
    if command.data_dir:
        catalog.check_available("cifar10", command.data_dir)
    kept = None
    if command.output:
        kept = records.Records(
            command.output, claims, command.seed, command.update
        )
    # On JAX Keras rounds to float32 where claims are judged in float64.
    startup.import_keras(("tensorflow",))
    startup.hide_retracing()
    outcomes = _measure_all(command, claims, kept)
    if kept:
        kept.finish()
    print(report.table(outcomes))
    return int(any(o.verdict == Verdict.FAILS for o in outcomes))


def _measure_all(command, claims, kept):
    found = kept.outcomes() if kept else {}
    if kept and kept.set_aside:
        _progress(
            f"{command.output}.partial is of another seed, code or machine, or "
            f"of other claims too, and is now {kept.set_aside}"
        )
    if found:
        _progress(f"going on after {len(found)} claims of {len(claims)}")
    for position, claim in enumerate(claims, start=1):
        if claim.id in found:
            continue
        _progress(f"{claim.id} ({position}/{len(claims)}): {claim.statement}")
        outcome = runner.measure(
            claim, command.seed, command.results_dir, command.data_dir
        )
        _progress(f"{claim.id}: {outcome.verdict}, {outcome.seconds:.1f} s")
        if kept:
            kept.write(outcome)
        found[claim.id] = outcome
    return [found[claim.id] for claim in claims]


def _progress(text):
    # Apart from the table, which may be piped into a file.
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    cli.run(run, "dlgn_tf.claims", _USAGE, Command)
