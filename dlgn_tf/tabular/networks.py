"""Gated networks of vectors as functions of their weights.

A network here is a `Form` and `Weights`, arrays; so one compiled loop trains
every network of a form, with nothing in Python a step. `dlgn_tf.tabular.zoo`
makes a model of the zoo of them, for everything else.

Source: Yadav et al., "Half-Space Feature Learning in Neural Networks"
(arXiv 2404.04312); Banerjee et al., "Deep Networks Learn Features From Local
Discontinuities in the Label Function" (ICLR 2025).
"""

import dataclasses
import typing

import numpy as np

from dlgn_tf.choices import VALUE_INPUTS
from dlgn_tf.command import startup
from dlgn_tf.errors import UserError

tf = startup.tensorflow()

FAMILIES = ("dlgn", "dlgn_sf", "dlgn_vt", "npk", "dgn", "dnn")
# How a dlgn_vt and an npk make their half-spaces: as a dlgn_sf does, or a dlgn.
GATINGS = ("shallow", "composed")
_MOST_PATHS = 10**7
# Of rows that are computed at once.
_MOST_NUMBERS = 2**24


@dataclasses.dataclass(frozen=True)
class Form:
    """What a network of vectors is, but for its weights.

    Attributes:
        family: One of `FAMILIES`. A `dlgn_vt` has a free weight for each path,
            its value tensor, in place of a value network; an `npk` has a weight
            for each point, see `dlgn_tf.tabular.alternating`.
        inputs: Integer >= 1, entries of a vector.
        widths: Integers >= 1, of the hidden layers.
        outputs: Integer >= 1.
        beta: Float > 0, gates are sigmoid(beta q).
        biases: Boolean. Whether layers have biases; the papers' have none.
        value_input: `"ones"` or `"image"`, the vector itself, what the value
            network sees.
        gating: One of `GATINGS`, of a dlgn_vt and an npk.

    Raises:
        UserError: if there is no such network.
    """

    family: str
    inputs: int
    widths: tuple[int, ...]
    outputs: int = 1
    beta: float = 4.0
    biases: bool = False
    value_input: str = "ones"
    gating: str = "shallow"

    def __post_init__(self):
        for name, allowed in (
            ("family", FAMILIES),
            ("value_input", VALUE_INPUTS),
            ("gating", GATINGS),
        ):
            if getattr(self, name) not in allowed:
                raise UserError(
                    f"Expected {name} to be one of {allowed}. Received: "
                    f"{name}={getattr(self, name)!r}"
                )
        whole = all(isinstance(x, int | np.integer) for x in self.widths)
        if not self.widths or not whole or min(self.widths) < 1:
            raise UserError(
                "Expected widths >= 1 of one hidden layer or more. Received: "
                f"widths={self.widths!r}"
            )
        if not 0 < self.beta < float("inf"):
            raise UserError(
                f"Expected a number > 0. Received: beta={self.beta!r}"
            )
        paths = float(np.prod(self.widths, dtype=float)) * self.outputs
        if self.family == "dlgn_vt" and paths > _MOST_PATHS:
            raise UserError(
                f"Expected at most {_MOST_PATHS:,} paths, each with a weight "
                f"of its own. Received: widths={self.widths} with {paths:,.0f}"
            )

    @property
    def composed(self) -> bool:
        """Whether half-spaces are made layer by layer."""
        return self.family == "dlgn" or (
            self.family in ("dlgn_vt", "npk") and self.gating == "composed"
        )

    @property
    def linear(self) -> bool:
        """Whether every gate is one half-space of the inputs."""
        return self.family not in ("dgn", "dnn")


class Weights(typing.NamedTuple):
    """Arrays or tensors of a network.

    Attributes:
        gating: A list of layers `(kernel,)` or `(kernel, bias)`, kernels
            `(inputs, units)`; empty of a dnn.
        value: The same, one layer more; of a dlgn_vt one, whose kernel
            `(m_1, ..., m_L, outputs)` is the value tensor; of an npk one of
            points `(n, inputs)` and their weights alpha `(n, outputs)`.
    """

    gating: list
    value: list

    def astype(self, dtype: str) -> "Weights":
        """The same arrays in another type."""
        return Weights(
            *(
                [tuple(a.astype(dtype) for a in layer) for layer in part]
                for part in self
            )
        )


def initial(form: Form, seed: int, dtype: str = "float32") -> Weights:
    """Weights as PyTorch's Linear has them at first.

    Uniform in +-1/sqrt(fan_in), biases too; a value tensor is normal with
    standard deviation 0.01, as published.
    """
    draws = np.random.default_rng(seed)

    def layer(inputs, units):
        bound = inputs**-0.5
        shapes = [(inputs, units), (units,)][: 1 + form.biases]
        return tuple(
            draws.uniform(-bound, bound, shape).astype(dtype)
            for shape in shapes
        )

    below = (form.inputs, *form.widths[:-1])
    gating = []
    if form.family != "dnn":
        passed_on = form.composed or form.family == "dgn"
        sources = below if passed_on else [form.inputs] * len(below)
        gating = [*map(layer, sources, form.widths)]
    if form.family == "dlgn_vt":
        tensor = 0.01 * draws.standard_normal((*form.widths, form.outputs))
        return Weights(gating, [(tensor.astype(dtype),)])
    if form.family == "npk":
        none = np.zeros((0, form.inputs)), np.zeros((0, form.outputs))
        return Weights(gating, [tuple(a.astype(dtype) for a in none)])
    value = [*map(layer, below, form.widths)]
    return Weights(gating, [*value, layer(form.widths[-1], form.outputs)])


