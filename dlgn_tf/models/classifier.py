"""What all models of the zoo have in common."""

import copy

import keras
import numpy as np

from dlgn_tf.errors import UserError

# Attributes, and arguments, that hold the networks of a model.
NETWORKS = ("network", "gating_network", "value_network")


class ImageClassifier(keras.Model):
    """Stored images -> logits, with gates that can be asked for.

    Subclasses are `ReLUNetwork` (one network), `GatedNetwork` (two) and
    `EnsembleNetwork` (many small ones). All take images `(batch, height, width,
    channels)` with pixels in [0, 255], uint8 or floating, of any batch size.

    Call arguments:
        images: As above.
        training: Boolean.
        by_member: Boolean. Whether to return what `member_logits` does rather
            than the prediction. Defaults to `False`.

    Returns:
        Logits `(batch, classes)`.

    Attributes:
        normalization: `PixelNormalization` or `PerImageStandardization`, the
            first layer.
        site_names: List of strings, the gate sites from input to output.
        image_shape: Tuple `(height, width, channels)`.
        members: Integer, how many networks there are to train: 1, but for
            an ensemble.
    """

    members = 1

    def __init__(self, normalization, site_names, **kwargs):
        super().__init__(**kwargs)
        self.normalization = normalization
        self.site_names = list(site_names)
        # Images are cast by the normalisation, after it has computed.
        self.autocast = False
        # The networks inside have their weights from the start.
        self.built = True

    @property
    def site_shapes(self):
        """Dict from gate site to its shape without the batch dimension."""
        raise NotImplementedError

    def call(self, images, training=None, by_member=False):
        logits = self.member_logits(images, training)
        return logits if by_member else self.prediction(logits)

    def member_logits(self, images, training=None):
        """Logits that the loss is taken of, summed over the members.

        Returns:
            Tensor `(batch, classes)`; `(batch, members, classes)` for an
            ensemble.
        """
        raise NotImplementedError

    def prediction(self, member_logits):
        """Logits `(batch, classes)` of the model, from those of its members."""
        return member_logits

    def preactivations(self, images):
        """Pre-activations of every gate site in evaluation mode.

        Returns:
            Dict from site name to tensor `(batch, height, width, filters)` or
            `(batch, units)`, in the order of the sites.
        """
        raise NotImplementedError

    def routed(self, preactivations):
        """What each site's gate is made of: by default its own pre-activation.

        Args:
            preactivations: What `preactivations` returned.

        Returns:
            Dict of the same sites.
        """
        return preactivations

    def gates_of(self, preactivations):
        """Gates made of pre-activations, one by one, of the same shapes.

        Args:
            preactivations: What `routed` returned.
        """
        raise NotImplementedError

    def gates(self, images):
        """The gate that every site uses, in evaluation mode.

        Returns:
            Dict as that of `preactivations`.
        """
        return self.gates_of(self.routed(self.preactivations(images)))

    def _named(self, tensors):
        return dict(zip(self.site_names, listed(tensors), strict=True))

    def get_config(self):
        return {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "normalization": serialize(self.normalization),
            "site_names": list(self.site_names),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**_deserialized(config, custom_objects))

    def with_networks(self, function):
        """The same model of other networks.

        Args:
            function: Of each functional `keras.Model` inside; what it returns
                takes its place.

        Returns:
            A new model of this class.
        """
        config = self.get_config()
        networks = {
            name: function(getattr(self, name))
            for name in NETWORKS
            if name in config
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


def check_images(model, images):
    """Raises a `UserError` unless there are images that a model takes.

    Args:
        model: `ImageClassifier`.
        images: What is said to be an array `(n, height, width, channels)`,
            n >= 1, of finite numbers.
    """
    shape = np.shape(images)
    if not shape or shape[0] < 1 or shape[1:] != tuple(model.image_shape):
        raise UserError(
            f"Expected images of shape (n, {str(model.image_shape)[1:]}, n >= "
            f"1, as {model.name} takes them. Received: shape {shape}"
        )
    whole = np.issubdtype(np.asarray(images).dtype, np.integer)
    if not whole and not np.all(np.isfinite(images)):
        raise UserError(
            "Expected images of finite numbers. Received: some that are not"
        )


def listed(outputs):
    """Outputs of a functional model as a list.

    Keras hands the only output of a model back bare.
    """
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def serialize(layer):
    return keras.saving.serialize_keras_object(layer)
