"""Any functional model as one flat graph of layers, its nonlinearities apart.

Nested models are taken apart, an `activation` inside a layer becomes a layer
behind it, a function that is called in the graph becomes a layer, and a softmax
or sigmoid at the end goes. Each call of a nonlinearity f(q) = q g(q) is then a
layer of its own, which a gate can take the place of.
"""

import dataclasses
import functools
import inspect

import keras
from keras import layers

from dlgn_tf.errors import UserError, reason
from dlgn_tf.layers import BatchNorm, GraphOperation
from dlgn_tf.layers.affine import is_affine
from dlgn_tf.models import refusals
from dlgn_tf.models.activations import ACTIVATIONS
from dlgn_tf.models.comparing import same_function
from dlgn_tf.models.functional import end_of, functional, one_to_one
from dlgn_tf.models.nonlinearities import (
    function_of,
    gate_of,
    is_activation,
    kind_of,
    plain_activation,
)
from dlgn_tf.models.sites import OWN, activation_layer

_SEPARATOR = "."
# Names that models derive from that of a site, and others that they give.
_OF_SITE = (*ACTIVATIONS, OWN, "gate", "galu", "bn", "pool")
_OF_SITE += ("flatten", "reshape")
_OF_MODELS = ("image", "vector", "gray")


@dataclasses.dataclass(frozen=True)
class Flat:
    """A flat model.

    Attributes:
        model: Functional `keras.Model`, images -> logits, with the weights of
            the one it was made of.
        sites: Dict from the name of each layer that is a nonlinearity
            f(q) = q g(q) to the name of its gate site, from input to output.
        kept: Names of layers that are other nonlinearities, kept as asked.
    """

    model: keras.Model
    sites: dict[str, str]
    kept: frozenset[str]


def flattened(model: keras.Model, keep: tuple[str, ...] | str = ()) -> Flat:
    """Takes a model apart, see above; it is left as it was.

    Args:
        model: Functional or sequential `keras.Model` of one input, an image
            `(height, width, channels)` or a vector `(entries,)`, and one
            output `(classes,)`.
        keep: Names of layers that stay although they are nonlinearities without
            a gate, such as a sigmoid; `"all"` for any.

    Raises:
        UserError: if it cannot be; its text names the layer.
    """
    graph = one_to_one(model)
    return _Flattening(graph, keep).flat()