def affine(h, kernel, bias=None):
    """A dense layer `(batch, inputs) -> (batch, units)`."""
    h = tf.matmul(h, kernel)
    return h if bias is None else h + bias


def half_space_maps(form: Form, gating: list) -> list:
    """The affine maps whose signs are the gates, `(kernel, bias)` a layer.

    Kernels are `(form.inputs, units)`. Raises a `UserError` for a family whose
    gates are no half-spaces.
    """
    if not form.linear:
        raise UserError(
            "Expected a family whose gates are half-spaces: dlgn, dlgn_sf, "
            f"dlgn_vt or npk. Received: {form.family}"
        )
    maps: list = []
    for layer in gating:
        if maps and form.composed:
            below, *offset = maps[-1]
            layer = (
                tf.matmul(below, layer[0]),
                *(affine(x[None], *layer)[0] for x in offset),
            )
        maps.append(layer)
    return maps


def preactivations(form: Form, gating: list, x: typing.Any) -> list:
    """What gates are made of, `(batch, units)` a layer, of a gated family."""
    if form.linear:
        maps = half_space_maps(form, gating)
        joined = (tf.concat(parts, -1) for parts in zip(*maps, strict=True))
        # One product for all layers.
        return tf.split(affine(x, *joined), form.widths, axis=1)
    found = []
    for layer in gating:
        found.append(affine(x, *layer))
        x = tf.nn.relu(found[-1])
    return found


def gates(form: Form, gating: list, x: typing.Any) -> list:
    """Gates in (0, 1), `(batch, units)` a layer, of a gated family."""
    return [tf.sigmoid(form.beta * q) for q in preactivations(form, gating, x)]


def outputs(form: Form, weights: Weights, x: typing.Any) -> typing.Any:
    """Outputs `(batch, outputs)` of vectors `(batch, inputs)`."""
    *hidden, last = weights.value
    if form.family == "dnn":
        for layer in hidden:
            x = tf.nn.relu(affine(x, *layer))
        return affine(x, *last)
    made = gates(form, weights.gating, x)
    if form.family == "dlgn_vt":
        return over_paths(made, last[0])
    if form.family == "npk":
        points, alpha = last
        # They are where they are; their gates move.
        others = gates(form, weights.gating, tf.stop_gradient(points))
        return tf.matmul(path_kernel(made, others), alpha)
    # Ones are the same for all, so one row of them will do.
    v = x if form.value_input == "image" else tf.ones_like(x[:1])
    for layer, gate in zip(hidden, made, strict=True):
        v = gate * affine(v, *layer)
    return affine(v, *last)


def computed(form: Form, weights: Weights, x: np.ndarray) -> np.ndarray:
    """`outputs` as an array, computed in parts that bound the memory."""
    of_row = max(form.widths)
    if form.family == "dlgn_vt":
        of_row = int(np.prod(form.widths))
    elif form.family == "npk":
        of_row = len(weights.value[0][0])
    rows = max(1, _MOST_NUMBERS // of_row)
    parts = [x[k : k + rows] for k in range(0, len(x), rows)] or [x]
    return np.concatenate(
        [np.asarray(outputs(form, weights, part)) for part in parts]
    )


def over_paths(made: list, tensor: typing.Any) -> typing.Any:
    """Sum over all paths of a path's weight times its gates.

    Gates `(batch, m_l)` a layer and a value tensor `(m_1, ..., m_L, outputs)`
    give `(batch, outputs)`.
    """
    first, *others = made
    rest = tf.matmul(first, tf.reshape(tensor, (first.shape[1], -1)))
    for gate in others:
        rest = tf.reshape(
            rest, (-1, gate.shape[1], rest.shape[1] // gate.shape[1])
        )
        rest = tf.einsum("bm,bmr->br", gate, rest)
    return rest


def path_kernel(made: list, others: list) -> typing.Any:
    """The neural path kernel of ones: prod_l <g_l(x), g_l(x')> / m_l.

    Gates `(n, m_l)` and `(m, m_l)` a layer give `(n, m)`. Source: "Half-Space
    Feature Learning in Neural Networks" (arXiv 2404.04312).
    """
    kernel = 1.0
    for gate, other in zip(made, others, strict=True):
        overlap = tf.matmul(gate, other, transpose_b=True)
        kernel *= overlap / gate.shape[1]
    return kernel


def value_tensor(weights: Weights) -> np.ndarray:
    """The tensor of the dlgn_vt that a network of ones is.

    Each path's weight is the product of the value weights along it.

    Args:
        weights: Of a dlgn or dlgn_sf that sees ones, without biases.

    Returns:
        Array `(m_1, ..., m_L, outputs)`.

    Raises:
        UserError: if there are biases, which belong to no path.
    """
    if any(len(layer) > 1 for layer in weights.value):
        raise UserError(
            "Expected a network without biases, which is a sum over paths. "
            "Received: one with biases"
        )
    (first,), *others = weights.value
    tensor = np.asarray(first).sum(axis=0)
    for (kernel,) in others:
        tensor = tensor[..., None] * np.asarray(kernel)
    return tensor
