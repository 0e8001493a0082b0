"""Measures what the papers claim: python -m dlgn_tf.claims."""

import contextlib
import importlib
import sys

from absl import flags

from dlgn_tf import cli
from dlgn_tf import startup
from dlgn_tf.claims import registry
from dlgn_tf.claims import report
from dlgn_tf.claims import runner

# Each registers its claims by being imported.
CLAIM_MODULES = (
    "dlgn_tf.claims.gated_networks",
    "dlgn_tf.claims.published_tables",
    "dlgn_tf.dual.claims",
    "dlgn_tf.splines.claims",
    "dlgn_tf.locality.claims",
    "dlgn_tf.rainbow.claims",
)

_USAGE = """Measures what the papers claim, prints measured beside expected.

  python -m dlgn_tf.claims --list
  python -m dlgn_tf.claims --paper=dlgn
  python -m dlgn_tf.claims --only=dlgn.3,dlgn.4 --output=claims.jsonl

Exit status: 0 if every claim that was measured holds, 1 if one does not, 2 for
flags that cannot work."""

FLAGS = flags.FLAGS


def define_flags():
    flags.DEFINE_string(
        "paper", None, "Measure the claims of this paper. Default: of all."
    )
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
        "that is there is replaced.",
    )
    flags.DEFINE_string(
        "results_dir",
        "results",
        "Where tools/reproduce.py wrote TABLE-SCALE/results.csv, which the "
        "claims on the papers' tables are measured on.",
    )
    flags.DEFINE_bool(
        "list", False, "Print the claims of every scale; measure none."
    )


def main():
    """Measures the claims that the flags name; returns the exit status."""
    for module in CLAIM_MODULES:
        importlib.import_module(module)
    if FLAGS.list:
        every_scale = registry.SCALES[-1]
        claims = registry.select(FLAGS.paper, FLAGS.only, every_scale)
        print(report.listing(claims))
        return 0
    claims = registry.select(FLAGS.paper, FLAGS.only, FLAGS.scale)
    startup.import_keras()
    with contextlib.ExitStack() as stack:
        output = None
        if FLAGS.output:
            output = stack.enter_context(report.JsonLines(FLAGS.output))
        outcomes = _measure_all(claims, output)
    print(report.table(outcomes))
    failed = [o for o in outcomes if o.verdict == "does not hold"]
    return 1 if failed else 0


def _measure_all(claims, output):
    outcomes = []
    for position, claim in enumerate(claims, start=1):
        _progress(f"{claim.id} ({position}/{len(claims)}): {claim.statement}")
        outcome = runner.measure(claim, FLAGS.seed, FLAGS.results_dir)
        _progress(f"{claim.id}: {outcome.verdict}, {outcome.seconds:.1f} s")
        if output:
            output.write(outcome)
        outcomes.append(outcome)
    return outcomes


def _progress(text):
    # Apart from the table, which may be piped into a file.
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    define_flags()
    cli.run(main, "dlgn_tf.claims", _USAGE)
