"""A network of one's own as a builder, such as those of the zoo are."""

import functools
import itertools
import warnings

import keras
from keras import layers

from dlgn_tf.errors import UserError
from dlgn_tf.layers import GraphOperation
from dlgn_tf.layers.affine import is_affine
from dlgn_tf.models import refusals
from dlgn_tf.models.flattening import flattened
from dlgn_tf.models.sites import RecordAndActivate, RecordAndPass


class UserNetwork:
    """Replays the graph of a Keras model and asks a site at each nonlinearity.

    An object of this class is the builder of an `Architecture`. What it makes
    has new weights; `copy_weights` gives it those of the model.

    Args:
        model: See `dlgn_tf.models.flattening.flattened`.
        keep: See there; also names of layers that may stay in a gating network
            that is linear but for them.

    Raises:
        UserError: if the model cannot be taken apart.
    """

    def __init__(self, model, keep=()):
        self.keep = _names(keep)
        self._flat = flattened(model, self.keep)
        self.name = self._flat.model.name
        known = {layer.name for layer in _layers(self._flat.model)}
        unknown = set(() if self.keep == "all" else self.keep) - known
        if unknown:
            raise UserError(
                "Expected in keep names of layers of the model, or paths "
                f"to them. Received: {', '.join(sorted(unknown))}"
            )

    @property
    def image_shape(self):
        """`(height, width, channels)`; a vector is an image of one pixel."""
        shape = tuple(self._flat.model.inputs[0].shape[1:])
        return shape if len(shape) == 3 else (1, 1, *shape)

    @property
    def classes(self):
        return self._flat.model.outputs[0].shape[-1]

    @functools.cached_property
    def site_shapes(self):
        """Dict from gate site to its shape without the batch."""
        return {
            site: tuple(self._flat.model.get_layer(name).output.shape[1:])
            for name, site in self._flat.sites.items()
        }

    def alike(self):
        """How many gate sites in a row have one shape."""
        groups = itertools.groupby(self.site_shapes.values())
        return [len(list(group)) for _, group in groups]

    def __call__(self, x, site, classes, pooling=None, removed=()):
        """The logits of an image; see `Architecture.builder`.

        Args:
            x: Keras tensor `(batch, height, width, channels)`.
            site: See `dlgn_tf.models.sites`.
            classes: Integer, as many as the model has.
            pooling: `"max"`, max pooling stays, or `"average"`, it becomes
                average pooling; None where it is linear for a site that only
                passes on, whose network shall be linear.
            removed: Names of those of `removable` that are left out.
        """
        received = tuple(x.shape[1:]), classes
        if received != (self.image_shape, self.classes):
            one = ", one output (--loss=logistic or squared)"
            counted = f" in {self.classes} classes"
            raise UserError(
                f"Expected images of shape {self.image_shape}"
                f"{one if self.classes == 1 else counted}, as {self.name} "
                f"takes them. Received: {received[0]} in {classes}"
            )
        site.rescaling = self._rescaling
        model = self._without(removed)
        if len(model.inputs[0].shape) == 2:
            x = layers.Flatten(name="vector")(x)
        clones = {}
        made = model._run_through_graph(
            [x],
            operation_fn=lambda layer: functools.partial(
                self._call, layer, site, pooling, clones
            ),
        )
        self._check_linear(x, site, pooling)
        return keras.tree.flatten(made)[0]

    def _call(self, layer, site, pooling, clones, *args, **kwargs):
        name = self._flat.sites.get(layer.name)
        if site.constant and layer.name in {x.name for x in self._rescaling}:
            return args[0]
        if name is not None:
            return site(*args, name, _cloned(layer))
        if layer.name not in clones:
            last = layer.name == self._flat.model.layers[-1].name
            made = _cloned(layer, pooling == "average", last)
            clones[layer.name] = made
        return clones[layer.name](*args, **kwargs)

    def copy_weights(self, network):
        """Gives a network that was built here the weights of the model.

        Layers are found by their names; those that the model lacks stay.
        """
        for layer in network.layers:
            self.copy_layer(layer)

    def copy_layer(self, layer):
        """As `copy_weights`, of one layer."""
        if layer.weights and layer.name in self._by_name:
            layer.set_weights(self._by_name[layer.name].get_weights())

    @functools.cached_property
    def _rescaling(self):
        """The first layers, as far as they put pixels on a scale.

        Augmentation before and between them does not count.
        """
        first = itertools.filterfalse(_augments, self._flat.model.layers[1:])
        return tuple(itertools.takewhile(_rescales, first))

    def thaw(self):
        """Lets all be trained that the model has frozen."""
        for layer in self._flat.model.layers:
            layer.trainable = True

    @functools.cached_property
    def _by_name(self):
        return {layer.name: layer for layer in self._flat.model.layers}

    def removable(self):
        """Names of the layers `Add` whose longer branch can be left out.

        Without it there is still a gate site.
        """
        sites = {id(self._by_name[name]) for name in self._flat.sites}
        (logits,) = self._flat.model.outputs
        return [
            layer.name
            for layer in self._flat.model.layers
            if isinstance(layer, layers.Add)
            and len({tuple(x.shape) for x in layer.input}) == 1
            and sites & _ancestors(logits, layer)
        ]

    def _without(self, removed):
        """The flat model with skips alone in the place of some `Add`s."""
        if not removed:
            return self._flat.model

        def call(layer, *args, **kwargs):
            if layer.name in removed:
                return args[0][_skip(self._by_name[layer.name])]
            return layer(*args, **kwargs)

        return keras.models.clone_model(self._flat.model, call_function=call)

    def _check_linear(self, x, site, pooling):
        """Tells, or refuses, what is not linear where gates shall be."""
        if not isinstance(site, RecordAndPass) or isinstance(
            site, RecordAndActivate
        ):
            return
        network = keras.Model(x, site.preactivations)
        bent = [layer for layer in network.layers if not is_affine(layer)]
        told, untold = [], []
        for layer in bent:
            pools = "MaxPool" in type(layer).__name__
            kept = self.keep == "all" or (
                layer.name in {*self.keep, *self._flat.kept}
            )
            known = kept or (pools and pooling == "max")
            what = "max pooling" if pools else type(layer).__name__
            (told if known else untold).append(f"{layer.name} ({what})")
        if untold:
            raise UserError(
                "Expected a network that is linear without its nonlinearities, "
                "as the gating network of a dlgn is: average pooling in place "
                "of max pooling (max_pooling='average', --pooling=average), or "
                "keep= with names of layers to leave as they are. Received: "
                f"{', '.join(untold)}"
            )
        if told:
            warnings.warn(
                "The gating network is not linear in the image behind "
                f"{', '.join(told)}, kept as asked",
                stacklevel=2,
            )


