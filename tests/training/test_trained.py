"""What is read from a path to trained weights."""

import copy
import json
import zipfile

import keras
import numpy as np
import pytest

from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.models import lineage, saved, user_networks
from dlgn_tf.models.build import create_model
from dlgn_tf.training import trained


@pytest.fixture
def like(resolve):
    return resolve(
        "--model=resnet20_dgn",
        "--dataset=digits",
        "--width=2",
        "--depth=8",
        "--gate_regime=frozen_learned",
        "--gates_from=somewhere",
        "--normalization=unit",
    )


@pytest.fixture
def model():
    return create_model("c4gap_dgn", (8, 8, 1), width=2, depth=2, seed=1)


def refusal(function, *arguments, **options):
    with pytest.raises(UserError, match="Expected .*Received: ") as error:
        function(*arguments, **options)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_file(model, like, tmp_path):
    model.save(tmp_path / "any name.keras")
    found = trained.load_trained(str(tmp_path / "any name.keras"), like)
    np.testing.assert_equal(found.get_weights(), model.get_weights())


def test_weights_for_another_network(model, tmp_path):
    model.save(tmp_path / "model.keras")
    other = create_model("c4gap_dgn", (8, 8, 1), width=2, depth=2, seed=2)
    trained.copy_into(tmp_path / "model.keras", other)
    np.testing.assert_equal(other.get_weights(), model.get_weights())
    wider = create_model("c4gap_dgn", (8, 8, 1), width=4, depth=2)
    assert "shape" in refusal(
        trained.copy_into, tmp_path / "model.keras", wider
    )


def test_best_before_last(model, tmp_path):
    assert "neither" in refusal(trained.locate, tmp_path)
    model.save(tmp_path / "model.keras")
    assert trained.locate(tmp_path) == tmp_path / "model.keras"
    model.save(tmp_path / "best.keras")
    assert trained.locate(tmp_path) == tmp_path / "best.keras"


def test_nothing_there(tmp_path):
    assert "there is none" in refusal(trained.locate, tmp_path / "x.keras")


