"""What all models of the zoo have in common."""

import copy
import functools
import warnings

import keras

from dlgn_tf.errors import UserError
from dlgn_tf.layers import PixelNormalization
from dlgn_tf.models import images as image_checks
from dlgn_tf.models import objectives

# Arguments that take the networks of a model, by their names.
_ARGUMENTS = {
    "network": "network",
    "gating": "gating_network",
    "value": "value_network",
}


class ImageClassifier(keras.Model):
    """Stored images -> logits, with gates that can be asked for at each site.

    Subclasses are `ReLUNetwork` (one network), `GatedNetwork` (two) and
    `EnsembleNetwork` (many small ones). All take images `(batch, height, width,
    channels)` with pixels in [0, 255], uint8 or floating, of any batch size.
    The first images that are not black tell whether their pixels are in [0, 1]
    instead, and a warning says so; tensors of a `tf.data.Dataset` are not
    looked at.

    A model has symbolic inputs and outputs like those that Keras makes of
    layers, so that parts of it make models too.

    Example:

    >>> model = create_model("c4gap_dlgn", (8, 8, 1), width=16, seed=0)
    >>> q = keras.Model(model.input, model.preactivations(model.input)["conv2"])
    >>> q.output_shape
    (None, 8, 8, 16)

    Call arguments:
        images: As above.
        training: Boolean.
        by_member: Boolean. Whether to return what `member_logits` does rather
            than the prediction. Defaults to `False`.

    Returns:
        Logits `(batch, classes)`; of a regression numbers `(batch, targets)`.

    Attributes:
        normalization: `PixelNormalization` or `PerImageStandardization`, the
            first layer.
        site_names: List of strings, the gate sites from input to output.
        image_shape: Tuple `(height, width, channels)`.
        classes: Integer, number of logits.
        networks: Dict of the functional `keras.Model`s inside, from input to
            output: `"network"` alone, or `"gating"` and `"value"`.
        value_input: `"image"`, or `"ones"` where the network of the logits
            sees a constant, see `GatedNetwork`.
        gate_permutation: Tuple of integers, see `GatedNetwork`, or None.
        description: String, JSON of the Keras model that it was made of (see
            `dlgn_tf.from_keras`), or None.
        members: Integer, how many networks there are to train: 1, but for
            an ensemble.
        objective: See `dlgn_tf.models.objectives`; given as the arguments of
            `objectives.of`.

    Raises:
        UserError: if called on images of another shape.
    """

    members = 1
    value_input = "image"
    gate_permutation = None

    def __init__(
        self,
        normalization,
        site_names,
        description=None,
        objective=("crossentropy",),
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.description = description
        self.objective = objectives.of(*objective)
        self.normalization = normalization
        self.site_names = list(site_names)
        # Images are cast by the normalisation, after it has computed.
        self.autocast = False
        # The networks inside have their weights from the start.
        self.built = True
        self._scale_is_known = False

    @property
    def networks(self):
        return {"network": self.network}

    @property
    def gated(self):
        """Whether its gates come from a network of their own."""
        return "gating" in self.networks

    @property
    def gates_network(self):
        """The network that gates are made by: the gating one, or the only."""
        return next(iter(self.networks.values()))

    @property
    def logits_network(self):
        """The network that makes the logits: the value one, or the only."""
        *_, last = self.networks.values()
        return last

    @property
    def image_shape(self):
        return tuple(self.gates_network.inputs[0].shape[1:])

    @property
    def classes(self):
        return self.logits_network.outputs[0].shape[-1]

    @property
    def site_shapes(self):
        """Dict from gate site to its shape without the batch dimension."""
        return {
            name: tuple(self.value_at(name).shape[1:])
            for name in self.site_names
        }

    def layer_at(self, site):
        """The layer of `logits_network` at a gate site of this name.

        It is the nonlinearity, or the product with the gate.
        """
        raise NotImplementedError

    def value_at(self, site):
        """The symbolic tensor that is multiplied by the gate of a site."""
        return listed(self.layer_at(site).input)[0]

    def network_to(self, site):
        """The layers before a gate site of this name, and no others.

        A functional `keras.Model`, normalised image -> pre-activations.
        """
        raise NotImplementedError

    @functools.cached_property
    def preactivation_network(self):
        """The layers before all gate sites, whose pre-activations it makes.

        A functional `keras.Model` of normalised images.
        """
        raise NotImplementedError

    @functools.cached_property
    def input(self):
        return keras.Input(self.image_shape, name="image")

    @functools.cached_property
    def output(self):
        return self.call(self.input)

    @property
    def inputs(self):
        return [self.input]

    @property
    def outputs(self):
        return [self.output]

    @property
    def input_shape(self):
        return self.input.shape

    @property
    def output_shape(self):
        return self.output.shape

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.output_shape[1:])

    def __call__(self, images, *args, **kwargs):
        return super().__call__(self._looked_at(images), *args, **kwargs)

    def fit(self, x=None, *args, **kwargs):
        return super().fit(self._looked_at(x), *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        return super().evaluate(self._looked_at(x), *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        return super().predict(self._looked_at(x), *args, **kwargs)

    def quantize(self, *args, **kwargs):
        # Keras quantises layers that are built, and a call builds them.
        self.output  # noqa: B018
        super().quantize(*args, **kwargs)

    def export(
        self,
        filepath,
        format="tf_saved_model",
        verbose=None,
        input_signature=None,
        **kwargs,
    ):
        signature = input_signature or [self.input]
        super().export(filepath, format, verbose, signature, **kwargs)

    def _looked_at(self, images):
        """The images with all axes; refuses those of another shape.

        Of pixels in [0, 1] it warns, once.
        """
        shape = getattr(images, "shape", None)
        if shape is None or getattr(shape, "rank", 4) is None:
            return images
        images = image_checks.with_all_axes(self, images)
        image_checks.check_shape(self, images.shape)
        self._look_at_scale(images)
        return images

    def _look_at_scale(self, images):
        normalization = self.normalization
        if (
            self._scale_is_known
            or not isinstance(normalization, PixelNormalization)
            or normalization.identical
            # Numbers as small as these are what it was measured on.
            or 255 * max(normalization.std) <= 1
        ):
            return
        largest = image_checks.largest_value(images)
        self._scale_is_known = largest > 0
        if 0 < largest <= 1:
            warnings.warn(
                f"Expected pixels in [0, 255]. Received: images for {self.name}"
                f" whose largest value is {largest:.3g}, which it takes for "
                "nearly black",
                stacklevel=4,
            )

    def call(self, images, training=None, by_member=False):
        logits = self.member_logits(images, training)
        return logits if by_member else self.prediction(logits)

    def member_logits(self, images, training=None):
        """Logits that the loss is taken of, summed over the members.

        `(batch, classes)`, or `(batch, members, classes)` of an ensemble.
        """
        return self.of_pixels(self.normalization(images), training)

    def of_pixels(self, pixels, training=None):
        """As `member_logits`, of images that are normalised already."""
        return self.network(pixels, training=training)

    def prediction(self, member_logits):
        """Logits `(batch, classes)` of the model, from those of its members."""
        return member_logits

    def entering(self, images):
        """What enters `logits_network` in evaluation mode: tensors."""
        return [self.normalization(images)]

    def preactivations(self, images):
        """Pre-activations of every gate site in evaluation mode.

        Returns:
            Dict from site name to tensor `(batch, height, width, filters)` or
            `(batch, units)`, in the order of the sites.
        """
        pixels = self.normalization(self._looked_at(images))
        if not self.site_names:
            return {}
        return self._named(self.preactivation_network(pixels, training=False))

    def routed(self, preactivations):
        """What each site's gate is made of, of what `preactivations` returned.

        By default it is the site's own pre-activation.
        """
        return preactivations

    def gate_at(self, site):
        """The `dlgn_tf.gate_kinds.GateFunction` of a gate site of this name."""
        raise NotImplementedError

    def gate_source(self, site):
        """Site of `preactivations` that makes the gate of a site, by name."""
        order = self.gate_permutation
        names = self.site_names
        return site if order is None else names[order[names.index(site)]]

    def gates_of(self, preactivations):
        """Gates of the shapes of the pre-activations that `routed` returned."""
        return {
            name: self.gate_at(name)(q) for name, q in preactivations.items()
        }

    @property
    def hard_gates(self):
        """Whether each gate of the model is 0 or 1."""
        return all(self.gate_at(site).indicator for site in self.site_names)

    def gates(self, images):
        """The gate that every site uses, in evaluation mode.

        Returns:
            Dict as that of `preactivations`.
        """
        return self.gates_of(self.routed(self.preactivations(images)))

    def _named(self, tensors):
        return dict(zip(self.site_names, listed(tensors), strict=True))

    def get_config(self):
        described = {"description": self.description}
        if self.objective != objectives.CLASSES:
            described["objective"] = self.objective.arguments
        return {
            **{k: v for k, v in described.items() if v},
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "normalization": serialize(self.normalization),
            "site_names": list(self.site_names),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**_deserialized(config, custom_objects))

    def with_networks(self, function):
        """A new model of this class and of other networks.

        They are what `function` returns of each functional `keras.Model`
        inside.
        """
        config = self.get_config()
        networks = {
            _ARGUMENTS[name]: function(network)
            for name, network in self.networks.items()
        }
        others = {k: v for k, v in config.items() if k not in networks}
        return type(self)(**_deserialized(others), **networks)


def _deserialized(config, custom_objects=None):
    # Keras empties what it deserialises a functional model from.
    return {
        name: keras.saving.deserialize_keras_object(
            value, custom_objects=custom_objects
        )
        if isinstance(value, dict)
        else value
        for name, value in copy.deepcopy(config).items()
    }


def single_networks(model):
    """The `networks` of a model that is no ensemble.

    Raises:
        UserError: if it is an ensemble, or no model of the zoo.
    """
    if isinstance(model, ImageClassifier) and model.members == 1:
        return model.networks
    raise UserError(
        "Expected a single network of create_model or from_keras. "
        f"Received: {type(model).__name__} {getattr(model, 'name', '')}"
    )


def copied(network):
    """A functional or sequential model of the same layers and weights.

    It shares nothing with others: Keras connects layers that several models
    have anew for each, and a model that is cut out of another's graph can leave
    that one unable to be saved.
    """
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    copy.trainable = network.trainable
    return copy


def listed(outputs):
    """Outputs of a functional model as a list.

    Keras hands the only output of a model back bare.
    """
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def serialize(layer):
    return keras.saving.serialize_keras_object(layer)