def _names(keep):
    """`"all"`, or names as a tuple, of one with commas or several."""
    if isinstance(keep, str):
        return keep if keep == "all" else tuple(filter(None, keep.split(",")))
    return tuple(keep or ())


def _cloned(layer, average=False, last=False):
    """A layer of the same options and name, its weights new.

    Where nothing else is said it computes in the global precision, but for the
    logits: see `dlgn_tf.models.head`. Its weights are drawn from the seed of
    the network, whatever seeds its initialisers have.
    """
    kind, config, policy = type(layer), layer.get_config(), layer.dtype_policy
    if policy.name == "float32":
        policy = keras.config.dtype_policy()
    half = policy.compute_dtype in ("float16", "bfloat16")
    config["dtype"] = "float32" if last and half else policy
    for option, value in config.items():
        of_it = value.get("config") if isinstance(value, dict) else None
        if option.endswith("_initializer") and "seed" in (of_it or ()):
            config[option] = {**value, "config": {**of_it, "seed": None}}
    if average:
        name = kind.__name__.replace("MaxPool", "AveragePool")
        kind = getattr(layers, name, kind)
    return kind.from_config(config)


def _rescales(layer):
    """Whether a layer puts images on another scale, and does no more."""
    if isinstance(layer, GraphOperation):
        # Lists of several tensors have none.
        shape = getattr(layer.input, "shape", None)
        same = shape is not None and shape == getattr(layer.output, "shape", 0)
        return same and is_affine(layer)
    return isinstance(layer, (layers.Rescaling, layers.Normalization))


def _augments(layer):
    """Whether a layer does nothing but in training."""
    return refusals.augments(type(layer).__name__)


def _layers(model):
    return [x for x in model.layers if not isinstance(x, layers.InputLayer)]


def _skip(layer):
    """Index of the input of an `Add` that fewest layers lead to."""
    before = [len(_ancestors(tensor)) for tensor in layer.input]
    return before.index(min(before))


def _ancestors(tensor, removed=None):
    """Ids of all operations before a tensor of a graph.

    Of an `Add` that is removed, only those before its skip.
    """
    found, open_tensors = set(), [tensor]
    while open_tensors:
        history = open_tensors.pop()._keras_history
        if id(history.operation) not in found:
            found.add(id(history.operation))
            node = history.operation._inbound_nodes[history.node_index]
            taken = node.input_tensors
            if history.operation is removed:
                taken = [taken[_skip(removed)]]
            open_tensors += taken
    return found
