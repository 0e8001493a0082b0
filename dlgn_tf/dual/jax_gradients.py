"""Gradients of one logit in every weight on JAX, of several images at once."""

import math
import typing

import jax
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual.gradient_factors import Factors, bytes_of_pass
from dlgn_tf.models.classifier import single_networks

if typing.TYPE_CHECKING:
    from dlgn_tf.models.relu import ReLUNetwork

# Images that pass through the network together.
_TOGETHER = 8


class JaxGradients:
    """As `dlgn_tf.dual.example_gradients.ExampleGradients`, all in full."""

    def __init__(self, model: "ReLUNetwork") -> None:
        networks = single_networks(model)
        self._model = model
        self.networks = tuple(networks)
        key_of = {
            id(variable): (name, layer.name, variable.name)
            for name, network in networks.items()
            for layer in network.layers
            for variable in layer.trainable_variables
        }
        trained = model.trainable_variables
        self._keys = [key_of.get(id(variable)) for variable in trained]
        self.size = sum(math.prod(variable.shape) for variable in trained)
        self.bytes_within = _TOGETHER * sum(
            map(bytes_of_pass, networks.values())
        )
        self.pairs = 1
        of_image = jax.grad(self._logit)
        self._gradients = jax.jit(jax.vmap(of_image, (None, None, 0, None)))

    def __call__(self, images: Array, logit: int | str) -> dict:
        """`Factors` by (network, layer, weight) of a batch of stored images.

        `logit` says which logit; `"sum"`, the sum of all.
        """
        chosen = np.ones(self._model.classes, "float32")
        if logit != "sum":
            chosen = np.eye(len(chosen), dtype="float32")[int(logit)]
        values = [
            [variable.value for variable in variables]
            for variables in (
                self._model.trainable_variables,
                self._model.non_trainable_variables,
            )
        ]
        parts = []
        for first in range(0, len(images), _TOGETHER):
            some = images[first : first + _TOGETHER]
            # Some come again, so that nothing is compiled anew.
            filled = np.resize(some, (_TOGETHER, *some.shape[1:]))
            made = self._gradients(*values, filled, chosen)
            parts.append([np.asarray(x[: len(some)]) for x in made])
        return {
            key: Factors(
                np.concatenate(of_key, dtype="float64").reshape(len(images), -1)
            )
            for key, of_key in zip(
                self._keys, zip(*parts, strict=True), strict=True
            )
            # The rest are weights of gates.
            if key
        }

    def _logit(self, trained, fixed, image, chosen):
        logits, _ = self._model.stateless_call(
            trained, fixed, image[None], training=False
        )
        return (logits[0] * chosen).sum()
