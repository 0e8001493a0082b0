"""A nonlinearity of your own.

It is a multiple of its pre-activation, `f(q) = q g(q)`, and `g` is the gate
that a network with it has. Registered, it is a choice of `--activation`, for
every dnn and for the gating network of every dgn.
"""

import runpy
import sys

from dlgn_tf.gate_kinds import GateFunction
from dlgn_tf.models import activations


def normal_distribution(q):
    """P(Z <= q), Z standard normal: the gate of the GELU."""
    from keras import ops

    return (1 + ops.erf(q / 2**0.5)) / 2


gate = GateFunction(normal_distribution, "gelu: P(Z <= q)")
activations.ACTIVATIONS["gelu"] = activations.of_keras("gelu", gate)

FLAGS = """--model=fc_dnn --dataset=digits --width=32 --depth=3
    --activation=gelu --optimizer=adam --learning_rates=0.01 --train_steps=90
    --eval_every=90 --run_dir=runs/own_nonlinearity"""
if __name__ == "__main__":
    command, *sys.argv[1:] = sys.argv[1:] or ["train", *FLAGS.split()]
    runpy.run_module(f"dlgn_tf.{command}", run_name="__main__")
