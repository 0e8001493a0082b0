"""Keras knows the package's classes, in whichever order both are imported."""

import importlib
import importlib.util
import pathlib
import sys

import keras
import pytest

import dlgn_tf
from dlgn_tf import registration
from dlgn_tf.models.build import create_model

READ = """
import sys
{imports}
assert "dlgn_tf.models.gated" not in sys.modules
for path in {paths}:
    print(type(keras.models.load_model(path)).__name__)
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A model of the zoo, and one of Keras with layers of the package."""
    folder = tmp_path_factory.mktemp("models")
    model = create_model("fc_dlgn", (2, 2, 1), 2, width=2, depth=2)
    gates = keras.Model(model.input, model.gates(model.input))
    kept = [str(folder / name) for name in ("model.keras", "gates.keras")]
    model.save(kept[0])
    gates.save(kept[1])
    return kept


@pytest.mark.parametrize(
    "imports",
    [
        "import keras, dlgn_tf",
        # Keras is imported in the middle of a module with such a class.
        "import dlgn_tf.layers.gate; import keras",
    ],
)
def test_keras_loads_models(imports, paths, printed_by):
    out = printed_by(READ.format(imports=imports, paths=paths))
    assert out.split()[-2:] == ["GatedNetwork", "Functional"]


def test_every_registered_class_has_its_name_registered_early():
    """A new class that no package lists would be found in one order only."""
    folder = pathlib.Path(dlgn_tf.__file__).parent
    for path in folder.rglob("*.py"):
        if "register_keras_serializable" in path.read_text():
            parts = path.relative_to(folder.parent).with_suffix("").parts
            if path.stem != "registration":
                importlib.import_module(".".join(parts))
    registered = {
        name.removeprefix("dlgn_tf>"): kind
        for name, kind in keras.saving.get_custom_objects().items()
        if name.startswith("dlgn_tf>")
    }
    listed = {
        name
        for package in ("layers", "models", "regularizers")
        for name in importlib.import_module(f"dlgn_tf.{package}").__all__
    }
    made = {n for n, kind in registered.items() if isinstance(kind, type)}
    assert len(made) > 20 and made <= listed


def test_the_finder_stands_once_however_often_the_package_is_loaded(
    monkeypatch,
):
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.delitem(sys.modules, "keras")
    for _ in range(2):
        # As IPython's autoreload does.
        importlib.reload(registration).register_names_with_keras()
    names = [type(finder).__name__ for finder in sys.meta_path]
    assert names.count("_KerasFinder") == 1
    assert importlib.util.find_spec("keras").name == "keras"