@pytest.mark.parametrize("where", ["cut", "text", "empty", "weights", "zip"])
def test_damaged_file(where, model, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = bytes([content[middle] ^ 0xFF])
    damaged = {
        "cut": content[:-200],
        "text": b"text",
        "empty": b"",
        "weights": content[:middle] + flipped + content[middle + 1 :],
    }
    if where == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("something", "else")
    else:
        path.write_bytes(damaged[where])
    assert "Expected a whole .keras file" in refusal(trained.locate, path)


def test_another_model(like, tmp_path):
    stock = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    stock.save(tmp_path / "stock.keras")
    text = refusal(trained.load_trained, tmp_path / "stock.keras", like)
    assert "a model of the zoo" in text and "Sequential" in text


@pytest.mark.parametrize("nested", [False, True])
def test_model_with_unknown_parts(model, like, nested, tmp_path):
    model.save(tmp_path / "a.keras")
    with (
        zipfile.ZipFile(tmp_path / "a.keras") as old,
        zipfile.ZipFile(tmp_path / "b.keras", "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["class_name"] = "NoSuchNetwork"
                config["registered_name"] = "somebody>NoSuchNetwork"
                config["module"] = "nowhere"
                content = json.dumps(config).encode()
                content = b"[" * 100_000 if nested else content
            new.writestr(name, content)
    refusal(trained.load_trained, tmp_path / "b.keras", like)


def test_lineage_checkpoint_fills_a_dnn_of_the_same_options(
    like, tmp_path, monkeypatch
):
    """With standardised input, as the lineage has it, whatever `like` has."""
    asked = []

    def load(path, network):
        asked.append(path)
        network.set_weights([np.ones(w.shape) for w in network.weights])

    monkeypatch.setattr(lineage, "load", load)
    (tmp_path / "net.tf.index").write_text("")
    network = trained.load_trained(tmp_path / "net.tf", like)
    assert asked == [tmp_path / "net.tf"]
    assert network.name == "resnet20_dnn"
    assert len(network.site_names) == 7
    assert network.site_shapes["stem"] == (8, 8, 2)
    assert all((w == 1).all() for w in network.get_weights())
    mean = np.ravel(catalog.get("digits").mean).tolist()
    assert network.normalization.mean == pytest.approx(mean)


@pytest.mark.parametrize("flag", ["init_from", "gates_from"])
@pytest.mark.parametrize("inside", ["", "best.keras", "snapshots/x.keras"])
def test_source_inside_the_run_directory(
    flag, inside, model, resolve, tmp_path
):
    """A run that starts there would forget it."""
    (tmp_path / "snapshots").mkdir()
    for name in ("best.keras", "snapshots/x.keras"):
        model.save(tmp_path / name)
    flags = [f"--{flag}={tmp_path / inside}"]
    if flag == "gates_from":
        flags.append("--gate_regime=frozen_learned")
    config = resolve(
        "--model=c4gap_dgn",
        "--dataset=digits",
        f"--run_dir={tmp_path}",
        *flags,
    )
    assert f"--{flag}" in refusal(trained.check_sources, config)


@pytest.mark.parametrize("late", [False, True])
def test_weights_and_step_are_of_one_file(late, tmp_path, monkeypatch):
    """Also where a training replaces it before or after they are read."""
    path, later = tmp_path / "best.keras", [2, 3]

    def save(step):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
        trained.note_step(path, step)

    def load(path, like):
        read = trained.step_of(path) if late else None
        if later:
            save(later.pop(0))
        return read or trained.step_of(path)

    save(1)
    monkeypatch.setattr(trained, "load_trained", load)
    assert trained.load_with_step(path) == (3, 3)


@pytest.mark.parametrize("text", ["[]", "3", "{}", "x", "[" * 100_000])
def test_a_damaged_note_says_no_step(text, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dlgn_tf.json", text)
    assert trained.step_of(path) is None


def _without_weights(config):
    config["config"]["layers"] = []


def _deep(config):
    for _ in range(300):
        inside = dict(config)
        config["config"] = {"name": "deep", "layers": [inside]}


def _wide(config):
    config["config"]["layers"][-1]["config"]["units"] = 10**9


def _of_torch(config):
    layer = config["config"]["layers"][-1]
    layer |= {"class_name": "TorchModuleWrapper", "registered_name": None}


def _of_no_class(config):
    config["class_name"] = None


@pytest.mark.parametrize(
    "change", [_without_weights, _deep, _wide, _of_torch, _of_no_class]
)
def test_whatever_keras_raises_names_the_file(change, tmp_path):
    """Weights that the file cannot hold are not made at all."""
    path, spoilt = tmp_path / "net.keras", tmp_path / "spoilt.keras"
    layers = [keras.Input((4, 4, 1)), keras.layers.Flatten()]
    keras.Sequential([*layers, keras.layers.Dense(3)]).save(path)
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(spoilt, "w") as new:
        config = json.loads(whole.read("config.json"))
        change(config)
        new.writestr("config.json", json.dumps(config))
        new.writestr("metadata.json", whole.read("metadata.json"))
        weights = "model.weights.h5"
        new.writestr(weights, whole.read(weights))
    text = refusal(trained.load_trained, spoilt, of_zoo=False)
    assert str(spoilt) in text and len(text) < 400
    if change is _wide:
        assert "one with 68,000,000,000 bytes of weights" in text
        builder = user_networks.architecture(str(spoilt)).builder
        assert "bytes of weights" in refusal(builder.network)


def _saved_wide(folder):
    """A compiled model of 20,000 entries, and one of 200 layers of 16,384."""
    layers = [keras.Input((20_000,)), keras.layers.Dense(1, use_bias=False)]
    model = keras.Sequential(layers)
    rate = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=100_000)
    model.compile(keras.optimizers.Adam(rate), "mse")
    sound, deep = folder / "sound.keras", folder / "deep.keras"
    model.save(sound)
    with zipfile.ZipFile(sound) as whole, zipfile.ZipFile(deep, "w") as new:
        config = json.loads(whole.read("config.json"))
        first, dense = config["config"]["layers"]
        many = []
        for k in range(200):
            many.append(copy.deepcopy(dense))
            many[-1]["config"] |= {"name": f"d{k}", "units": 2**14}
            many[-1].pop("build_config", None)
        config["config"]["layers"] = [first, *many]
        config["config"].pop("build_input_shape", None)
        new.writestr("config.json", json.dumps(config))
        for name in ("metadata.json", "model.weights.h5"):
            new.writestr(name, whole.read(name))
    return sound, deep


def test_large_models_load_and_too_large_ones_leave_nothing(tmp_path):
    """Neither are weights made that were refused, whatever comes next."""
    sound, deep = _saved_wide(tmp_path)
    before = saved.load(sound).get_weights()
    for _ in range(2):
        assert "bytes of weights" in refusal(saved.load, deep)
        with keras.StatelessScope():
            pass
        np.testing.assert_array_equal(saved.load(sound).get_weights(), before)


def test_parts_without_weights_are_not_made_up(tmp_path):
    """Keras would load them with those that they are made with."""
    path, moved = tmp_path / "net.keras", tmp_path / "moved.keras"
    create_model("fc_dlgn", image_shape=(4, 4, 1), classes=3).save(path)
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(moved, "w") as new:
        inside = json.loads(whole.read("config.json"))
        config = {"name": "around", "layers": [inside]}
        around = {"module": "keras", "class_name": "Sequential"}
        new.writestr("config.json", json.dumps({**around, "config": config}))
        for name in ("metadata.json", "model.weights.h5"):
            new.writestr(name, whole.read(name))
    saved.load(path)
    assert "received 0" in refusal(saved.load, moved)
