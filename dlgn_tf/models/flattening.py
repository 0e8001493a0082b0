"""Any functional model as one flat graph of layers, its nonlinearities apart.

Nested models are taken apart, an `activation` inside a layer becomes a layer
behind it, a function that is called in the graph becomes a layer, and a softmax
or sigmoid at the end goes. Each call of a nonlinearity f(q) = q g(q) is then a
layer of its own, which a gate can take the place of.
"""

import dataclasses
import functools

import keras
from keras import layers

from dlgn_tf.errors import UserError
from dlgn_tf.layers import BatchNorm, GraphOperation
from dlgn_tf.layers.affine import is_affine
from dlgn_tf.models.nonlinearities import (
    function_of,
    gate_of,
    is_activation,
    kind_of,
)
from dlgn_tf.models.sites import activation_layer

_SEPARATOR = "."
_OF_PROBABILITIES = ("softmax", "sigmoid", "logsoftmax")
# Names that models derive from that of a site.
_OF_SITE = ("own", "gate", "galu", "relu", "swish", "bn", "pool", "flatten")
_REFUSED = {
    layers.Lambda: "a Lambda, whose function cannot be looked into",
    layers.RNN: "a recurrent layer",
    layers.Bidirectional: "a recurrent layer",
    layers.Wrapper: "a layer around another",
    layers.Embedding: "an embedding, which takes no pixels",
}


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


def functional(model: keras.Model, name: str | None = None) -> keras.Model:
    """A functional or sequential model as a functional one, of its layers.

    Args:
        model: `keras.Model`.
        name: What it is called in messages; its own name by default.

    Raises:
        UserError: if it is none.
    """
    name = name or getattr(model, "name", type(model).__name__)
    if not isinstance(model, keras.Model):
        raise UserError(
            "Expected a functional or sequential Keras model. Received: "
            f"{name}, a {type(model).__name__}"
        )
    if type(model).call not in (type(_identity()).call, keras.Sequential.call):
        raise UserError(
            "Expected a functional or sequential model, whose graph can be "
            f"looked at. Received: {name}, a subclassed model "
            f"({type(model).__name__})"
        )
    try:
        return keras.Model(model.inputs, model.outputs, name=model.name)
    except (AttributeError, ValueError, TypeError) as error:
        raise UserError(
            "Expected a model that knows the shape of its input (keras.Input "
            f"in its first place). Received: {name}, which has not been built"
        ) from error


@functools.cache
def _identity():
    image = keras.Input((1,))
    return keras.Model(image, image)


def one_to_one(model, chosen=None):
    """A functional model of one input and one output.

    Args:
        model: See `flattened`.
        chosen: Name or number of the output, where there are several.

    Raises:
        UserError: if it is none, or has several.
    """
    graph = functional(model)
    names = graph.output_names
    if chosen is not None:
        known = {**dict(zip(names, graph.outputs, strict=True))}
        known |= dict(enumerate(graph.outputs))
        if chosen not in known:
            raise UserError(
                f"Expected outputs to be one of {', '.join(names)}. Received: "
                f"outputs={chosen!r}"
            )
        graph = keras.Model(graph.inputs, known[chosen], name=graph.name)
    if len(graph.inputs) != 1:
        inputs = ", ".join(x.name for x in graph.inputs)
        raise UserError(
            "Expected a model of one input. Received: "
            f"{graph.name} with {inputs}"
        )
    if len(graph.outputs) != 1:
        raise UserError(
            "Expected a model of one output, or outputs=NAME to choose one. "
            f"Received: {graph.name} with {', '.join(names)}"
        )
    image, made = graph.inputs[0].shape[1:], graph.outputs[0].shape[1:]
    if len(image) not in (1, 3) or None in image:
        raise UserError(
            "Expected images (height, width, channels) or vectors of a size "
            f"that is known. Received: {graph.name}, whose input "
            f"{graph.inputs[0].name} has shape {tuple(image)}"
        )
    if len(made) != 1 or None in made:
        raise UserError(
            "Expected logits or probabilities (classes,) at the end. Received: "
            f"{graph.name}, whose output {names[0]} has shape {tuple(made)}"
        )
    return graph


