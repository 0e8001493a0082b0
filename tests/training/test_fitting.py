"""`dlgn_tf.fit`, and runs on data of one's own: in this process."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import dlgn_tf
from dlgn_tf import calls, data, evaluate, export
from dlgn_tf.command import fields
from dlgn_tf.config import TrainingFlags, resolve
from dlgn_tf.errors import UserError
from dlgn_tf.training import loop
from dlgn_tf.training.run_directory import RunDirectory

SMALL = {"width": 8, "depth": 3, "batch_size": 16, "learning_rates": 0.01}


@pytest.fixture(scope="module")
def arrays():
    """Vectors of three classes that a line tells apart."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    return rng.normal(size=(90, 5)) + 3 * np.eye(5)[y], np.array(list("abc"))[y]


@pytest.fixture(scope="module")
def vectors(arrays):
    return data.from_arrays(*arrays)


def test_a_name_is_trained(vectors, tmp_path):
    model, history = dlgn_tf.fit("fc_dlgn", vectors, epochs=8, **SMALL)
    steps = -(-8 * 72 // 16)
    assert history["step"][-1] == steps
    assert {len(x) for x in history.values()} == {len(history["step"])}
    predicted = model.predict(vectors.test.images, verbose=0).argmax(-1)
    accuracy = np.mean(predicted == vectors.test.labels)
    assert history["val_accuracy"][-1] == pytest.approx(accuracy)
    assert accuracy > 0.8


def test_a_run_directory_goes_on_to_the_same_bits(vectors, tmp_path):
    """In two pieces as in one; its run is read from the shell too."""
    weights = []
    for name, parts in (("whole", (10,)), ("halves", (5, 10))):
        for steps in parts:
            model, _ = dlgn_tf.fit(
                "fc_dlgn",
                vectors,
                run_dir=tmp_path / name,
                train_steps=steps,
                deterministic=True,
                verbose=False,
                **SMALL,
            )
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    run = dlgn_tf.load_run(tmp_path / "halves")
    assert (run.step, run.config.info) == (10, vectors.info)
    with pytest.raises(UserError, match="trained on arrays in Python"):
        evaluate.evaluate(tmp_path / "halves")
    other = data.from_arrays(
        vectors.train.images[:, 0, 0, :4], vectors.train.labels
    )
    with pytest.raises(UserError, match="image_shape"):
        dlgn_tf.fit("fc_dlgn", other, run_dir=tmp_path / "halves", **SMALL)


class Watch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append("begin")

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((epoch, sorted(logs)))
        self.model.stop_training = epoch == 1

    def on_train_end(self, logs=None):
        self.seen.append("end")


def test_callbacks(vectors):
    watch = Watch()
    _, history = dlgn_tf.fit(
        "fc_dlgn", vectors, epochs=9, callbacks=[watch], verbose=False, **SMALL
    )
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert watch.seen == ["begin", (0, names), (1, names), "end"]
    assert history["step"] == [5, 10]


def test_the_best_weights_are_what_is_kept(vectors, tmp_path, capsys):
    """Of EarlyStopping: model, checkpoint, files and metrics are the same."""

    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            print("heard")
            if epoch:
                self.model.set_weights(
                    [0 * x for x in self.model.get_weights()]
                )

    best = keras.callbacks.EarlyStopping(
        "val_loss", patience=2, restore_best_weights=True
    )
    model, history = dlgn_tf.fit(
        "fc_dnn",
        vectors,
        run_dir=tmp_path / "run",
        epochs=9,
        callbacks=[best, Spoil()],
        verbose=False,
        **SMALL,
    )
    assert capsys.readouterr().out == "heard\n" * 4
    assert history["step"] == [5, 10, 15, 20, 20]
    assert history["val_loss"][-1] == pytest.approx(history["val_loss"][1])
    run = dlgn_tf.load_run(tmp_path / "run")
    final = dlgn_tf.load_model(tmp_path / "run" / "model.keras")
    for one, *others in zip(
        model.get_weights(),
        run.model.get_weights(),
        final.get_weights(),
        strict=True,
    ):
        for other in others:
            np.testing.assert_array_equal(one, other)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(x)["step"] for x in lines] == [5, 10, 15, 20]
    loss = json.loads(lines[-1])["test_classification_loss"]
    assert loss == history["val_loss"][-1]


