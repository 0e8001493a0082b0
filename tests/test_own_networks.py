"""Networks of one's own through the commands: --model=keras:PATH_FAMILY."""

import csv
import functools
import json

import keras
import numpy as np
import pytest
from keras import layers

import dlgn_tf
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.layer_removal import TrainedNetwork
from dlgn_tf.models import user_networks
from dlgn_tf.models.registry import FAMILIES
from dlgn_tf.training.configured import create_configured_model

STEPS = ("--train_steps=4", "--batch_size=32", "--eval_every=2")


def with_a_skip(name="small"):
    """A small CNN for digits, with a skip."""
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 1))
    h = layers.Rescaling(1 / 16)(image)
    h = layers.Conv2D(8, 3, padding="same", activation="relu", name="c1")(h)
    k = layers.Conv2D(8, 3, padding="same", name="c2")(h)
    k = layers.ReLU(name="r2")(layers.BatchNormalization(name="bn")(k))
    k = layers.Conv2D(8, 3, padding="same", name="c3")(k)
    h = layers.Activation("relu", name="r3")(layers.Add(name="add")([h, k]))
    h = layers.GlobalAveragePooling2D()(h)
    y = layers.Dense(10, activation="softmax", name="out")(h)
    return keras.Model(image, y, name=name)


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images[..., None].astype("uint8"), found.target


@pytest.fixture(scope="module")
def trained(digits):
    """Trained by plain `fit`, as anyone trains."""
    model = with_a_skip()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*digits, epochs=1, verbose=0)
    return model


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "net.keras"
    trained.save(path)
    return path


@pytest.fixture(scope="module")
def runs(saved, train_run, tmp_path_factory):
    """A run of the family that is asked for."""
    folder, done = tmp_path_factory.mktemp("runs"), set()

    def run(family):
        path = folder / family
        if family not in done:
            name = f"keras:{saved}_{family}"
            train_run(path, name, *STEPS, "--snapshot_every=2")
            done.add(family)
        return path

    return run


def test_a_run_does_not_need_the_file(trained, tmp_path, train_run, capsys):
    """It keeps what it was made of, and sees that a file has changed."""
    path = tmp_path / "net.keras"
    trained.save(path)
    name, run = f"keras:{path}_dlgn", tmp_path / "run"
    train_run(run, name, *STEPS)
    described = json.loads((run / "network.json").read_text())
    assert described["class_name"] == "Functional"
    model, config, step = dlgn_tf.load_run(run)
    assert (model.name, config.model, step) == ("keras.net_dlgn", name, 4)
    assert config.normalization == "none"
    path.unlink()
    last = train_run(run, name, *STEPS[1:], "--train_steps=6")
    assert (
        last["step"] == 6 and "continuing at step 4" in capsys.readouterr()[0]
    )
    smaller = keras.Model(trained.input, trained.get_layer("r3").output)
    image = keras.Input((8, 8, 1))
    h = layers.GlobalAveragePooling2D()(smaller(image))
    keras.Model(image, layers.Dense(10)(h)).save(path)
    with pytest.raises(UserError, match="to be the network of the run"):
        train_run(run, name, *STEPS)


@pytest.mark.parametrize(
    "name,options,message",
    [
        ("keras:nowhere.keras_dlgn", [], "nowhere.keras, No such file"),
        ("keras:{path}_rnn", [], "Unknown model"),
        ("keras:{path}_dnn", ["--activation=swish"], "are its own"),
        ("keras:{path}_dnn", ["--width=3"], "width has no effect"),
        ("keras:{path}_dgn", ["--keep=none"], "Received: none"),
        ("keras:{path}_dnn", ["--dataset=sklearn:wine"], r"\(8, 8, 1\) in 10"),
    ],
)
def test_what_cannot_be(name, options, message, saved, train_run, tmp_path):
    with pytest.raises(UserError, match=message):
        train_run(tmp_path, name.format(path=saved), *STEPS, *options)


def test_gates_and_weights_of_a_plain_network(
    trained, saved, train_run, tmp_path, digits
):
    """A plain file is taken for the network that it holds, in one call."""
    images = digits[0][:6]
    frozen = ["--gate=own", "--gate_regime=frozen_learned"]
    train_run(
        tmp_path / "gates",
        f"keras:{saved}_dgn",
        *STEPS,
        *frozen,
        f"--gates_from={saved}",
    )
    gated = dlgn_tf.load_run(tmp_path / "gates").model
    own = dlgn_tf.from_keras(trained, "dnn", weights="copy")
    for site, gate in own.gates(images).items():
        np.testing.assert_array_equal(gate, gated.gates(images)[site])
    given = f"--init_from={saved}", "--snapshot_every=4"
    train_run(tmp_path / "all", f"keras:{saved}_dnn", *STEPS, *given)
    first = tmp_path / "all" / "snapshots" / "step-00000000.keras"
    np.testing.assert_array_equal(
        dlgn_tf.load_model(first)(images), own(images)
    )


