"""A gate of your own.

A gate is a function of the pre-activation that grows with it and crosses the
middle of its range at 0. Registered, it is a choice of `--gate`; statistics,
interventions, kernels and the page of a network ask the entry what it is.

`python examples/own_gate.py evaluate --run_dir=runs/own_gate` and so on run any
other command with this gate.
"""

import runpy
import sys

from dlgn_tf import gate_kinds


def ramp():
    """min(max(q + 1/2, 0), 1): linear where a sigmoid bends."""
    from keras import ops

    formula = "ramp: q + 1/2, from 0 to 1"
    return gate_kinds.GateFunction(lambda q: ops.clip(q + 0.5, 0, 1), formula)


gate_kinds.GATES["ramp"] = gate_kinds.GateKind(ramp)

FLAGS = """--model=fc_dlgn --dataset=digits --width=32 --depth=3 --gate=ramp
    --optimizer=adam --learning_rates=0.01 --train_steps=90 --eval_every=90
    --run_dir=runs/own_gate"""
if __name__ == "__main__":
    command, *sys.argv[1:] = sys.argv[1:] or ["train", *FLAGS.split()]
    runpy.run_module(f"dlgn_tf.{command}", run_name="__main__")
