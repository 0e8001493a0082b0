"""A network of one's own as a DNN, DGN, DLGN or DLGN-SF: `from_keras`."""

from collections.abc import Sequence

import keras

from dlgn_tf.data.catalog import IMAGENET_MEAN, IMAGENET_STD
from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.layers.pixel_normalization import AS_STORED
from dlgn_tf.models import registry, user_networks
from dlgn_tf.models.build import create_model
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.models.functional import ends_in_one_sigmoid, one_to_one
from dlgn_tf.models.own_gates import OwnGates
from dlgn_tf.models.user_network import UserNetwork

WEIGHTS = ("new", "copy")
_PIXELS = {
    "none": AS_STORED,
    "unit": {},
    "imagenet": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
    "per_image": {"per_image": True},
}


def from_keras(
    model: keras.Model,
    family: str = "dlgn",
    *,
    weights: str = "new",
    gate: str | None = None,
    beta: float | None = None,
    value_input: str | None = None,
    gate_regime: str | None = None,
    max_pooling: str | None = None,
    keep: Sequence[str] | str = (),
    outputs: str | int | None = None,
    loss: str | None = None,
    normalization: str = "none",
    name: str | None = None,
    seed: int | None = None,
) -> ImageClassifier:
    """Makes a gated network of any functional or sequential Keras model.

    There is a gate site at each call of a nonlinearity f(q) = q g(q): ReLUs of
    any options, PReLU, SiLU (swish), hard SiLU, GELU, mish, beta-VQ, absolute
    value, as layers, as the `activation` of a layer or as functions of
    `keras.ops` and `keras.activations`. Sites have the names of the user's
    layers, in nested models paths such as `block.relu`; a layer that is called
    twice keeps one set of weights and gives two sites. A softmax or sigmoid at
    the end goes: the outputs are logits, of a single sigmoid those of two
    classes. The model itself is left as it was.

    With `weights="copy"` a dnn computes the logits of the model, and so does a
    dgn with `gate="own"`: there the gates are those that the model has.

    Source: the DLGN paper (arXiv 2110.03403), section 3.

    Example:

    >>> image = keras.Input((8, 8, 1))
    >>> h = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    >>> y = keras.layers.Dense(10)(keras.layers.Flatten()(h))
    >>> from_keras(keras.Model(image, y), "dlgn").site_names
    ['conv']

    Args:
        model: `keras.Model` of images `(height, width, channels)` or vectors
            `(entries,)`, which become images of one pixel; its output is
            `(classes,)`. A `ReLUNetwork` stands for the network in it.
        family: One of `dlgn_tf.models.registry.FAMILIES`.
        weights: `"new"`, drawn from `seed`, or `"copy"`, those of the model,
            bit for bit, in each network that has its layers. The linear maps of
            a dlgn_sf are new in either case. Layers that are frozen stay so
            with copied weights; new ones are trained.
        gate: `"soft"`, `"hard"` or `"own"`, what the nonlinearity that stood
            there multiplies by; see `create_model`.
        beta: See `create_model`.
        value_input: See `create_model`.
        gate_regime: See `create_model`. `"frozen_learned"`: the gating network
            has the weights of the model, and is frozen; whatever `weights` says
            is said of the values. Defaults to `"joint"` for soft gates, to
            `"frozen_random"`, which does not train them, for others.
        max_pooling: `"keep"` or `"average"`, average pooling in its place.
            Where neither is said, it is kept but in the linear gating network
            of a dlgn, where it is refused.
        keep: Names of layers that stay although they are nonlinearities without
            gates (sigmoid, softmax, ELU) or, in the gating network of a dlgn,
            not linear (LayerNormalization, max pooling), or `"all"`. A warning
            says where a gating network is not linear then.
        outputs: Name or number of the output, of a model that has several.
        loss: What training makes small, see `create_model`. Defaults to
            `"logistic"` where the model ends in a sigmoid of one output z,
            whose logits become (-z/2, z/2), else to `"crossentropy"`. The
            outputs of `"squared"` stay as they are.
        normalization: What the model sees of pixels in [0, 255]: `"none"`, as
            they are, `"unit"`, `"imagenet"` or `"per_image"`, see the flag of
            `dlgn_tf.train`.
        name: Of the model, which is called keras.NAME_FAMILY. Defaults to the
            name of `model`.
        seed: See `create_model`.

    Returns:
        `ReLUNetwork` for family dnn, `GatedNetwork` for the others.

    Raises:
        UserError: if the model is none that can be taken apart, such as a
            subclassed or recurrent one, or an argument has no such value.
    """
    _check(family, weights, max_pooling, normalization, gate_regime)
    pixels = _PIXELS[normalization]
    if isinstance(model, ImageClassifier):
        model, pixels = _network_of(model), _pixels_of(model)
    graph = one_to_one(model, outputs)
    own, description = UserNetwork(graph, keep), user_networks.describe(graph)
    if weights == "new":
        own.thaw()
        description = user_networks.thawed(description)
    builder = user_networks.Builder(None, description, {_text(own.keep): own})
    one = ends_in_one_sigmoid(graph)
    loss = loss or ("logistic" if one else "crossentropy")
    converted = create_model(
        f"{user_networks.CALLED}{name or graph.name}_{family}",
        own.image_shape,
        2 if loss == "logistic" else own.classes,
        loss=loss,
        network=builder,
        pooling={"keep": "max"}.get(max_pooling, max_pooling),
        keep=_text(own.keep),
        gate=gate,
        beta=beta,
        value_input=value_input,
        gate_regime=gate_regime,
        seed=seed,
        **pixels,
    )
    learned = gate_regime == "frozen_learned" and "gating" or None
    copy_weights(own, converted, weights == "copy", learned)
    return converted


