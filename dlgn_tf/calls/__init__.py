"""The commands as functions: `calls.dual(run_dir="RUN_DIR", images=100)`.

Each takes the flags of `python -m dlgn_tf.NAME` by name and does what that
does: `evaluate`, `explain`, `inspect_model`, `export`, `remove_layers`, `dual`,
`complexity`, `rainbow`, `splines`, `locality`, `tabular`. `evaluate` returns
what its --output takes as a dict, the others the path of what they wrote.
"""

import importlib
from collections.abc import Callable
from typing import Any

# Where each one's `Command` and `run` are.
_MODULES = {
    name: f"dlgn_tf.{name}"
    for name in (
        "evaluate",
        "explain",
        "inspect_model",
        "export",
        "remove_layers",
    )
} | {
    name: f"dlgn_tf.{name}.command"
    for name in (
        "dual",
        "complexity",
        "rainbow",
        "splines",
        "locality",
        "tabular",
    )
}


def __dir__() -> list[str]:
    return sorted(_MODULES)


def __getattr__(name: str) -> Callable:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")

    def call(**given: Any) -> Any:
        # Imported late, as `import dlgn_tf` costs next to nothing.
        from dlgn_tf.command import fields

        module = importlib.import_module(_MODULES[name])
        return module.run(fields.of_values(module.Command, given))

    call.__name__ = name
    call.__doc__ = f"As `python -m dlgn_tf.{name}`, whose flags these are."
    return call