class _Flattening:
    """One model on its way to being flat."""

    def __init__(self, graph, keep):
        self._graph, self._keep = graph, keep
        # By the id of an original, which is kept so that none takes its id.
        self._clones = {}
        self._names, self._reserved = set(), set(_OF_MODELS)
        self._sites, self._untold, self._kept = {}, [], set()
        self._end = end_of(graph)

    def flat(self):
        image = keras.Input(self._graph.inputs[0].shape[1:], name="image")
        (logits,) = self._run(self._graph, [image], (), {})
        self._check_told()
        model = keras.Model(image, logits, name=self._graph.name)
        return Flat(model, self._sites, frozenset(self._kept))

    def _run(self, graph, tensors, path, context):
        # What keras.models.clone_model does, too.
        made = graph._run_through_graph(
            tensors,
            operation_fn=lambda x: functools.partial(
                self._call, path, context, x
            ),
        )
        return keras.tree.flatten(made)

    def _call(self, path, context, operation, *args, **kwargs):
        """What a node of the graph puts out, made of new layers.

        Args:
            path: Names of the models that it is in.
            context: `training`, if these were called with it.
            operation: Layer, model or function.
        """
        name = _SEPARATOR.join((*path, operation.name))
        if isinstance(operation, keras.layers.Layer):
            args, kwargs = _by_position(operation, args, kwargs, context)
        if isinstance(operation, keras.Model):
            nested = functional(operation, name)
            tensors, path = keras.tree.flatten(args), (*path, operation.name)
            context = {k: v for k, v in kwargs.items() if k == "training"}
            made = self._run(nested, tensors, path, context)
            return made[0] if len(made) == 1 else made
        if _is_sum(operation, args):
            operation, args = layers.Add(name=operation.name), [list(args)]
        elif not isinstance(operation, keras.layers.Layer):
            operation, tensors = GraphOperation.of_call(
                operation, args, kwargs, name=operation.name
            )
            args, kwargs = [tensors if tensors[1:] else tensors[0]], {}
        return self._layer(operation, name, args, kwargs)

    def _layer(self, layer, name, args, kwargs):
        _check_layer(layer, name)
        ends = self._end in (id(layer), id(getattr(layer, "operation", None)))
        layer = plain_activation(layer)
        if is_activation(layer) and not isinstance(args[0], list):
            return args[0] if ends else self._nonlinearity(args[0], layer, name)
        inner = _inside(layer)
        # One that nobody knows can be kept as a whole.
        if inner is not None and (_is_known(layer) or not self._keeps(name)):
            h = self._anew(layer, name, args, kwargs, activation="linear")
            if not _is_known(layer):
                self._check_split(layer, inner, name, args, kwargs)
            return h if ends else self._nonlinearity(h, inner, name)
        made = self._anew(layer, name, args, kwargs)
        _, clone = self._clones[id(layer)]
        if _may_bend(layer, args[0], made) and not is_affine(clone):
            self._kept_or_told(name, layer)
        return made

    def _anew(self, layer, name, args, kwargs, **options):
        """What a layer of the same options and weights puts out."""
        _, clone = self._clones.get(id(layer), (None, None))
        if clone is not None and clone.weights:
            return clone(*args, **kwargs)
        clone = _renamed(layer, self._unique(name), **options)
        self._clones[id(layer)] = layer, clone
        made = clone(*args, **kwargs)
        # What statistics are given needs no weights.
        if clone.weights and not isinstance(layer, layers.Normalization):
            # Those of an activation inside come last.
            clone.set_weights(layer.get_weights()[: len(clone.weights)])
        return made

    def _nonlinearity(self, q, layer, name):
        """A nonlinearity of its own for each call."""
        if layer.weights and id(layer) in self._clones:
            raise UserError(
                "Expected a layer for each place where slopes are learned. "
                f"Received: {name}, a {type(layer).__name__} that is called "
                "twice"
            )
        if not _is_gated(layer, q, name):
            if not self._kept_or_told(name, layer):
                return q
            made = self._anew(layer, name, [q], {})
            self._kept.add(self._clones[id(layer)][1].name)
            return made
        site = self._site(name)
        clone = _renamed(layer, activation_layer(site, kind_of(layer)))
        self._clones[id(layer)] = layer, clone
        made = clone(q)
        clone.set_weights(layer.get_weights())
        if not same_function(layer, clone, [q]):
            raise _not_made_anew(name, "which then computes something else")
        self._sites[clone.name] = site
        return made

    def _check_split(self, layer, inner, name, args, kwargs):
        """Refuses a layer whose `activation` is not what it ends with."""
        _, outside = self._clones[id(layer)]
        if not same_function(
            lambda *x: layer(*x, **kwargs),
            lambda *x: inner(outside(*x, **kwargs)),
            args,
        ):
            raise UserError(
                "Expected layers that end with their activation, or keep= with "
                f"the names of others. Received: {name}, a "
                f"{type(layer).__name__}"
            )

    def _kept_or_told(self, name, layer):
        """Whether what has no gate is kept; what is not is told at the end."""
        if self._keeps(name):
            return True
        self._untold.append(f"{name} ({_what(layer)})")
        return False

    def _keeps(self, name):
        return self._keep == "all" or name in self._keep

    def _check_told(self):
        if self._untold:
            raise UserError(
                "Expected nonlinearities q g(q), such as relu, leaky_relu, "
                "prelu, silu or gelu, or keep= with the names of others, which "
                "then stay as they are, without a gate. Received: "
                f"{_listed(self._untold)}"
            )
        if not self._sites:
            raise UserError(
                "Expected a model with nonlinearities, in whose places there "
                f"can be gates. Received: {self._graph.name}, which has none"
            )

    def _site(self, name):
        """A name for a site, of which no other name will be made."""

        def taken(free):
            derived = {f"{free}_{x}" for x in _OF_SITE}
            others = {*self._reserved, *self._sites.values()}
            return free in others or derived & (self._names | others)

        free = _first_free(name, taken)
        self._reserved |= {f"{free}_{x}" for x in _OF_SITE}
        return free

    def _unique(self, name):
        free = _first_free(name, (self._names | self._reserved).__contains__)
        self._names.add(free)
        return free