def test_other_examples_are_said(vectors, arrays, tmp_path, capsys):
    flags = {"run_dir": tmp_path / "run", **SMALL}
    dlgn_tf.fit("fc_dnn", vectors, train_steps=1, **flags)
    capsys.readouterr()
    dlgn_tf.fit("fc_dnn", vectors, train_steps=2, **flags)
    assert "set of examples" not in capsys.readouterr().out
    other = data.from_arrays(arrays[0][::-1], arrays[1][::-1])
    dlgn_tf.fit("fc_dnn", other, train_steps=3, **flags)
    said = "continuing with another set of examples: "
    assert said + "+".join(vectors.info.checksums) in capsys.readouterr().out
    np.savez(tmp_path / "other.npz", x=arrays[0], y=arrays[1])
    result = calls.evaluate(
        run_dir=tmp_path / "run", npz=tmp_path / "other.npz"
    )
    assert result["test_images"] == 90 and result["step"] == 3
    with pytest.raises(UserError, match="--split_seed has no effect"):
        calls.evaluate(run_dir=tmp_path / "run", split_seed=1)


def test_a_callback_alone(vectors):
    watch = Watch()
    dlgn_tf.fit("fc_dnn", vectors, epochs=1, callbacks=watch, **SMALL)
    assert watch.seen[-1] == "end"


@pytest.mark.parametrize(
    "callback, said",
    [
        (keras.callbacks.TensorBoard("logs"), "run_dir, where its curves"),
        (keras.callbacks.BackupAndRestore("logs"), "where a run goes on"),
        (
            keras.callbacks.ReduceLROnPlateau(),
            "learning_rates .*Received: .*ReduceLROnPl",
        ),
        (print, "callbacks of Keras. Received: a builtin"),
    ],
)
def test_callbacks_that_cannot_be_are_refused(vectors, callback, said):
    with pytest.raises(UserError, match=said):
        dlgn_tf.fit("fc_dnn", vectors, callbacks=[callback], **SMALL)


def test_accuracy_is_to_grow(vectors):
    """Without a mode: training ends once it grows no more."""
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=3)
    _, history = dlgn_tf.fit(
        "fc_dnn", vectors, epochs=60, callbacks=stop, verbose=False, **SMALL
    )
    best = np.argmax(history["val_accuracy"])
    assert best > 0 and len(history["step"]) == best + 1 + 3


def test_models_of_keras_are_converted_first(vectors):
    plain = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    with pytest.raises(UserError, match="from_keras makes one"):
        dlgn_tf.fit(plain, vectors, epochs=1)


