"""Measures what the papers claim: python -m dlgn_tf.claims."""

import os
import sys

from absl import flags

from dlgn_tf import papers
from dlgn_tf.claims import records
from dlgn_tf.claims import registry
from dlgn_tf.claims import report
from dlgn_tf.claims import runner
from dlgn_tf.claims.verdicts import Verdict
from dlgn_tf.command import cli
from dlgn_tf.command import startup
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
verdict, do not change it; nor do those that cannot be measured here, as results
or data are missing."""

FLAGS = flags.FLAGS


def define_flags():
    flags.DEFINE_string(
        "paper",
        None,
        f"Measure the claims of this paper: {papers.keys()}. Default: of all.",
    )
    flags.DEFINE_bool("all", False, "Measure every paper's, as by default.")
    flags.DEFINE_list(
        "only", [], "Measure these claims alone: PAPER.NUMBER, comma-separated."
    )
    flags.DEFINE_enum(
        "scale",
        "seconds",
        list(registry.SCALES),
        "Measure the claims of this scale and of quicker ones.",
    )
    flags.DEFINE_integer(
        "seed", 0, "From which each claim's random numbers follow.", 0
    )
    flags.DEFINE_string(
        "output",
        None,
        "Write the results to this file too, one JSON object a line. A file "
        "that is there is replaced in the end.",
    )
    flags.DEFINE_bool(
        "update",
        False,
        "Keep in --output what it has of claims that are not measured now.",
    )
    flags.DEFINE_string(
        "results_dir",
        "results",
        "The folder of results that some claims read: TABLE-SCALE/results.csv "
        "of tools/reproduce.py, and what dlgn_tf.rainbow wrote.",
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of prepared TFDS data sets with CIFAR-10, for claims on "
        "images. Without it they take scikit-learn's digits.",
    )
    flags.DEFINE_bool(
        "list", False, "Print the claims of every scale; measure none."
    )


def main():
    """Measures the claims that the flags name; returns the exit status."""
    registry.register_papers()
    if FLAGS.list:
        every_scale = registry.SCALES[-1]
        claims = registry.select(FLAGS.paper, FLAGS.only, every_scale)
        print(report.listing(claims))
        return 0
    if FLAGS.all and (FLAGS.paper or FLAGS.only):
        raise UserError(
            "Expected --all alone. Received: --all with --paper or --only"
        )
    claims = registry.select(FLAGS.paper, FLAGS.only, FLAGS.scale)
    if FLAGS["results_dir"].present and not os.path.isdir(FLAGS.results_dir):
        raise UserError(
            "Expected --results_dir to be a folder that tools/reproduce.py "
            f"wrote to. Received: {FLAGS.results_dir}"
        )
    if FLAGS.update and not FLAGS.output:
        raise UserError(
            "Expected --output, the file to update. Received: --update alone"
        )
    if FLAGS.data_dir:
        catalog.check_available("cifar10", FLAGS.data_dir)
    kept = None
    if FLAGS.output:
        kept = records.Records(FLAGS.output, claims, FLAGS.seed, FLAGS.update)
    # On JAX Keras rounds to float32 where claims are judged in float64.
    startup.import_keras(("tensorflow",))
    startup.hide_retracing()
    outcomes = _measure_all(claims, kept)
    if kept:
        kept.finish()
    print(report.table(outcomes))
    return int(any(o.verdict == Verdict.FAILS for o in outcomes))


def _measure_all(claims, kept):
    found = kept.outcomes() if kept else {}
    if kept and kept.set_aside:
        _progress(
            f"{FLAGS.output}.partial is of another seed, code or machine, or "
            f"of other claims too, and is now {kept.set_aside}"
        )
    if found:
        _progress(f"going on after {len(found)} claims of {len(claims)}")
    for position, claim in enumerate(claims, start=1):
        if claim.id in found:
            continue
        _progress(f"{claim.id} ({position}/{len(claims)}): {claim.statement}")
        outcome = runner.measure(
            claim, FLAGS.seed, FLAGS.results_dir, FLAGS.data_dir
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
    define_flags()
    cli.run(main, "dlgn_tf.claims", _USAGE)
