"""Data that a program makes a choice of `--dataset`. Imports nothing heavy."""

from collections.abc import Callable

from dlgn_tf.data import catalog, own
from dlgn_tf.data.stored import Split, Stored
from dlgn_tf.errors import UserError


def register(
    name: str, function: Callable, description: str = "data of one's own"
) -> None:
    """Makes data a choice of `--dataset`, in place of those registered before.

    Args:
        name: String, none of the catalogue's or of a kind of source.
        function: Without arguments; returns `(x, y)`, or `((x, y), (x_test,
            y_test))`, as `from_arrays` takes them. Called when the data are
            read.
        description: One line.

    Raises:
        UserError: if there are data of that name which no one registered.
    """
    kind = own.KINDS.get(name)
    registered = kind and callable(kind.read)
    known = name in (*catalog.DATASETS, own.ARRAYS) or kind
    if (known and not registered) or ":" in name:
        raise UserError(
            "Expected a name of data that there is not, without a colon. "
            f"Received: {name}"
        )
    own.KINDS[name] = own.Kind(lambda _: _stored(name, function()), description)
    own.forget()


def _stored(name, values):
    try:
        first, second = values
        if not isinstance(first, tuple):
            return Stored(Split(first, second, name))
        (x, y), (x_test, y_test) = first, second
    except (TypeError, ValueError) as error:
        raise UserError(
            f"Expected (x, y) or ((x, y), (x_test, y_test)) of the function of "
            f"{name}. Received: {type(values).__name__}, {error}"
        ) from error
    test = Split(x_test, y_test, f"test of {name}")
    return Stored(Split(x, y, name), test)
