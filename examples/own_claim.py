"""Add a claim.

A claim is a statement, a function that measures, and what must be measured for
the statement to hold. The function returns figures under names in words; what
is expected of them are conditions, see `dlgn_tf.claims.conditions`. A control,
here a layer with biases, shows that the same threshold could be missed.

The papers' claims are rows of claims.toml in dlgn_tf/*/claims with the same
fields. `python -m dlgn_tf.claims` measures those; one from outside the package
is measured by `runner.measure`.
"""

from dlgn_tf.claims import registry, report, runner


def measure_gates(rng):
    inputs = rng.standard_normal((1000, 64))
    preactivations = inputs @ rng.standard_normal((64, 500))
    biased = preactivations + 8
    return {
        "open gates": (preactivations > 0).mean(),
        "with biases": {"open gates": (biased > 0).mean()},
        "neurons": preactivations.shape[1],
    }


claim = registry.register(
    "own.1",
    measure_gates,
    scale="seconds",
    statement="Of random ReLUs half are on.",
    expected={"open gates": "in [0.48, 0.52]"},
    control={"with biases": "told apart"},
)
print(report.table([runner.measure(claim)]))
