"""tian.14: a student's gradients as differences of nodes."""

import numpy as np

from dlgn_tf.command import startup
from dlgn_tf.locality import gradient_relations, specialization

tf = startup.tensorflow()

# Three hidden layers, the student's three times as wide.
WIDTHS, OUTPUTS, MULTIPLE, SAMPLES, SEEDS = (6, 7, 8), 5, 3, 200, 3


def measure_relations(rng):
    found = [_differences(rng) for _ in range(SEEDS)]
    figures = {name: [x[name] for x in found] for name in found[0]}
    return {**figures, "seeds": SEEDS}


def _differences(rng):
    drawn = specialization.draw_teacher(WIDTHS, OUTPUTS, rng)
    teacher = specialization.half_open(drawn, rng)
    wider = [MULTIPLE * width for width in WIDTHS]
    student = specialization.draw_student(wider, OUTPUTS, rng)
    recipe = specialization.LUCK
    inputs = recipe.input_std * rng.normal(size=(SAMPLES, recipe.inputs))
    true = received(student, teacher, inputs)
    formula = gradient_relations.gradients(student, teacher, inputs)
    # As if the teacher's nodes were those of another teacher.
    other = [(w[:, ::-1], b[::-1]) for w, b in teacher[:1]] + teacher[1:]
    wrong = gradient_relations.gradients(student, other, inputs)
    exact, averaged = (
        gradient_relations.relations(student, teacher, inputs, kind)
        for kind in (False, True)
    )
    means = [beta.mean(axis=0) for beta in exact]
    gaps = list(map(_gap, averaged, means))
    return {
        "|g - g of autodiff| / |g|": max(map(_gap, formula, true)),
        "averaged beta, upper two layers": max(gaps[1:]),
        "averaged beta, lowest layer": gaps[0],
        "with the teacher's first layer in another order": min(
            map(_gap, wrong, true)
        ),
    }


def received(student, teacher, inputs):
    """g of every hidden layer of the student by autodiff, float64."""
    with tf.GradientTape() as tape:
        x = tf.constant(inputs)
        tape.watch(x)
        made = specialization.activations(student, x)
        wanted = specialization.activations(teacher, x)[-1]
        loss = tf.reduce_sum((wanted - made[-1]) ** 2) / 2
    slopes = tape.gradient(loss, made[:-1])
    return [
        np.where(f > 0, -slope, 0.0)
        for f, slope in zip(made[:-1], slopes, strict=True)
    ]


def _gap(found, true):
    return np.linalg.norm(found - true) / np.linalg.norm(true)
