"""What layers of one's own networks are, by class. Imports nothing heavy."""

from collections.abc import Iterable

from dlgn_tf.errors import UserError

_REFUSED = {
    "Lambda": "a Lambda, whose function cannot be looked into",
    "RNN": "a recurrent layer",
    "Bidirectional": "a recurrent layer",
    "Wrapper": "a layer around another",
    "Embedding": "an embedding, which takes no pixels",
}


def augments(kind: str) -> bool:
    """Whether layers of a class, by its name, act in training alone."""
    return kind.startswith("Random") or kind.endswith("Dropout")


def check_layer(name: str, kinds: Iterable[str]) -> None:
    """Refuses a layer by its class or by what that derives from.

    Args:
        name: What the layer is called.
        kinds: Name of its class, and names of bases as far as they are known,
            the nearest first.

    Raises:
        UserError: if there is no such layer in a network with gates.
    """
    kind, *bases = kinds
    for each in (kind, *bases):
        if each in _REFUSED:
            raise UserError(
                "Expected layers that compute logits of one image at once. "
                f"Received: {name}, {_REFUSED[each]} ({kind})"
            )