def converted_like(
    model: keras.Model, target: ImageClassifier, config, family: str
) -> ImageClassifier:
    """A trained Keras model as a family, with its weights and a target's name.

    Args:
        model: See `from_keras`.
        target: Converted model, whose pixels it is given.
        config: With options `keep` and `pooling` of the target.
        family: See `from_keras`.
    """
    own, _ = user_networks.split(target.name)
    converted = from_keras(
        model,
        family,
        weights="copy",
        gate="hard" if family != "dnn" else None,
        max_pooling={"max": "keep"}.get(config.pooling, config.pooling),
        keep=config.keep or (),
        loss=config.loss,
        name=own,
    )
    converted.normalization = target.normalization
    return converted


def copy_weights(own, converted, everywhere=True, network=None):
    """Gives a converted model the weights of the one that it was made of.

    Args:
        own: `UserNetwork`.
        converted: `ImageClassifier`.
        everywhere: Boolean. Whether all networks get them, or only the one of
            this name in `converted.networks`, if any.
        network: String or None.
    """
    shallow = converted.name.endswith("_dlgn_sf")
    for key, made in converted.networks.items():
        if (everywhere or key == network) and not (shallow and key == "gating"):
            own.copy_weights(made)
    gates = getattr(converted, "gate", None)
    if isinstance(gates, OwnGates) and (everywhere or network == "gating"):
        for each in gates.gates:
            own.copy_layer(each.nonlinearity)


def _text(keep):
    """`keep` as a flag has it, None for none."""
    return (keep if isinstance(keep, str) else ",".join(keep)) or None


def _check(family, weights, max_pooling, normalization, gate_regime):
    for what, value, allowed in (
        ("family", family, registry.FAMILIES),
        ("weights", weights, WEIGHTS),
        ("max_pooling", max_pooling, (None, "keep", "average")),
        ("normalization", normalization, _PIXELS),
    ):
        check_choice(what, value, allowed)
    if family == "dlgn_sf" and gate_regime == "frozen_learned":
        raise UserError(
            "Expected gate_regime=frozen_learned of a dgn or dlgn, whose "
            "gating network has the layers of the model. Received: "
            "family=dlgn_sf"
        )


def _network_of(model):
    """The network in a `ReLUNetwork`."""
    if model.gated or model.members > 1:
        raise UserError(
            "Expected a Keras model, or a dnn: a single ReLU network. "
            f"Received: {model.name}, which has gates of its own"
        )
    return model.network


def _pixels_of(model):
    """Arguments of `create_model` for the normalisation of a model."""
    config = model.normalization.get_config()
    if "mean" not in config:
        return {"per_image": True}
    return {"mean": config["mean"], "std": config["std"]}
