"""The gate that a nonlinearity of Keras has: f(q) = q g(q), told by its layer.

`dlgn_tf.models.activations` has those that networks of the zoo are made with;
here are those that stand in a network of one's own, as a layer, as the
`activation` of another layer or as a function that is called.
"""

import functools
import inspect
import math
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from dlgn_tf import gate_kinds
from dlgn_tf.errors import UserError
from dlgn_tf.gate_kinds import GateFunction
from dlgn_tf.layers import BetaVQ, GraphOperation
from dlgn_tf.models.activations import ACTIVATIONS
from dlgn_tf.models.comparing import same_function
from dlgn_tf.models.sites import OWN

_INFINITE = float("inf")


def kind_of(layer: keras.layers.Layer) -> str:
    """Name of the nonlinearity of a layer in names of layers at gate sites.

    One of `dlgn_tf.models.activations.ACTIVATIONS`, or `sites.OWN`.
    """
    if isinstance(layer, BetaVQ):
        prefix = {"relu": "", "leaky": "leaky_", "abs": "abs_"}[layer.kind]
        return f"{prefix}beta_vq"
    for name, entry in ACTIVATIONS.items():
        try:
            entry.gate(layer)
        except (ValueError, AttributeError):
            continue
        return name
    return OWN


def gate_of(layer: keras.layers.Layer) -> GateFunction | None:
    """The gate g of a nonlinearity f(q) = q g(q).

    Args:
        layer: The nonlinearity. A `PReLU` has been built.

    Returns:
        `GateFunction` with bounds that hold for any weights, or None where the
        layer is no such nonlinearity: a tanh, a softmax.

    Raises:
        UserError: if it is one whose f(0) is not 0.
    """
    kind = kind_of(layer)
    if kind != OWN:
        return ACTIVATIONS[kind].gate(layer)
    if isinstance(layer, layers.PReLU):
        return _prelu(layer)
    name, options = function_of(layer)
    if name not in _GATES:
        return None
    gate = _GATES[name]
    known = inspect.signature(gate).parameters
    return gate(**{k: v for k, v in options.items() if k in known})


