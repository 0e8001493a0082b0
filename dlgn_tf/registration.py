"""Keras finds the package's classes by name, whichever is imported first.

A saved model names its classes; Keras looks such a name up among those that are
registered. Importing them all would cost `import dlgn_tf` and every `--help`
the seconds that Keras takes, so names alone are registered as soon as Keras is
there, and a class is imported when an object of it is made.
"""

import importlib
import sys

# Their public names in capitals are classes that Keras can make.
_PACKAGES = ("layers", "models", "regularizers")


class _ClassByName:
    """Stands for a class until Keras makes an object of it."""

    def __init__(self, package, name):
        self._package, self._name = package, name

    def from_config(self, config):
        return getattr(self._package, self._name).from_config(config)


class _KerasFinder:
    """Finds Keras as Python would, and has names registered behind it."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        finders = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in finders)
        spec = next(filter(None, specs), None)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                register_names()

            spec.loader.exec_module = execute_and_register
        return spec


def register_names():
    """Registers the package's classes with Keras, which it imports."""
    from keras.saving import get_custom_objects

    registered = get_custom_objects()
    for package in _PACKAGES:
        module = importlib.import_module(f"dlgn_tf.{package}")
        for name in (n for n in module.__all__ if n[0].isupper()):
            # A class that is imported has registered itself.
            registered.setdefault(f"dlgn_tf>{name}", _ClassByName(module, name))


def register_names_with_keras():
    """Registers them now if Keras is imported, else when it will be."""
    if "keras" in sys.modules:
        register_names()
    # By name: the class is another one once this module is loaded again.
    elif _KerasFinder.__name__ not in (type(f).__name__ for f in sys.meta_path):
        sys.meta_path.insert(0, _KerasFinder())