class _Flattening:
    """One model on its way to being flat."""

    def __init__(self, graph, keep):
        self._graph, self._keep = graph, keep
        self._clones, self._pairs = {}, []
        self._names = {"image"}
        self._sites, self._untold, self._kept = {}, [], set()
        self._end = _end_of(graph)

    def flat(self):
        image = keras.Input(self._graph.inputs[0].shape[1:], name="image")
        (logits,) = self._run(self._graph, [image], ())
        self._check_told()
        model = keras.Model(image, logits, name=self._graph.name)
        for original, clone in self._pairs:
            if clone.weights:
                clone.set_weights(original.get_weights())
        return Flat(model, self._sites, frozenset(self._kept))

    def _run(self, graph, tensors, path):
        # What keras.models.clone_model does, too.
        made = graph._run_through_graph(
            tensors,
            operation_fn=lambda x: functools.partial(self._call, path, x),
        )
        return keras.tree.flatten(made)

    def _call(self, path, operation, *args, **kwargs):
        """What a node of the graph puts out, made of new layers."""
        name = _SEPARATOR.join((*path, operation.name))
        if isinstance(operation, keras.Model):
            nested = functional(operation, name)
            tensors = keras.tree.flatten(args)
            made = self._run(nested, tensors, (*path, operation.name))
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
        if is_activation(layer) and not isinstance(args[0], list):
            if ends:
                return args[0]
            return self._nonlinearity(args[0], layer, name)
        inner = getattr(layer, "activation", None)
        if "activation" in layer.get_config() and callable(inner):
            if inner is not keras.activations.linear:
                outside = self._clone(layer, name, activation="linear")
                h = outside(*args, **kwargs)
                if ends:
                    return h
                if not isinstance(inner, keras.layers.Layer):
                    inner = layers.Activation(inner, name=name)
                return self._nonlinearity(h, inner, name)
        clone = self._clone(layer, name)
        made = clone(*args, **kwargs)
        if not _is_known(layer) and not is_affine(clone):
            self._tell(name, f"a {type(layer).__name__}")
        return made

    def _nonlinearity(self, q, layer, name):
        """A nonlinearity of its own for each call."""
        try:
            gate = gate_of(layer)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        if gate is None:
            if not self._tell(name, function_of(layer)[0]):
                return q
            kept = _renamed(layer, self._unique(name))
            self._kept.add(kept.name)
            return kept(q)
        if layer.weights and id(layer) in self._clones:
            raise UserError(
                "Expected a layer for each place where slopes are learned. "
                f"Received: {name}, a {type(layer).__name__} that is called "
                "twice"
            )
        site = self._site(name)
        clone = _renamed(layer, activation_layer(site, kind_of(layer)))
        self._clones[id(layer)] = clone
        self._pairs.append((layer, clone))
        self._sites[clone.name] = site
        return clone(q)

    def _clone(self, layer, name, **options):
        if id(layer) not in self._clones:
            clone = _renamed(layer, self._unique(name), **options)
            self._clones[id(layer)] = clone
            # What statistics are given needs no weights.
            if not isinstance(layer, layers.Normalization):
                self._pairs.append((layer, clone))
        return self._clones[id(layer)]

    def _tell(self, name, what):
        """Whether what has no gate is kept; what is not is told at the end."""
        kept = self._keep == "all" or name in self._keep
        if not kept:
            self._untold.append(f"{name} ({what})")
        return kept

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
        free, number = name, 1
        while any(f"{free}_{x}" in self._names for x in _OF_SITE) or (
            free in self._sites.values()
        ):
            number += 1
            free = f"{name}_{number}"
        self._names |= {f"{free}_{x}" for x in _OF_SITE}
        return free

    def _unique(self, name):
        free, number = name, 1
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return free


def _is_sum(operation, args):
    """Whether it is a plus sign between tensors of one shape."""
    plus = (keras.Input((1,)) + 1)._keras_history.operation
    return (
        type(operation) is type(plus)
        and all(isinstance(x, keras.KerasTensor) for x in args)
        and len({tuple(x.shape) for x in args}) == 1
    )


def _renamed(layer, name, **options):
    """A layer of the same options under a name, its weights new.

    Batch normalisation becomes that of this package, which computes the same,
    and on several replicas what a run is asked for.
    """
    config = {**layer.get_config(), "name": name, **options}
    if isinstance(layer, layers.Normalization) and config["mean"] is None:
        for what in ("mean", "variance"):
            adapted = getattr(layer, f"adapt_{what}", None)
            if adapted is None:
                continue
            config[what] = keras.ops.convert_to_numpy(adapted).tolist()
    plain = type(layer) is layers.BatchNormalization
    if plain:
        del config["synchronized"]
    try:
        return (BatchNorm if plain else type(layer)).from_config(config)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            "Expected layers that Keras can make anew of their configuration. "
            f"Received: {name}, {reason}"
        ) from error


def _end_of(graph):
    """The id of what makes probabilities of the logits at the end, or None."""
    operation = graph.outputs[0]._keras_history.operation
    if isinstance(operation, keras.Model):
        return _end_of(functional(operation))
    inner = getattr(operation, "activation", None)
    name = getattr(inner, "__name__", type(operation).__name__)
    plain = name.replace("_", "").lower()
    called_once = len(operation._inbound_nodes) == 1
    if plain in _OF_PROBABILITIES and called_once:
        return id(operation)
    return None


def _check_layer(layer, name):
    for kind, what in _REFUSED.items():
        if isinstance(layer, kind):
            raise UserError(
                "Expected layers that compute logits of one image at once. "
                f"Received: {name}, {what} ({type(layer).__name__})"
            )
    config = layer.get_config()
    if config.get("data_format") == "channels_first":
        raise UserError(
            "Expected layers with their channels last. Received: "
            f"{name} with data_format=channels_first"
        )


def _is_known(layer):
    """Whether Keras or this package says what a layer computes."""
    return type(layer).__module__.startswith(("keras.", "dlgn_tf."))


def _listed(names):
    shown = names if len(names) < 7 else [*names[:5], "...", names[-1]]
    return ", ".join(shown)