def plain_activation(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer, or one that computes the same and says more of it.

    A layer that is the function of an `Activation` stands for it, and a
    function of Keras for one of its name from elsewhere, such as `tf.nn.relu`.
    """
    if not isinstance(layer, layers.Activation):
        return layer
    function = layer.activation
    if isinstance(function, keras.layers.Layer):
        return plain_activation(function)
    own = getattr(keras.activations, getattr(function, "__name__", ""), None)
    if own in (None, function) or not _same(own, function):
        return layer
    return layers.Activation(own, name=layer.name, dtype=layer.dtype_policy)


def _same(own, function):
    """Whether two functions agree, also on which axes they act."""
    try:
        return same_function(
            own, function, [keras.KerasTensor((None, 2, 3, 4))]
        )
    # A function of one's own may raise anything.
    except Exception:
        return False


def function_of(layer: keras.layers.Layer) -> tuple[str, dict]:
    """Name of the function that a layer applies, and its options.

    The name is that of `keras.ops` and `keras.activations` without underscores,
    such as `"leakyrelu"`; that of the class for a layer that applies none.
    """
    if isinstance(layer, layers.ReLU):
        return "relu", vars(layer)
    if isinstance(layer, layers.Activation):
        function = layer.activation
        name = getattr(function, "__name__", type(function).__name__)
        if not getattr(function, "__module__", "").startswith("keras."):
            return f"function {name}", {}
        given = inspect.signature(function).parameters.values()
        return _plain(name), {x.name: x.default for x in given}
    if isinstance(layer, GraphOperation):
        if type(layer.operation).__name__ == "Maximum" and any(
            isinstance(x, (int, float)) and x == 0 for x in layer.constants
        ):
            return "relu", {}
        return _plain(type(layer.operation).__name__), vars(layer.operation)
    return _plain(type(layer).__name__), vars(layer)


def _plain(name):
    return name.replace("_", "").lower()


def is_activation(layer: keras.layers.Layer) -> bool:
    """Whether a layer applies a function to each unit, or a softmax."""
    if isinstance(layer, layers.Activation):
        return layer.activation is not keras.activations.linear
    if isinstance(layer, GraphOperation):
        return function_of(layer)[0] in _activation_names()
    of_keras = (layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)
    if isinstance(layer, (*of_keras, layers.Softmax, BetaVQ)):
        return True
    # One that is registered, not a layer with a nonlinearity inside.
    return not hasattr(layer, "activation") and gate_of(layer) is not None


@functools.cache
def _activation_names():
    names = {_plain(x) for x in dir(keras.activations)}
    return names | {"abs", "absolute", "exp", "square", "sqrt", "maximum"}


def _relu(negative_slope=0.0, max_value=None, threshold=0.0):
    """Of a ReLU of any options, such as ReLU6."""
    slope, most = float(negative_slope), max_value
    if slope and threshold:
        raise UserError(
            "Expected a ReLU that is 0 at 0. Received: one of "
            f"negative_slope={slope:g} and threshold={threshold:g}"
        )
    if not (slope or threshold) and most is None:
        return gate_kinds.hard()
    if most is None:
        slope = _as_kept(slope)

    def gates(q):
        found = ops.where(
            q >= threshold if threshold else q > 0,
            ops.ones_like(q),
            ops.full_like(q, slope),
        )
        if most is not None:
            found = ops.where(q > most, most / ops.maximum(q, most), found)
        return found

    ends = f"1 if q > {threshold:g}, else {slope:g}"
    if most is not None:
        ends = f"{ends}; {most:g} / q beyond {most:g}"
    least = min(slope, 1.0 if most is None else 0.0)
    indicator = slope == 0 and most is None
    return GateFunction(
        gates, f"own: {ends}", max(1.0, slope), least, indicator
    )


def _as_kept(constant):
    """A constant as TensorFlow keeps it: in float32, whatever computes."""
    if keras.backend.backend() != "tensorflow":
        return constant
    return float(np.float32(constant))


def _prelu(layer):
    def gates(q):
        alpha = ops.cast(ops.convert_to_tensor(layer.alpha), q.dtype)
        return ops.where(q > 0, ops.ones_like(q), alpha + ops.zeros_like(q))

    return GateFunction(
        gates, "own: 1 if q > 0, else a learned slope", _INFINITE, -_INFINITE
    )


def _gelu(approximate=False):
    def gates(q):
        if approximate:
            inner = q * (1 + _as_kept(0.044715) * q * q)
            return ops.sigmoid(math.sqrt(8 / math.pi) * inner)
        return 0.5 * ops.erfc(-q * _as_kept(math.sqrt(0.5)))

    shape = ", by tanh" if approximate else ""
    return GateFunction(gates, f"own: Gaussian distribution at q{shape}")


def _hard_silu():
    return GateFunction(
        lambda q: ops.clip(q / 6 + 0.5, 0, 1), "own: q / 6 + 1/2 within [0, 1]"
    )


def _mish():
    return GateFunction(
        lambda q: ops.tanh(ops.softplus(q)), "own: tanh(log(1 + exp q))"
    )


def _absolute():
    return GateFunction(
        lambda q: ops.where(q > 0, ops.ones_like(q), -ops.ones_like(q)),
        "own: 1 if q > 0, else -1",
        1.0,
        -1.0,
    )


_GATES: dict[str, Callable[..., GateFunction]] = {
    "relu": _relu,
    "relu6": lambda: _relu(max_value=6.0),
    "leakyrelu": lambda negative_slope=0.2: _relu(negative_slope),
    "silu": lambda: gate_kinds.soft(1.0),
    "swish": lambda: gate_kinds.soft(1.0),
    "gelu": _gelu,
    "hardsilu": _hard_silu,
    "hardswish": _hard_silu,
    "mish": _mish,
    "abs": _absolute,
    "absolute": _absolute,
}
