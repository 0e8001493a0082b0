"""Networks of one's own by name: keras:PATH_FAMILY. Imports nothing heavy.

`--model=keras:net.keras_dlgn` is the DLGN of the Keras model in net.keras. The
model that is made of it is called keras.net_dlgn, as TensorFlow wants names.
"""

import functools
import json
import pathlib
import re
import zipfile
import zlib

from dlgn_tf.errors import UserError
from dlgn_tf.models.architecture import FAMILIES, Architecture

PREFIX = "keras:"
# Of names of models.
CALLED = "keras."
# Of a model's description, what does not say how it was trained.
_KEYS = ("module", "class_name", "config", "registered_name")
_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, KeyError, ValueError)
_ERRORS += (RuntimeError, EOFError, TypeError)


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
        """The `UserNetwork`; its weights are any."""
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
        with zipfile.ZipFile(path) as archive:
            description = json.loads(archive.read("config.json"))
        if description["class_name"] == "ReLUNetwork":
            description = description["config"]["network"]
    except _ERRORS as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"Expected {PREFIX}PATH_FAMILY with the path of a .keras file. "
            f"Received: {path}, {reason}"
        ) from error
    return checked({k: description.get(k) for k in _KEYS}, path)


def checked(description, path):
    """A description, if it is one of a model whose weights say nothing else.

    Raises:
        UserError: if not.
    """
    kind = description["class_name"]
    if kind not in ("Functional", "Sequential"):
        raise UserError(
            "Expected a functional or sequential model, whose graph can be "
            f"looked at. Received: {path}, a subclassed model ({kind})"
        )
    for layer in _layers(description):
        if layer["class_name"] == "Lambda":
            raise UserError(
                "Expected layers that compute logits of one image at once. "
                f"Received: {layer['config']['name']}, a Lambda, whose "
                "function cannot be looked into"
            )
        if (
            layer["class_name"] == "Normalization"
            and layer["config"]["mean"] is None
        ):
            raise UserError(
                "Expected Normalization(mean=..., variance=...) in a model "
                f"that is named by {PREFIX}PATH. Received: "
                f"{layer['config']['name']}, which was adapted to data"
            )
    return description


def rescales(description) -> bool:
    """Whether a model puts pixels on a scale by itself."""
    kinds = {layer["class_name"] for layer in _layers(description)}
    return bool(kinds & {"Rescaling", "Normalization"})


def describe(model) -> dict:
    """The description of a functional or sequential `keras.Model`."""
    import keras

    whole = keras.saving.serialize_keras_object(model)
    return json.loads(json.dumps({k: whole.get(k) for k in _KEYS}))


def _layers(description):
    """Descriptions of all layers, those of nested models too."""
    for layer in description["config"].get("layers", ()):
        yield layer
        if isinstance(layer.get("config"), dict):
            yield from _layers(layer)


def _made(description):
    import keras

    try:
        # Keras empties what it makes a functional model of.
        copy = json.loads(json.dumps(description))
        return keras.saving.deserialize_keras_object(copy)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            "Expected a Keras model of layers that Keras or this package has. "
            f"Received: one that cannot be made, {reason}"
        ) from error
