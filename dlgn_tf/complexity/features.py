"""The feature f of a network, and the head g behind it.

The network computes g(f(x)). A feature is a pre-activation: the ReLU, or the
gate, that comes next belongs to the head.

Source: Ren et al. (arXiv 2006.15920), section 3; that the feature is taken
before its ReLU is how the authors' code has it.
"""

import dataclasses
import math
import typing
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.choices import NETWORKS
from dlgn_tf.errors import UserError, check_choice, nearest
from dlgn_tf.models.classifier import ImageClassifier, copied, listed
from dlgn_tf.models.evaluation import at_a_time, batches

if typing.TYPE_CHECKING:
    from dlgn_tf.data.images import ImageSet
    from dlgn_tf.models.relu import ReLUNetwork


BATCH_SIZE = 250
# Images of 32x32x3 that pass trunk and nets together.
_AT_A_TIME = 1000
# Names that a message lists one by one.
_MOST_LISTED = 40


@dataclasses.dataclass(frozen=True, eq=False)
class Feature:
    """A layer's feature with the trunk before it and the head behind it.

    `feature_of` makes them, and `dataclasses.replace` one out of another.

    Attributes:
        name: For people.
        image_shape: `(height, width, channels)` of what enters.
        shape: `(height, width, channels)` or `(units,)` of the feature.
        normalization: What the network has before all other layers, or None.
        read: Function from a batch of images to the feature.
        context: Function from a batch of images to a list of tensors, what the
            head takes beside the feature. They can be kept while the head is
            run on several features.
        classify: Function from a feature and such a list to logits.
    """

    name: str
    image_shape: tuple[int, ...]
    shape: tuple[int, ...]
    normalization: keras.layers.Layer | None
    read: Callable
    context: Callable
    classify: Callable

    @property
    def size(self) -> int:
        """How many numbers a feature has."""
        return math.prod(self.shape)

    def trunk(self, images: Array) -> Array:
        """The feature of images, in evaluation mode: float32 `(n, *shape)`.

        Images are `(n, *image_shape)`; of networks of the zoo, pixels in
        [0, 255].
        """
        return in_batches(self.read, images)

    def head(self, f: Array, images: Array) -> Array:
        """What the rest of the network makes of a feature `f`, `(n, *shape)`.

        float32 logits `(n, classes)`. The images are those that the rest of
        the network sees (the gates of a gated network are theirs).
        """

        def logits(f, images):
            return self.logits(f, self.context(images))

        return in_batches(logits, f, images)

    def logits(self, f: Array, context: Sequence) -> Any:
        """As `head`, of one batch whose `context` is at hand; a tensor."""
        return self.classify(ops.convert_to_tensor(f, "float32"), context)


def in_batches(function: Callable, *arrays: Array) -> Array:
    """What a function makes of arrays, some rows at a time."""
    return np.concatenate(
        [
            ops.convert_to_numpy(function(*(array[batch] for array in arrays)))
            for batch in batches(len(arrays[0]), BATCH_SIZE)
        ]
    )


def image_batches(images: Array, batch_size: int | None = None) -> list[slice]:
    """Slices of images that pass a network together.

    Of `batch_size` images each, by default 1000 of 32x32x3, fewer of larger.
    """
    return batches(len(images), batch_size or at_a_time(images, _AT_A_TIME))


def accuracy(feature: Feature, f: Array, images: "ImageSet") -> float:
    """Of a head on `f` in the place of its feature, in percent."""
    logits = feature.head(f, images.images)
    return 100 * float(np.mean(logits.argmax(axis=1) == images.labels))


def output_feature(name: str, net: keras.Model, like: Feature) -> Feature:
    """The output of a net, images -> feature, in the place of one like it."""
    return dataclasses.replace(
        like,
        name=name,
        shape=tuple(net.output_shape[1:]),
        read=lambda images: net(images, training=False),
    )


def feature_of(
    model: "ReLUNetwork", layer: str | None = None, network: str = "value"
) -> Feature:
    """The feature of a network at a named layer.

    Of a network of the zoo a layer is a gate site, whose pre-activation is
    taken, or another layer of the network by its name, whose output is taken.
    Of a gated network the feature is one of two:

    * of the value network: its own pre-activation, before the gate. The head
      takes the gates of the image;
    * of the gating network: the pre-activation that a gate is made of. The head
      is everything else: it takes the feature for this site's gate; all other
      gates, and the values, stay those of the image.

    Args:
        model: `ReLUNetwork`, `GatedNetwork`, or a functional or sequential
            `keras.Model` with one input, an image, and one output. Where that
            ends in a softmax, the head returns the logarithms of its
            probabilities. A copy is looked at.
        layer: String. Defaults to the last gate site of a network of the zoo
            (of a ResNet: the output of the last block, before its ReLU).
        network: `"value"` or `"gating"`, of a gated network.

    Raises:
        UserError: if there is no such layer or network, and where the model is
            neither of the zoo nor a graph of layers.
    """
    check_choice("network", network, NETWORKS)
    of_zoo = isinstance(model, ImageClassifier) and model.members == 1
    if network == "gating" and not (of_zoo and model.gated):
        raise UserError(
            "Expected a DGN or DLGN for the feature of a gating network. "
            f"Received: {model.name}, which has none"
        )
    if not of_zoo:
        return _of_graph(model, layer)
    of_network = _of_gating if network == "gating" else _of_value
    return of_network(model, layer or model.site_names[-1])


