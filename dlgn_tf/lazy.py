"""Packages whose names are imported when they are asked for."""

import importlib


def names(package, modules):
    """What a package's `__init__` needs so that importing it costs nothing.

    Example:

    >>> __getattr__, __all__ = names(__name__, {"Teacher": "teachers"})

    Args:
        package: String, the package's `__name__`.
        modules: Dict from public name to the module of the package that has it.

    Returns:
        The package's `__getattr__` and `__all__`.
    """

    def get(name):
        if name not in modules:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}"
            )
        module = importlib.import_module(f"{package}.{modules[name]}")
        return getattr(module, name)

    return get, list(modules)
