"""Locally connected ReLU networks on nested receptive fields.

Teachers that see an event in every region, students that are locally connected,
and what their training has to do with one another. Importing it imports nothing
heavy; a class's or function's module is imported when it is asked for.
"""

import importlib

_MODULES = {
    "LatentTree": "latent_tree",
    "LocalNetwork": "passes",
    "ReceptiveFields": "receptive_fields",
    "Teacher": "teachers",
    "content_teacher": "teachers",
    "create_student": "student",
    "lookup_teacher": "teachers",
}
__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    return getattr(module, name)