def _of_value(model, layer):
    network = copied(model.logits_network)
    if layer in model.site_names:
        at_site = network.get_layer(model.layer_at(layer).name)
        tensor = listed(at_site.input)[0]
    else:
        tensor = _output_of(network, layer, model.site_names)
    return _cut(
        network,
        tensor,
        model.entering,
        name=f"{layer} of {model.name}",
        image_shape=model.image_shape,
        normalization=model.normalization,
    )


def _of_gating(model, layer):
    _check_layer(layer, model.site_names, model.gating_network.name)
    place = model.site_names.index(layer)
    gating = model.network_to(layer)

    def read(images):
        return gating(model.normalization(images), training=False)

    def context(images):
        pixels = model.normalization(images)
        return [pixels, *model.preactivations(images).values()]

    def classify(f, context):
        pixels, *preactivations = context
        preactivations[place] = f
        return model.value_network(
            model.value_inputs(pixels, preactivations), training=False
        )

    return Feature(
        f"{layer} of the gating network of {model.name}",
        model.image_shape,
        gating.output.shape[1:],
        model.normalization,
        read,
        context,
        classify,
    )


def _of_graph(model, layer):
    _check_graph(model)
    if layer is None:
        raise UserError(
            "Expected a layer, as only networks of the zoo have a default. "
            f"Received: none for {model.name}, whose layers are "
            f"{_listed(_names(model))}"
        )
    network = copied(model)
    feature = _cut(
        network,
        _output_of(network, layer),
        lambda images: [ops.convert_to_tensor(images, "float32")],
        name=f"{layer} of {model.name}",
        image_shape=model.input_shape[1:],
        normalization=None,
    )
    if not _ends_in_softmax(model):
        return feature
    classify = feature.classify
    return dataclasses.replace(
        feature, classify=lambda f, context: ops.log(classify(f, context))
    )


def _cut(network, tensor, entering, **described):
    """The `Feature` that a tensor of a graph of layers is.

    Behind it nothing is computed anew that the tensor decides. Images become
    what enters the network by a function.
    """
    before = keras.Model(network.inputs, tensor)
    if tensor is network.outputs[0]:

        def classify(f, context):
            return f

    else:
        behind = keras.Model([*network.inputs, tensor], network.outputs[0])

        def classify(f, context):
            return behind([*context, f], training=False)

    return Feature(
        shape=tensor.shape[1:],
        read=lambda images: before(entering(images), training=False),
        context=entering,
        classify=classify,
        **described,
    )


def _output_of(network, layer, sites=()):
    names = list(dict.fromkeys([*sites, *_names(network)]))
    _check_layer(layer, names, network.name)
    output = network.get_layer(layer).output
    if isinstance(output, keras.KerasTensor) and len(output.shape) in (2, 4):
        return output
    raise UserError(
        "Expected a layer with one output (batch, height, width, channels) or "
        f"(batch, units). Received: layer={layer} of {network.name}"
    )


def _names(network):
    return [
        layer.name
        for layer in network.layers
        if not isinstance(layer, keras.layers.InputLayer)
    ]


def _check_layer(layer, names, owner):
    if layer not in names:
        raise UserError(
            f"Expected a layer of {owner}, one of {_listed(names)}. "
            f"{nearest(layer, names)}Received: layer={layer}"
        )


def _listed(names):
    if len(names) <= _MOST_LISTED:
        return ", ".join(names)
    shown = ", ".join([*names[:20], "...", *names[-20:]])
    return f"{shown} ({len(names)} in all)"


def _check_graph(model):
    graph = isinstance(model, (keras.models.Sequential, keras.Model)) and (
        getattr(model, "inputs", None)
        and not isinstance(model, ImageClassifier)
    )
    if not graph or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(
            "Expected a dnn, dgn or dlgn of the zoo, or a functional or "
            "sequential Keras model of one input and one output. Received: "
            f"{model.name}, a {type(model).__name__}"
        )
    if len(model.inputs[0].shape) != 4 or None in model.inputs[0].shape[1:]:
        raise UserError(
            "Expected a model of images of one size. Received: "
            f"{model.name} with inputs of shape {model.inputs[0].shape}"
        )


def _ends_in_softmax(model):
    last = model.layers[-1]
    activation = getattr(last, "activation", None)
    softmax = activation is keras.activations.softmax
    return softmax or isinstance(last, keras.layers.Softmax)
