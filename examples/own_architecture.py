"""An architecture of your own.

It is written once, as a function that calls `site(preactivation, name)` where
its ReLUs would be. Registered, it comes in every family: here as a `dlgn`. Its
options are those that have defaults; a layer more is a gate site more.

This one convolves once, then mixes channels at each pixel, again and again.
"""

import runpy
import sys

from dlgn_tf.models import register


def mixer(x, site, classes, width=16, depth=2):
    """A conv 3x3 and one 1x1, GAP, dense"""
    from keras import layers

    for i in range(1, depth + 1):
        convolve = layers.Conv2D(width, 3 if i == 1 else 1, name=f"conv{i}")
        x = site(convolve(x), f"conv{i}")
    return layers.Dense(classes)(layers.GlobalAveragePooling2D()(x))


register(mixer, recipe="c4gap", gate_sites=2)

FLAGS = """--model=mixer_dlgn --dataset=digits --width=16 --depth=3
    --optimizer=adam --learning_rates=0.01 --train_steps=90 --eval_every=90
    --run_dir=runs/own_architecture"""
if __name__ == "__main__":
    command, *sys.argv[1:] = sys.argv[1:] or ["train", *FLAGS.split()]
    runpy.run_module(f"dlgn_tf.{command}", run_name="__main__")