def _first_free(name, taken):
    """A name, or the first of name_2, name_3, ... that is not taken."""
    free, number = name, 1
    while taken(free):
        number += 1
        free = f"{name}_{number}"
    return free


def _by_position(layer, args, kwargs, context):
    """Arguments of a call with the first one by position."""
    known = inspect.signature(layer.call).parameters
    given = {**kwargs, **{k: v for k, v in context.items() if k in known}}
    first = next(iter(known), None)
    return (args or (given.pop(first),)), given


def _inside(layer):
    """The `activation` of a layer that has one, as a layer, or None."""
    inner = getattr(layer, "activation", None)
    if "activation" not in layer.get_config() or not callable(inner):
        return None
    if inner is keras.activations.linear:
        return None
    policy = layer.dtype_policy
    return plain_activation(layers.Activation(inner, dtype=policy))


def _is_gated(layer, q, name):
    """Whether a layer is a nonlinearity f(q) = q g(q)."""
    try:
        gate = gate_of(layer)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    # Names say much; a class of one's own may compute anything.
    return gate is not None and same_function(
        layer, lambda points: points * gate(points), [q]
    )


def _may_bend(layer, x, made):
    """Whether a layer that is no activation may be a nonlinearity."""
    if isinstance(layer, GraphOperation):
        # A function of one tensor, unit by unit.
        shape = getattr(x, "shape", None)
        return shape is not None and getattr(made, "shape", None) == shape
    return not _is_known(layer)


def _not_made_anew(name, why):
    return UserError(
        "Expected layers that Keras can make anew of their configuration. "
        f"Received: {name}, {why}"
    )


def _is_sum(operation, args):
    """Whether it is a plus sign between tensors of one shape."""
    plus = (keras.Input((1,)) + 1)._keras_history.operation
    return (
        type(operation) is type(plus)
        and all(isinstance(x, keras.KerasTensor) for x in args)
        and len({tuple(x.shape) for x in args}) == 1
    )


def options_of(layer):
    """The configuration of a layer, with the statistics it was adapted to."""
    config = layer.get_config()
    if isinstance(layer, layers.Normalization) and config["mean"] is None:
        for what in ("mean", "variance"):
            adapted = getattr(layer, f"adapt_{what}", None)
            if adapted is not None:
                config[what] = keras.ops.convert_to_numpy(adapted).tolist()
    return config


def _renamed(layer, name, **options):
    """A layer of the same options under a name, its weights new.

    Batch normalisation becomes that of this package, which is quicker in
    training, and does on several replicas what a run is asked for.
    """
    config = {**options_of(layer), "name": name, **options}
    plain = type(layer) is layers.BatchNormalization
    if plain:
        del config["synchronized"]
        config["as_keras"] = True
    try:
        return (BatchNorm if plain else type(layer)).from_config(config)
    except (TypeError, ValueError) as error:
        raise _not_made_anew(name, reason(error)) from error


def _check_layer(layer, name):
    refusals.check_layer(name, [x.__name__ for x in type(layer).__mro__])
    try:
        config = layer.get_config()
    except NotImplementedError as error:
        why = f"a {type(layer).__name__} without get_config"
        raise _not_made_anew(name, why) from error
    if config.get("data_format") == "channels_first":
        raise UserError(
            "Expected layers with their channels last. Received: "
            f"{name} with data_format=channels_first"
        )


def _is_known(layer):
    """Whether Keras or this package says what a layer computes."""
    return type(layer).__module__.startswith(("keras.", "dlgn_tf."))


def _what(layer):
    """What a layer is called where there is no gate for it."""
    own = not _is_known(layer)
    return f"a {type(layer).__name__}" if own else function_of(layer)[0]


def _listed(names):
    shown = names if len(names) < 7 else [*names[:5], "...", names[-1]]
    return ", ".join(shown)
