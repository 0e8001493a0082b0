"""Training steps on Keras: by our loop, or by `fit` of stock layers."""

import json
import math

from benchmarks import trainings
from dlgn_tf.models.build import create_model


def job(way, name, batch_size, steps, options="{}"):
    """With `way` `"own"` or `"fit"`, and options of the model as JSON."""
    batch_size, steps = int(batch_size), int(steps)
    model = create_model(name, seed=0, **json.loads(options))
    operations = trainings.operations(model)
    if way == "fit":
        model = trainings.stock(model, 1e-4)
    train = getattr(trainings, way)(model, batch_size, steps)
    shapes = [weight.shape for weight in model.trainable_variables]

    def turn():
        train()
        return {
            "amount": batch_size * steps,
            "operations": operations,
            "same": {"parameters": sum(map(math.prod, shapes))},
        }

    return turn
