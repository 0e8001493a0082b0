"""A function that a functional model calls in its graph, as a layer."""

import keras


@keras.saving.register_keras_serializable(package="dlgn_tf")
class GraphOperation(keras.layers.Layer):
    """Calls an operation of Keras, such as that behind `keras.ops.multiply`.

    In the graph of a functional model such a call is a node like that of a
    layer, but it is none of the model's `layers`. As a layer it is, so that
    code which goes through layers one by one sees it.

    Args:
        operation: `keras.Operation`.
        arguments: Dict with a list `"args"` and a dict `"kwargs"` of what it is
            called with; `{"tensor": k}` stands for the k-th tensor.

    Call arguments:
        tensors: A tensor, or a list of several.

    Returns:
        What the operation returns.
    """

    def __init__(self, operation, arguments, **kwargs):
        super().__init__(**kwargs)
        self.operation = operation
        self.arguments = arguments
        # An operation has no weights that would have to be built.
        self.built = True

    @classmethod
    def of_call(cls, operation, args, kwargs, **options):
        """The layer of a call, and the tensors that it is called with."""
        tensors = []

        def place(value):
            if not isinstance(value, keras.KerasTensor):
                return value
            tensors.append(value)
            return {"tensor": len(tensors) - 1}

        arguments = {
            "args": [keras.tree.map_structure(place, x) for x in args],
            "kwargs": {
                k: keras.tree.map_structure(place, x) for k, x in kwargs.items()
            },
        }
        return cls(operation, arguments, **options), tensors

    @property
    def constants(self):
        """Arguments of the call that are no tensors, by position."""
        return [x for x in self.arguments["args"] if not _is_place(x)]

    def call(self, tensors):
        given = tensors if isinstance(tensors, (list, tuple)) else [tensors]
        args = [_filled(x, given) for x in self.arguments["args"]]
        kwargs = {
            k: _filled(x, given) for k, x in self.arguments["kwargs"].items()
        }
        return self.operation(*args, **kwargs)

    def get_config(self):
        config = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("operation", "arguments")
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        made = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("operation", "arguments")
        }
        return cls(**{**config, **made})


def _is_place(value):
    return isinstance(value, dict) and value.keys() == {"tensor"}


def _filled(value, tensors):
    """A structure with tensors in the places that stand for them."""
    if _is_place(value):
        return tensors[value["tensor"]]
    if isinstance(value, dict):
        return {k: _filled(x, tensors) for k, x in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_filled(x, tensors) for x in value)
    return value