class Frame:
    """An array of a kind that cannot be indexed as NumPy's."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __array__(self, *args, **kwargs):
        return self.values


@pytest.mark.parametrize("shape", [(5,), (4, 4)])
def test_what_was_trained_on_can_be_predicted(shape):
    """Without the axes of an image that it lacks."""
    x = np.random.default_rng(0).random((12, *shape), np.float32)
    model, _ = dlgn_tf.fit(
        "fc_dlgn",
        data.from_arrays(x, np.arange(12) % 2),
        epochs=1,
        verbose=False,
        **{**SMALL, "batch_size": 4},
    )
    whole = x.reshape(12, *model.image_shape)
    expected = model.predict(whole, verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)
    found = model.predict(Frame(x), verbose=0)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(UserError, match="Expected images of shape"):
        model.predict(x[:, :3], verbose=0)


def test_new_networks_are_no_news(vectors, caplog):
    """TensorFlow takes them for one function that it traces again."""
    for _ in range(6):
        dlgn_tf.fit("fc_dnn", vectors, epochs=1, verbose=False, **SMALL)
    assert "retracing" not in caplog.text


def by_signal():
    signal.raise_signal(signal.SIGINT)


def by_exception():
    raise KeyboardInterrupt


@pytest.mark.parametrize("interrupt", [by_signal, by_exception])
def test_ctrl_c_returns_what_there_is(vectors, capsys, interrupt):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            interrupt()

    model, history = dlgn_tf.fit(
        "fc_dlgn", vectors, epochs=9, callbacks=[Interrupt()], **SMALL
    )
    assert history["step"] == [5] and model.classes == 3
    assert capsys.readouterr().out.endswith("stopped\n")


def test_a_model_is_trained_in_place(vectors, tmp_path):
    info = vectors.info
    model = dlgn_tf.create_model(
        "fc_dgn",
        info.image_shape,
        3,
        mean=info.mean,
        std=info.std,
        width=8,
        depth=3,
        seed=0,
    )
    before = model.get_weights()
    same, _ = dlgn_tf.fit(model, vectors, epochs=1, batch_size=16)
    assert same is model
    assert any(
        (a != b).any() for a, b in zip(before, model.get_weights(), strict=True)
    )
    with pytest.raises(UserError, match="that the flags of the call describe"):
        dlgn_tf.fit(model, vectors, epochs=1, run_dir=tmp_path / "a")
    kept = {"run_dir": tmp_path / "b", "width": 8, "depth": 3}
    dlgn_tf.fit(model, vectors, epochs=1, verbose=False, **kept)
    loaded = dlgn_tf.load_run(tmp_path / "b").model
    np.testing.assert_array_equal(
        loaded(vectors.test.images), model(vectors.test.images)
    )


@pytest.mark.parametrize(
    "model, more, message",
    [
        ("fc_dlgn", {"size": 3}, "flags of dlgn_tf.train.* size"),
        ("fc_dlgn", {"dataset": "digits"}, "Received: dataset"),
        ("fc_dlgn", {"width": 0}, "width"),
        ("fc_dlgn", {"gate": "warm"}, "gate"),
        ("nothing", {}, "Unknown model"),
    ],
)
def test_mistakes(vectors, model, more, message):
    with pytest.raises(UserError, match=message):
        dlgn_tf.fit(model, vectors, **more)


def test_a_model_of_other_data(vectors):
    with pytest.raises(UserError, match="as the model takes them"):
        dlgn_tf.fit(dlgn_tf.create_model("fc_dlgn", (1, 1, 4), 3), vectors)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures whose class is their colour."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number, name in enumerate(("red fox", "green", "blue")):
        (root / name).mkdir()
        for k in range(20):
            image = rng.integers(0, 150, (9, 12, 3), np.uint8)
            image[..., number] += 100
            Image.fromarray(image).save(root / name / f"{k}.png")
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    return train(folder, tmp_path_factory.mktemp("run") / "run")


def train(folder, path, *more):
    words = (
        "--model=fc_dlgn",
        "--dataset=folder",
        f"--data_dir={folder}",
        "--width=8",
        "--depth=3",
        "--batch_size=16",
        "--train_steps=9",
        "--optimizer=adam",
        "--learning_rates=0.01",
        "--deterministic",
        f"--run_dir={path}",
        *more,
    )
    loop.train(resolve(fields.parse(TrainingFlags, words)))
    return path


def test_what_is_decoded_when_drawn_trains_to_the_same_bits(
    run, folder, tmp_path
):
    lazy = train(folder, tmp_path / "lazy", "--cache_gib=0")
    one, other = (dlgn_tf.load_run(x).model for x in (run, lazy))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    result = evaluate.evaluate(lazy)
    assert result["errors"] == evaluate.evaluate(run)["errors"]


def test_commands_need_no_other_flag(run, tmp_path):
    """The page has the names of classes, and so has the SavedModel."""
    kept = json.loads((run / "data.json").read_text())
    assert kept["class_names"] == ["blue", "green", "red fox"]
    calls.inspect_model(run_dir=run, images=12, examples=2)
    page = (run / "inspection" / "index.html").read_text()
    assert "red fox" in page
    calls.dual(run_dir=run, images=12)
    assert "class_red fox" in (run / "dual" / "heat_map.csv").read_text()
    import tensorflow as tf

    command = {"run_dir": str(run), "export_dir": str(tmp_path / "saved")}
    calls.export(**command)
    loaded = tf.saved_model.load(command["export_dir"])
    names = tf.io.read_file(loaded.class_names.asset_path).numpy().decode()
    assert names.splitlines() == kept["class_names"]
    assert export.saved_model.is_one(command["export_dir"])


def test_other_data_by_naming_them(run, folder, tmp_path, in_this_process):
    """All of them are tested, in classes that are known by name."""
    (tmp_path / "new" / "green").mkdir(parents=True)
    for k in range(3):
        source = folder / "green" / f"{k}.png"
        (tmp_path / "new" / "green" / source.name).write_bytes(
            source.read_bytes()
        )
    output = tmp_path / "result.json"
    given = (f"--run_dir={run}", f"--output={output}")
    in_this_process(evaluate, *given, f"--data_dir={tmp_path / 'new'}")
    assert json.loads(output.read_text())["test_images"] == 3
    (tmp_path / "new" / "green").rename(tmp_path / "new" / "yellow")
    with pytest.raises(UserError, match="'yellow'"):
        in_this_process(evaluate, *given, f"--data_dir={tmp_path / 'new'}")


def test_calls_are_the_commands():
    assert "inspect_model" in dir(calls)
    with pytest.raises(UserError, match="arguments that the command has"):
        calls.evaluate(nonsense=3)
    with pytest.raises(AttributeError):
        calls.nothing  # noqa: B018


def test_plugin(tmp_path, monkeypatch):
    from dlgn_tf.command import plugins
    from dlgn_tf.data import own

    (tmp_path / "stars.py").write_text(
        "from dlgn_tf import data\n"
        "data.register('stars', lambda: ([[0.], [1.]] * 9, [0, 1] * 9))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        monkeypatch.setattr(plugins, "_IMPORTED", [])
        plugins.import_named(["--seed", "1", "--plugin=stars", "--wide"])
        assert data.own.is_own("stars")
        # What is printed to be typed next needs it too.
        again = RunDirectory(tmp_path).command()
        assert "dlgn_tf.train --plugin=stars --flagfile=" in again
    finally:
        own.KINDS.pop("stars", None)
        sys.modules.pop("stars", None)
    for words in (["--plugin", "no_such_module"], ["-plugin"]):
        with pytest.raises(UserError, match="Expected --plugin to name a mod"):
            plugins.import_named(words)


def test_plain_keras(vectors, tmp_path):
    """Transfer on top of a gated network, an own loss, and callbacks."""
    model, _ = dlgn_tf.fit("fc_dlgn", vectors, epochs=1, verbose=False, **SMALL)
    model.trainable = False
    inputs = keras.Input(model.image_shape)
    features = model.preactivations(inputs)[model.site_names[-1]]
    top = keras.Model(inputs, keras.layers.Dense(3)(features))

    def loss(labels, logits):
        labels = keras.ops.one_hot(keras.ops.cast(labels[:, 0], "int32"), 3)
        return keras.ops.mean(keras.ops.square(logits - labels), -1)

    x, y = vectors.train.images, vectors.train.labels
    before = model.get_weights()
    top.compile("adam", loss)
    path = tmp_path / "best.keras"
    kept = keras.callbacks.ModelCheckpoint(path, monitor="loss")
    history = top.fit(x, y[:, None], epochs=2, verbose=0, callbacks=[kept])
    assert history.history["loss"][1] < history.history["loss"][0]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert path.is_file() and top.predict(x, verbose=0).shape == (72, 3)


def test_a_run_goes_on_with_one_image_more(write_images, tmp_path):
    write_images(tmp_path / "images", (6, 6, 1), 10)
    flags = {"run_dir": tmp_path / "run", "verbose": False, "width": 4}
    folder = dlgn_tf.data.from_folder(tmp_path / "images")
    dlgn_tf.fit("fc_dlgn", folder, epochs=1, **flags)
    for k in range(5):
        image = tmp_path / "images" / "ant"
        shutil.copy(image / "0.png", image / f"new{k}.png")
    more = dlgn_tf.data.from_folder(tmp_path / "images")
    assert len(more.train) == len(folder.train) + 4
    dlgn_tf.fit("fc_dlgn", more, epochs=2, **flags)
    config = dlgn_tf.load_run(tmp_path / "run").config
    assert config.train_examples == config.measured.train_examples == 28
    (tmp_path / "run" / "data.json").unlink()
    with pytest.raises(UserError, match="data.json"):
        dlgn_tf.load_run(tmp_path / "run")


def test_what_is_no_data_is_refused():
    with pytest.raises(UserError, match="from_arrays.*Received: ndarray"):
        dlgn_tf.fit("fc_dlgn", np.zeros((4, 3)))


def test_a_run_on_arrays_is_looked_at_by_npz(vectors, tmp_path):
    run, archive = tmp_path / "run", tmp_path / "same.npz"
    dlgn_tf.fit(
        "fc_dlgn", vectors, epochs=1, run_dir=run, verbose=False, **SMALL
    )
    images = [
        np.asarray(x.images)[:, 0, 0] for x in (vectors.train, vectors.test)
    ]
    names = np.array(vectors.info.names)
    np.savez(
        archive,
        x_train=images[0],
        y_train=names[vectors.train.labels],
        x_test=images[1],
        y_test=names[vectors.test.labels],
    )
    found = evaluate.evaluate(run, npz=archive)
    assert found["test_images"] == len(vectors.test)


def test_a_flagfile_imports_nothing(tmp_path, package_environment):
    (tmp_path / "evil.py").write_text("print('imported')")
    (tmp_path / "flags.txt").write_text("--plugin=evil")
    done = subprocess.run(
        [sys.executable, "-m", "dlgn_tf.train", "--flagfile=flags.txt"],
        cwd=tmp_path,
        env=package_environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "imported" not in done.stdout
    assert "Expected --plugin on the command line itself" in done.stderr


@pytest.mark.parametrize("strategy", ["auto", "multi_worker"])
def test_every_worker_normalises_as_the_run_began(
    vectors, tmp_path, monkeypatch, strategy
):
    """Before its network is made, from data of which there are more by now."""
    flags = fields.of_values(
        TrainingFlags,
        {
            "model": "fc_dlgn",
            "dataset": "arrays",
            "run_dir": str(tmp_path),
            "strategy": strategy,
        },
    )
    config = resolve(flags, vectors.info)
    began = dataclasses.replace(
        config,
        measured=dataclasses.replace(vectors.info, mean=(0.25,) * 5),
    )
    monkeypatch.setattr(RunDirectory, "is_new", lambda self: False)
    monkeypatch.setattr(RunDirectory, "read_config", lambda self: began)
    made = []

    def create_engine(config, model):
        made.append(config)
        raise loop.Stopped(None, "")

    monkeypatch.setattr(loop, "create_engine", create_engine)
    with pytest.raises(loop.Stopped):
        loop.train(config)
    assert made[0].measured.mean == began.measured.mean


class Begun(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)


def test_the_history_of_a_run_is_told_again(vectors, tmp_path):
    """As of a cell that is run twice; and a run goes on from where it was."""
    begun, flags = Begun(), {"verbose": False, "eval_every": 5, **SMALL}
    histories = [
        dlgn_tf.fit(
            "fc_dlgn",
            vectors,
            run_dir=tmp_path,
            train_steps=steps,
            callbacks=begun,
            **flags,
        ).history
        for steps in (10, 10, 15)
    ]
    first, again, more = histories
    assert [x["step"] for x in histories] == [[5, 10], [5, 10], [5, 10, 15]]
    for name in ("val_loss", "val_accuracy"):
        assert again[name] == first[name] == more[name][:2]
    assert np.isnan(again["loss"]).all() and np.isfinite(more["loss"][2])
    assert begun.epochs == [2]


def test_numbers_that_are_taken_for_pixels_are_said(vectors, capsys):
    info, flags = vectors.info, {"train_steps": 1, "verbose": False}
    for scale, told in (
        ({}, True),
        ({"mean": info.mean, "std": info.std}, False),
    ):
        model = dlgn_tf.create_model(
            "fc_dlgn", (1, 1, 5), 3, width=4, depth=2, **scale
        )
        dlgn_tf.fit(model, vectors, batch_size=8, **flags)
        assert ("divides numbers by 255" in capsys.readouterr().out) == told


def test_data_sets_of_tensorflow_and_keras(arrays):
    """In batches or one by one, as the arrays that they are made of."""
    import tensorflow as tf

    x, words = arrays
    y = np.unique(words, return_inverse=True)[1]

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 9

        def __getitem__(self, k):
            return x[10 * k : 10 * k + 10], y[10 * k : 10 * k + 10]

    expected = data.from_arrays(x, y)
    pairs = tf.data.Dataset.from_tensor_slices((x, y))
    for each in (Batches(), pairs, pairs.batch(7), pairs.batch(9, True)):
        found = data.from_dataset(each)
        np.testing.assert_array_equal(found.train.images, expected.train.images)
        np.testing.assert_array_equal(found.test.labels, expected.test.labels)
    # Two labels a batch, which could be one that is one-hot.
    turns = np.arange(90) % 2
    pairs = tf.data.Dataset.from_tensor_slices((x, turns)).batch(2)
    assert data.from_dataset(pairs).info.image_shape == (1, 1, 5)
    with pytest.raises(UserError, match="that ends"):
        data.from_dataset(pairs.repeat())


@pytest.mark.slow
def test_a_table_of_scikit_learn_is_learned(tmp_path):
    _, history = dlgn_tf.fit(
        "fc_dlgn", "sklearn:breast_cancer", epochs=12, verbose=False, **SMALL
    )
    assert history["val_accuracy"][-1] > 0.9
