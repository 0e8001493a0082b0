"""The optimiser and its learning rate."""

import keras


def learning_rate(rates, boundaries=()):
    """Piecewise constant schedule.

    The lineage's schedule is rates 0.01, 0.1, 0.01, 0.001 with boundaries 400,
    32,000, 48,000. At a boundary itself the old rate still holds, as
    everywhere in Keras.
    """
    # With no boundary Keras' schedule has nothing to compare with; one that is
    # never reached keeps a single kind of schedule.
    if not boundaries:
        boundaries, rates = (2**30,), (*rates, *rates)
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        list(boundaries), list(rates)
    )


def create_optimizer(config):
    """The optimiser that a `Config` asks for."""
    rate = learning_rate(config.learning_rates, config.boundaries)
    if config.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate)
    else:
        optimizer = sgd(rate, config.momentum, config.nesterov)
    if config.mixed_precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def gating_rate(model, config):
    """What gives the gating network a learning rate of its own.

    Of stochastic gradient descent a factor of gradients is one of the rate.

    Returns:
        Function of the gradients of all trainable variables, a list of as many.
    """
    if config.gating_rate in (None, 1):
        return list
    gating = {id(v) for v in model.gating_network.trainable_variables}
    factors = [
        config.gating_rate if id(variable) in gating else 1.0
        for variable in model.trainable_variables
    ]

    def scaled(gradients):
        pairs = zip(gradients, factors, strict=True)
        return [gradient * factor for gradient, factor in pairs]

    return scaled


def sgd(rate, momentum=0.9, nesterov=False):
    """Stochastic gradient descent with momentum."""
    return keras.optimizers.SGD(rate, momentum=momentum, nesterov=nesterov)


def learning_rate_at(optimizer, step):
    """Learning rate of the step after `step` steps, as a float."""
    schedule = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    return float(keras.ops.convert_to_numpy(schedule(step)))