@pytest.mark.slow
def test_stages(runs, saved, train_run, tmp_path):
    """Values are trained on gates that a DLGN has learned."""
    train_run(
        tmp_path / "run",
        f"keras:{saved}_dlgn",
        *STEPS,
        "--gate_regime=frozen_learned",
        f"--gates_from={runs('dlgn')}",
    )
    learned, taken = (
        dlgn_tf.load_model(run / "best.keras").gating_network.get_weights()
        for run in (runs("dlgn"), tmp_path / "run")
    )
    for ours, theirs in zip(learned, taken, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def adapted(digits):
    """Its statistics are weights, in a model inside it."""
    keras.utils.set_random_seed(2)
    scale = layers.Normalization(name="scale")
    scale.adapt(digits[0])
    image = keras.Input((8, 8, 1))
    h = keras.Sequential([keras.Input((8, 8, 1)), scale], name="first")(image)
    h = layers.Conv2D(3, 3, activation="relu", name="conv")(h)
    h = layers.Dense(10)(layers.Flatten()(h))
    return keras.Model(image, h, name="adapted")


def test_statistics_go_with_a_run(digits, tmp_path, train_run):
    """From a file, and in a call; pixels enter as they are."""
    network, path = adapted(digits), tmp_path / "net.keras"
    network.save(path)
    name, expected = f"keras:{path}_dnn", network(digits[0][:5])
    # In two pieces: statistics are kept as they are read again.
    for steps in (1, 2):
        given = f"--train_steps={steps}", f"--init_from={path}"
        train_run(tmp_path / "a", name, *given)
    run = dlgn_tf.load_run(tmp_path / "a")
    assert run.config.normalization == "none"
    config = run.model.network.get_layer("first.scale").get_config()
    np.testing.assert_allclose(config["mean"], digits[0].mean(), rtol=1e-5)
    model = dlgn_tf.from_keras(network, "dnn", weights="copy")
    np.testing.assert_allclose(model(digits[0][:5]), expected, rtol=1e-5)
    data = dlgn_tf.data.from_arrays(*digits)
    done = {"train_steps": 1, "run_dir": tmp_path / "b", "verbose": False}
    fitted, _ = dlgn_tf.fit(model, data, **done)
    described = json.loads((tmp_path / "b" / "network.json").read_text())
    assert user_networks.rescales(described)
    again = dlgn_tf.load_run(tmp_path / "b").model
    np.testing.assert_array_equal(fitted(digits[0]), again(digits[0]))


@pytest.mark.parametrize(
    "scale,expected",
    [
        (keras.applications.mobilenet_v2.preprocess_input, True),
        (keras.applications.vgg16.preprocess_input, True),
        (layers.Rescaling(1 / 16), True),
        (lambda x: layers.RandomFlip()(x) / 255, True),
        (lambda x: keras.ops.divide(x, 255), True),
        (layers.Flatten(), False),
        (lambda x: layers.Conv2D(2, 1)(x[:, 1:-1]), False),
    ],
)
def test_who_puts_pixels_on_a_scale(scale, expected):
    image = keras.Input((4, 4, 3))
    network = keras.Model(image, layers.Flatten()(scale(image)) / 2)
    description = user_networks.describe(network)
    assert user_networks.rescales(description) == expected


def test_rainbow_of_one_layer(tmp_path, train_run):
    """There is nothing before the classifier whose weights vary."""
    path = tmp_path / "net.keras"
    image = keras.Input((8, 8, 1))
    h = layers.ReLU()(layers.Flatten()(image))
    keras.Model(image, layers.Dense(10)(h)).save(path)
    train_run(tmp_path / "run", f"keras:{path}_dnn", "--train_steps=1")
    given = {"images": 20, "test_images": 10, "output_dir": str(tmp_path)}
    with pytest.raises(UserError, match="before its classifier"):
        dlgn_tf.calls.rainbow(
            run_dirs=(str(tmp_path / "run"),), parts=("spectra",), **given
        )


def test_fit_keeps_a_run(digits, tmp_path):
    data = dlgn_tf.data.from_arrays(*digits)
    model = dlgn_tf.from_keras(with_a_skip(), "dlgn", seed=0)
    done = {"train_steps": 3, "run_dir": tmp_path / "run", "verbose": False}
    fitted, history = dlgn_tf.fit(model, data, **done)
    assert history["step"][-1] == 3
    again = dlgn_tf.load_run(tmp_path / "run").model
    images = digits[0][:5]
    np.testing.assert_array_equal(fitted(images), again(images))


@pytest.mark.slow
def test_served_without_the_package(runs, tmp_path, printed_by, digits):
    """A SavedModel serves where there is no dlgn_tf."""
    served = str(tmp_path / "served")
    dlgn_tf.calls.export(run_dir=str(runs("dlgn")), export_dir=served)
    np.save(tmp_path / "images.npy", digits[0][:3])
    out = printed_by(
        "import sys, json, numpy, tensorflow as tf\n"
        f"served = tf.saved_model.load({served!r})\n"
        f"images = numpy.load({str(tmp_path / 'images.npy')!r})\n"
        "given = images.astype('float32')\n"
        "made = served.signatures['serving_default'](images=given)\n"
        "gates = served.signatures['gates'](images=given)\n"
        "assert not [x for x in sys.modules if x.startswith('dlgn_tf')]\n"
        "print(json.dumps([made['logits'].numpy().tolist(), sorted(gates)]))"
    )
    logits, sites = json.loads(out.splitlines()[-1])
    model = dlgn_tf.load_run(runs("dlgn")).model
    np.testing.assert_allclose(logits, model(digits[0][:3]), atol=1e-5)
    assert sites == ["c1", "r2", "r3"]


OF_COMMANDS = {
    "evaluate": {},
    "inspect_model": {"images": 40, "examples": 2, "kernel_images": 20},
    "rainbow": {"parts": ("spectra",), "images": 40, "test_images": 20},
    "complexity": {"epochs": 1, "images": 50, "orders": ("4",), "panels": 0},
    "remove_layers": {"test_examples": 40},
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("command", OF_COMMANDS)
def test_commands(command, family, runs, tmp_path):
    run, given = str(runs(family)), dict(OF_COMMANDS[command])
    if family == "dlgn_sf" and command == "rainbow":
        pytest.skip("a shallow gating network has no layers in a row")
    several = command in ("rainbow", "remove_layers")
    given |= {"run_dirs": (run,)} if several else {"run_dir": run}
    if command != "evaluate":
        given["output_dir"] = str(tmp_path)
    getattr(dlgn_tf.calls, command)(**given)
    if command == "remove_layers":
        with open(tmp_path / "removals.csv") as file:
            removed = [row["removed"] for row in csv.DictReader(file)]
        assert removed == ["", "add"]


def test_remove_layers_takes_the_branch_away(saved, runs, digits):
    """Without it the skip alone is left, its weights as they were."""
    model, config, _ = dlgn_tf.load_run(runs("dnn"))
    build = functools.partial(create_configured_model, config)
    found = TrainedNetwork("x", model, build, ("add",)).without("add")
    assert found.site_names == ["c1", "r3"]
    images = digits[0][:4]
    h = model.network.get_layer("c1")(images / 16)
    h = keras.ops.relu(keras.ops.relu(h))
    h = keras.ops.mean(h, axis=(1, 2))
    expected = model.network.get_layer("out")(h)
    np.testing.assert_allclose(found(images), expected, rtol=1e-4, atol=1e-5)


def test_dual(runs, saved, train_run, tmp_path):
    """Networks of any layers, and a plain one."""
    few = {"images": 20, "test_images": 10}
    output_dir = tmp_path / "dual"
    dlgn_tf.calls.dual(
        run_dir=str(runs("dlgn")), output_dir=str(output_dir), **few
    )
    assert (output_dir / "kernels.csv").is_file()
    path = tmp_path / "mlp.keras"
    image = keras.Input((8, 8, 1))
    h = layers.Dense(9, "relu", name="a")(layers.Flatten()(image))
    h = layers.Dense(8, "relu", name="b")(h)
    keras.Model(image, layers.Dense(10, name="out")(h)).save(path)
    train_run(tmp_path / "run", f"keras:{path}_dlgn", *STEPS)
    dlgn_tf.calls.dual(run_dir=str(tmp_path / "run"), images=30, test_images=20)
    assert (tmp_path / "run" / "dual" / "kernels.csv").is_file()
