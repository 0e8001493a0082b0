"""Networks of one's own by name: keras:PATH_FAMILY. Imports nothing heavy.

`--model=keras:net.keras_dlgn` is the DLGN of the Keras model in net.keras. The
model that is made of it is called keras.net_dlgn, as TensorFlow wants names.
"""

import functools
import json
import os
import pathlib
import re
import zipfile

from dlgn_tf.errors import UserError
from dlgn_tf.models import refusals
from dlgn_tf.models.architecture import FAMILIES, Architecture
from dlgn_tf.output import elsewhere

PREFIX = "keras:"
# Of names of models.
CALLED = "keras."
# Classes of what puts pixels on a scale: layers, and functions in the graph.
_SCALING = {"Rescaling", "Normalization"}
_ARITHMETIC = ("TrueDivide", "Divide", "Multiply", "Subtract", "Add")
# What may stand before it.
_BEFORE = (
    "InputLayer",
    "Functional",
    "Sequential",
    "GetItem",
    "Stack",
    "Cast",
)
# Of a model's description, what does not say how it was trained.
_KEYS = ("module", "class_name", "config", "registered_name")
# What each model and layer of it is.
_KIND = {"class_name": str, "config": dict}
_ERRORS = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def split(name):
    """`(path, family)` of a name keras:PATH_FAMILY, or that of a model.

    None of any other name.
    """
    for family in FAMILIES:
        for prefix in (PREFIX, CALLED):
            path = name.removeprefix(prefix).removesuffix(f"_{family}")
            if path and name == f"{prefix}{path}_{family}":
                return path, family
    return None


def architecture(path, network=None) -> Architecture:
    """The architecture of a Keras model.

    Args:
        path: String, what stands behind `PREFIX`: the path of a .keras file,
            which is read when a network is made, or a name alone.
        network: What `read` returned, or a `Builder`, in place of the file.
    """
    name = pathlib.Path(path).name.removesuffix(".keras")
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    builder = (
        network if isinstance(network, Builder) else Builder(path, network)
    )
    return Architecture(
        name=f"{CALLED}{name}",
        description="a Keras model",
        builder=builder,
        options={"pooling": None, "keep": None},
        recipe="keras",
        gate_sites=None,
        alike=builder.alike,
        removable=builder.removable,
    )


class Builder:
    """The builder of an architecture, of a description.

    What is made of it (see `dlgn_tf.models.user_network`) is made when it is
    needed.

    Args:
        path: See `architecture`.
        description: Dict, see `read`; of the file by default.
        networks: Dict from `keep` to the `UserNetwork`s that there are.
    """

    def __init__(self, path, description=None, networks=None):
        self._path, self._description = path, description
        self._networks = dict(networks or {})

    @functools.cached_property
    def description(self):
        return self._description or read(self._path)

    @property
    def text(self):
        """The description as JSON."""
        return json.dumps(self.description)

    def network(self, keep=None):
        """The `UserNetwork`, made with new weights, which mean nothing."""
        from dlgn_tf.models.user_network import UserNetwork

        if keep not in self._networks:
            made = UserNetwork(_made(self.description), keep or ())
            self._networks[keep] = made
        return self._networks[keep]

    def __call__(self, x, site, classes, keep=None, **options):
        return self.network(keep)(x, site, classes, **options)

    def alike(self, keep=None):
        return self.network(keep).alike()

    def removable(self, keep=None):
        return self.network(keep).removable()


def read(path) -> dict:
    """The description of the model in a .keras file: what Keras makes it of.

    Raises:
        UserError: if there is none, or none that can be taken apart.
    """
    try:
        with elsewhere.archive(path) as archive:
            text = archive.read("config.json")
            description = elsewhere.parse_json(text, _KIND)
            if description["class_name"] == "ReLUNetwork":
                kind = {"config": {"network": _KIND}}
                elsewhere.check_kind(description, kind)
                description = description["config"]["network"]
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"Expected {PREFIX}PATH_FAMILY with the path of a .keras file. "
            f"Received: {path}, {reason}"
        ) from error
    found = checked({k: description.get(k) for k in _KEYS}, path)
    if any(map(_is_adapted, _layers(found))):
        return _with_statistics(path)
    return found


