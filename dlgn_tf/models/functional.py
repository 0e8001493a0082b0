"""Which Keras models can be looked at: functional ones, one image to logits."""

import functools
import itertools

import keras

from dlgn_tf.errors import UserError

_OF_PROBABILITIES = ("softmax", "sigmoid", "logsoftmax")


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


def one_to_one(model: keras.Model, chosen: str | int | None = None):
    """A functional model of one input and one output.

    Args:
        model: See `dlgn_tf.models.flattening.flattened`.
        chosen: Name or number of the output, where there are several.

    Raises:
        UserError: if it is none, or has several.
    """
    graph = functional(model)
    names = list(graph.output_names)
    if chosen is not None:
        known = dict(zip(names, graph.outputs, strict=True))
        known |= dict(enumerate(graph.outputs))
        if chosen not in known:
            raise UserError(
                f"Expected outputs to be one of {', '.join(names)}. Received: "
                f"outputs={chosen!r}"
            )
        graph = keras.Model(graph.inputs, known[chosen], name=graph.name)
        names = [chosen if chosen in names else names[chosen]]
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


def calls_of(network: keras.Model) -> list:
    """The nodes of a functional model in the order of its layers.

    Each is a call of an operation; those of inputs are left out.
    """
    places = {id(layer): k for k, layer in enumerate(network.layers)}
    by_depth = network._nodes_by_depth
    return [
        node
        for depth in sorted(by_depth, reverse=True)
        for node in sorted(
            by_depth[depth], key=lambda x: places[id(x.operation)]
        )
        if not node.is_input
    ]


def end_of(graph: keras.Model) -> int | None:
    """The id of what makes probabilities of the logits at the end, or None.

    Args:
        graph: Functional model, see `one_to_one`.
    """
    operation, _ = _end(graph)
    return operation and id(operation)


def ends_in_one_sigmoid(graph: keras.Model) -> bool:
    """Whether a model says one probability, of the second class of two."""
    _, name = _end(graph)
    return name == "sigmoid" and graph.outputs[0].shape[-1] == 1


def _end(graph):
    """What makes probabilities at the end and its name, or None twice."""
    tensor = graph.outputs[0]
    while isinstance(tensor._keras_history.operation, keras.Model):
        inside = functional(tensor._keras_history.operation)
        tensor = inside.outputs[tensor._keras_history.tensor_index]
    operation = tensor._keras_history.operation
    inner = getattr(operation, "activation", None)
    name = getattr(inner, "__name__", type(operation).__name__)
    name = name.replace("_", "").lower()
    # Where it is called elsewhere too, it is none of the end alone.
    if name in _OF_PROBABILITIES and _calls(graph, operation) == 1:
        return operation, name
    return None, None


def _calls(graph, operation):
    """How often an operation is called in a graph and in models inside it."""
    count = 0
    for node in itertools.chain(*graph._nodes_by_depth.values()):
        count += node.operation is operation
        if isinstance(node.operation, keras.Model):
            count += _calls(functional(node.operation), operation)
    return count
