"""A trained network of vectors as a model of the zoo."""

from typing import Any

import keras
import numpy as np

from dlgn_tf.errors import UserError
from dlgn_tf.models import create_model
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.models.gated import GatedNetwork
from dlgn_tf.tabular.networks import Form, Weights


def as_model(
    form: Form,
    weights: Weights,
    mean: np.ndarray | None = None,
    std: np.ndarray | None = None,
    **head: Any,
) -> ImageClassifier:
    """The `fc` network with these weights, with all that its gates allow.

    Args:
        form: `Form` of layers of one width.
        weights: Its `Weights`.
        mean: Array `(inputs,)` that inputs are less, or None: 0.
        std: Array `(inputs,)` that they are divided by then, or None: 1.
        **head: `loss` and `targets` of `create_model`: one output is that of
            two classes with the logistic loss. By default outputs are logits.

    Returns:
        `dlgn_tf.models.classifier.ImageClassifier` of images
        `(1, 1, inputs)`, each a vector.

    Raises:
        UserError: for a dlgn_vt or npk, which have no value network, and for
            layers of several widths.
    """
    if form.family in ("dlgn_vt", "npk") or len({*form.widths}) > 1:
        raise UserError(
            "Expected a network with a value network and layers of one width, "
            f"as architecture fc has. Received: {form.family} with "
            f"widths={form.widths}"
        )
    gated: dict[str, Any] = {
        "beta": form.beta,
        "epsilon": 0.0,
        "value_input": form.value_input,
    }
    mean = np.zeros(form.inputs) if mean is None else mean
    std = np.ones(form.inputs) if std is None else std
    model = create_model(
        f"fc_{form.family}",
        (1, 1, form.inputs),
        2 if head.get("loss") == "logistic" else form.outputs,
        # What a model takes are pixels in [0, 255].
        mean=(np.asarray(mean) / 255).tolist(),
        std=(np.asarray(std) / 255).tolist(),
        depth=len(form.widths) + 1,
        width=form.widths[0],
        biases=form.biases,
        **(gated if form.family != "dnn" else {}),
        **head,
    )
    if isinstance(model, GatedNetwork):
        _fill(model.gating_network, weights.gating)
        _fill(model.value_network, weights.value)
    else:
        _fill(model.networks["network"], weights.value)
    return model


def _fill(network, weights):
    dense = [x for x in network.layers if isinstance(x, keras.layers.Dense)]
    for layer, arrays in zip(dense, weights, strict=True):
        layer.set_weights(arrays)