def checked(description, path):
    """A description, if it is one of a model that can be taken apart.

    Raises:
        UserError: if not.
    """
    try:
        elsewhere.check_kind(description, _KIND)
        # What is looked at later, whatever for.
        _ = rescales(description), any(map(_is_adapted, _layers(description)))
    except _ERRORS as error:
        raise UserError(
            "Expected a model as Keras describes it. Received: that in "
            f"{path}, {error!r:.160}"
        ) from error
    kind = description["class_name"]
    if kind not in ("Functional", "Sequential"):
        raise UserError(
            "Expected a functional or sequential model, whose graph can be "
            f"looked at. Received: {path}, a subclassed model ({kind})"
        )
    for layer in _layers(description):
        name = layer["config"].get("name", layer.get("name"))
        refusals.check_layer(name, [layer["class_name"]])
    return description


def kept(path) -> dict | None:
    """The description that a run keeps in a file; None if there is none.

    Raises:
        UserError: if it is damaged, or none of such a model.
    """
    if not os.path.exists(path):
        return None
    return checked(elsewhere.read_json(path), path)


def rescales(description) -> bool:
    """Whether a model puts pixels on a scale by itself.

    By a layer for it, or by arithmetic on what enters first, such as that of
    the `preprocess_input` of keras.applications, behind augmentation or not.
    """
    kinds = [layer["class_name"] for layer in _layers(description)]
    first = (x for x in kinds if x not in _BEFORE and not refusals.augments(x))
    return next(first, None) in _ARITHMETIC or not _SCALING.isdisjoint(kinds)


def mentions_sigmoid(description) -> bool:
    """Whether a model may end in a sigmoid: else Keras need not be asked."""
    return "sigmoid" in json.dumps(description).lower()


def ends_in_one_sigmoid(description) -> bool:
    """Whether a model says the probability of one class of two."""
    from dlgn_tf.models import functional

    graph = functional.one_to_one(_made(description))
    return functional.ends_in_one_sigmoid(graph)


def describe(model) -> dict:
    """The description of a functional or sequential `keras.Model`.

    Statistics that layers were adapted to are in it.
    """
    import keras

    whole = keras.saving.serialize_keras_object(model)
    description = {k: whole.get(k) for k in _KEYS}
    _add_statistics(description, model)
    return _as_read(description)


def _as_read(description):
    """A copy that is as JSON gives it, which knows no tuples."""
    return json.loads(json.dumps(description))


def _add_statistics(description, model):
    from dlgn_tf.models.flattening import options_of

    for each in description["config"]["layers"]:
        config = each["config"]
        if _is_adapted(each):
            config |= options_of(model.get_layer(config["name"]))
        elif "layers" in config:
            _add_statistics(each, model.get_layer(config["name"]))


def _is_adapted(layer):
    """Whether the weights of a layer say what it does, not its options."""
    kind, config = layer["class_name"], layer["config"]
    return kind == "Normalization" and config["mean"] is None


def thawed(description) -> dict:
    """A description in which no layer is frozen."""
    copy = _as_read(description)
    for each in (copy, *_layers(copy)):
        if "trainable" in each["config"]:
            each["config"]["trainable"] = True
    return copy


def _layers(description):
    """Descriptions of all layers, those of nested models too."""
    layers = description["config"].get("layers", [])
    elsewhere.check_kind(layers, [_KIND], "layers")
    for layer in layers:
        yield layer
        yield from _layers(layer)


def _with_statistics(path):
    """The description of a model whose weights are needed for it."""
    from dlgn_tf.models import saved

    model = saved.load(path, compile=False)
    return describe(getattr(model, "network", model))


def _made(description):
    from dlgn_tf.models import saved

    # Keras empties what it makes a functional model of.
    copy = _as_read(description)
    return saved.of_description(copy, "one that cannot be made")
