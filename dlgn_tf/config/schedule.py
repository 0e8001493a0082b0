"""Optimiser, learning rates, teacher, length of a run. Nothing heavy."""

import math
import re

from dlgn_tf.command import fields
from dlgn_tf.config.config import MOST_STEPS
from dlgn_tf.errors import UserError

# Learning rate where --optimizer is not the one of the architecture's recipe.
_PLAIN_LEARNING_RATE = {"sgd": 0.01, "adam": 0.001}
_OF_TEACHER = {"teacher_share": 0.5, "teacher_temperature": 4.0}


def resolve(flags, recipe, train_examples):
    """Fields of `Config`, defaults filled in.

    Args:
        flags: `TrainingFlags`, what a recipe has by the same name filled in.
        recipe: `dlgn_tf.config.recipes.Recipe`.
        train_examples: Integer.

    Returns:
        Dict from field to value.

    Raises:
        UserError: if they contradict each other or have no effect.
    """
    one_pass = -(-train_examples // flags.batch_size)
    return {
        **_optimizer(flags, recipe),
        **_teacher(flags),
        "train_steps": _train_steps(flags, recipe, train_examples),
        "eval_every": flags.eval_every
        or (2000 if recipe.train_steps else one_pass),
        "checkpoint_every": _checkpoint_every(flags.checkpoint_every),
    }


def _optimizer(flags, recipe):
    optimizer = flags.optimizer
    rates, boundaries = _schedule(flags, recipe, optimizer)
    momentum, nesterov = flags.momentum, flags.nesterov
    if optimizer == "adam":
        # Adam takes no note of how large gradients are.
        of_sgd = {
            "momentum": momentum,
            "nesterov": nesterov,
            "gating_rate": flags.gating_rate,
        }
        fields.refuse_given(of_sgd, "on adam")
    else:
        momentum = recipe.momentum if momentum is None else momentum
        nesterov = recipe.nesterov if nesterov is None else nesterov
        if nesterov and momentum == 0:
            raise UserError(
                "--nesterov needs a momentum. Expected --momentum > 0. "
                "Received: --momentum=0"
            )
    return {
        "learning_rates": rates,
        "boundaries": boundaries,
        "momentum": momentum,
        "nesterov": nesterov,
    }


def _teacher(flags):
    given = {name: getattr(flags, name) for name in _OF_TEACHER}
    if not flags.teacher:
        fields.refuse_given(given, "without --teacher")
        return given
    return {k: _OF_TEACHER[k] if v is None else v for k, v in given.items()}


def _schedule(flags, recipe, optimizer):
    if flags.learning_rates:
        rates = flags.learning_rates
        boundaries = ()
    elif optimizer == recipe.optimizer:
        rates, boundaries = recipe.learning_rates, recipe.boundaries
    else:
        rates, boundaries = (_PLAIN_LEARNING_RATE[optimizer],), ()
    if flags.boundaries:
        boundaries = flags.boundaries
    if list(boundaries) != sorted(set(boundaries)):
        raise UserError(
            "Invalid --boundaries. Expected growing steps. "
            f"Received: {','.join(map(str, boundaries))}"
        )
    if len(rates) != len(boundaries) + 1:
        raise UserError(
            "Expected one more of --learning_rates than of --boundaries. "
            f"Received: {len(rates)} and {len(boundaries)}"
        )
    return rates, boundaries


def _checkpoint_every(text):
    steps_or_minutes = re.fullmatch(
        r"([0-9]{1,18})|([0-9]{1,18}(?:\.[0-9]+)?)m", text
    )
    if not steps_or_minutes or float(text.removesuffix("m")) == 0:
        raise UserError(
            "Invalid --checkpoint_every. Expected steps, such as 500, or "
            f"minutes, such as 10m. Received: {text}"
        )
    return text


def _train_steps(flags, recipe, train_examples):
    if flags.train_steps and flags.epochs:
        raise UserError(
            "Expected --train_steps or --epochs, not both. Received: "
            f"--train_steps={flags.train_steps} --epochs={flags.epochs}"
        )
    if flags.train_steps:
        return flags.train_steps
    epochs = flags.epochs or recipe.epochs
    if flags.epochs is None and recipe.train_steps:
        return recipe.train_steps
    # The last step completes the last pass.
    steps = epochs * train_examples / flags.batch_size
    if epochs * train_examples < 1 or steps > MOST_STEPS:
        raise UserError(
            f"Invalid --epochs. Expected one image to {MOST_STEPS} steps "
            f"in all. Received: {epochs}"
        )
    return math.ceil(steps)
