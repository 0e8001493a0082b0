"""The part of a network that leads from the image to one gate site."""

import functools
import math

import keras
import numpy as np
from keras import layers, ops

from dlgn_tf.inspection.autodiff import double_precision, pullback
from dlgn_tf.inspection.sites import check_site
from dlgn_tf.layers import PerImageStandardization
from dlgn_tf.layers.affine import KNOWN, is_affine
from dlgn_tf.models.orthogonal import folded


class SiteMap:
    """Normalised image -> pre-activations of one gate site, in float64.

    A copy of the model's layers up to the site, so that nothing of the model is
    touched and rounding does not blur what is exact.

    Args:
        model: `ImageClassifier`.
        site: String, one of its `site_names`.
        positive: Boolean. Whether all weights are replaced by positive ones,
            and max pooling by average pooling, so that nothing that reaches a
            unit is multiplied by 0 or cancels.

    Attributes:
        site: String.
        image_shape: Tuple `(height, width, channels)`.
        shape: Tuple, the site's shape.
        scale: float64 array `(channels,)`; a stored image x becomes
            x * scale - shift. 1 and 0 for a model that standardises each image
            by itself: its sites are functions of standardised images.
        shift: float64 array `(channels,)`.
        standardizes: Boolean. Whether the model does that.

    Raises:
        UserError: if there is no such site or the model is none of the zoo.
    """

    def __init__(self, model, site, positive=False):
        check_site(site, model.site_names)
        network = folded(model).network_to(site)
        self.site = site
        self.image_shape = tuple(model.image_shape)
        self.shape = tuple(network.output.shape[1:])
        with double_precision():
            self._network = float64_copy(network, positive)
            self._normalization = _float64_layer(model.normalization)
            self.scale, self.shift = _scale_and_shift(
                self._normalization, self.image_shape[-1]
            )
        self.standardizes = standardizes(self._normalization)

    @functools.cached_property
    def nonlinear(self):
        """Name of the first layer before the site that is not affine, or None.

        See `dlgn_tf.layers.affine`.
        """
        with double_precision():
            return next((x.name for x in bending_layers(self._network)), None)

    @functools.cached_property
    def pullback(self):
        """Its vector-Jacobian products, see `autodiff.pullback`."""
        return pullback(self)

    @property
    def row_bytes(self):
        """About what one image takes on its way to the site.

        An affine network's pullback keeps only what is at work.
        """
        if self.nonlinear:
            return self.untraced_row_bytes
        return 6 * max(self._layer_bytes)

    @property
    def untraced_row_bytes(self):
        """The same without a graph, which knows what need not be kept."""
        return 3 * sum(self._layer_bytes)

    @property
    def _layer_bytes(self):
        layers_of = self._network.layers
        return [8 * math.prod(x.output.shape[1:]) for x in layers_of]

    def __call__(self, pixels):
        """Pre-activations `(batch, ...)` of a tensor of normalised images."""
        return self._network(pixels, training=False)

    def normalized(self, images):
        """Stored images as the network sees them, in float64."""
        with double_precision():
            return ops.convert_to_numpy(self._normalization(images))

    def values(self, pixels):
        """As calling it, on arrays."""
        with double_precision():
            tensor = ops.convert_to_tensor(pixels, "float64")
            return ops.convert_to_numpy(self(tensor))


def bending_layers(network, but=()):
    """The layers of a network that are not affine, one by one in float64.

    Layers of the names `but` are not asked.
    """
    copy = None
    for layer in network.layers:
        known = type(layer) in KNOWN and is_affine(layer)
        if known or layer.name in but:
            continue
        # The more a layer may be tried the less it is rounded.
        copy = copy or float64_copy(network)
        if not is_affine(copy.get_layer(layer.name)):
            yield copy.get_layer(layer.name)


def float64_copy(network, positive=False):
    """A functional model with its weights in float64; `positive`: `SiteMap`."""

    def copied(layer):
        config = {**layer.get_config(), "dtype": "float64"}
        kind = type(layer)
        if positive and kind is layers.MaxPooling2D:
            kind = layers.AveragePooling2D
        return kind.from_config(config)

    # Else its inputs and the whole would round to float32.
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype="float64"), network.input
    )
    copy = keras.models.clone_model(network, inputs, clone_function=copied)
    copy.autocast = False
    copy.set_weights(network.get_weights())
    if positive:
        for variable in copy.weights:
            variable.assign(np.full(variable.shape, _positive(variable)))
    return copy


def _positive(variable):
    """Means in place of weights, so that no depth leads out of range."""
    if len(variable.shape) > 1:
        return 1 / math.prod(variable.shape[:-1])
    scales = ("gamma", "moving_variance", "variance")
    return 1.0 if variable.name in scales else 0.0


def _float64_layer(layer):
    config = {**layer.get_config(), "dtype": "float64"}
    return type(layer).from_config(config)


def standardizes(normalization):
    """Whether a layer puts each image on a scale of its own."""
    return isinstance(normalization, PerImageStandardization)


def _scale_and_shift(normalization, channels):
    """Read off what the layer makes of black and white."""
    if standardizes(normalization):
        return np.ones(channels), np.zeros(channels)
    ends = np.zeros((2, 1, 1, channels))
    ends[1] = 255
    black, white = ops.convert_to_numpy(normalization(ends))[:, 0, 0]
    return (white - black) / 255, -black
