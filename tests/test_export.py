"""SavedModels in a process that has TensorFlow alone."""

import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from dlgn_tf import export
from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.training import runs, trained
from dlgn_tf.training import saved_model as saved_model_files
from dlgn_tf.training.source import Source

RUNS = {
    "dnn": ("resnet20_dnn", "--depth=8", "--width=4"),
    "dgn": (
        "c4gap_dgn",
        "--depth=2",
        "--width=4",
        "--gate=hard",
        "--normalization=dataset",
    ),
    "dlgn": (
        "vconv_dlgn",
        "--depth=2",
        "--width=4",
        "--head_width=6",
        "--gate_beta=4",
        "--gate_epsilon=0.1",
    ),
    "dlgn_sf": (
        "vconv_dlgn_sf",
        "--gate_beta=10",
        "--gate_epsilon=0",
        "--depth=2",
        "--width=4",
        "--head_width=6",
    ),
}
ALL_RUNS = pytest.mark.parametrize("family", RUNS)

# Runs where neither dlgn_tf nor Keras can be imported.
READER = """
import sys

for name in ("dlgn_tf", "keras", "tf_keras"):
    sys.modules[name] = None
    try:
        __import__(name)
    except ImportError:
        pass
    else:
        raise AssertionError(f"{name} can be imported")

import numpy as np
import tensorflow as tf

images_file, result_file, *exports = sys.argv[1:]
images = np.load(images_file)
result = {}
for path in exports:
    family = path.split("/")[-1]
    loaded = tf.saved_model.load(path)
    result[f"{family}/signatures"] = np.array(sorted(loaded.signatures))
    for dtype, suffix in (("float32", ""), ("uint8", "_uint8")):
        for size in (1, 7):
            batch = tf.constant(images[:size].astype(dtype))
            for name in ("serving_default", "preactivations", "gates"):
                by_signature = loaded.signatures[name + suffix](images=batch)
                by_function = getattr(loaded, name)(batch)
                for how, outputs in (
                    ("signature", by_signature), ("function", by_function)
                ):
                    for key, value in outputs.items():
                        result["/".join(
                            (family, dtype, str(size), how, name, key)
                        )] = value.numpy()
    # As the usage text has it: an array of any type, by keyword.
    for dtype in ("uint8", "int64", "float64"):
        outputs = loaded.signatures["serving_default"](
            images=images.astype(dtype)
        )
        result[f"{family}/array/{dtype}"] = outputs["logits"].numpy()
np.savez(result_file, **result)
"""


@pytest.fixture(scope="module")
def images():
    return sources.load("digits")[1].images[:7]


@pytest.fixture(scope="module")
def exported(tmp_path_factory, train_run):
    """Path of the run and of its SavedModel, by family."""
    paths = {}
    for family, arguments in RUNS.items():
        run = tmp_path_factory.mktemp(family)
        fixed = ("--learning_rates=0.01", "--train_steps=4")
        train_run(run, *arguments, *fixed)
        saved = run / "export" / family
        model, _, step = runs.load_run(run)
        assert step == 4
        export.export(model, str(saved))
        paths[family] = types.SimpleNamespace(run=run, saved=saved)
    return paths


@pytest.fixture(scope="module")
def answers(exported, images, tmp_path_factory):
    """What another process read out of the SavedModels."""
    place = tmp_path_factory.mktemp("reader")
    np.save(place / "images.npy", images)
    subprocess.run(
        [
            sys.executable,
            "-c",
            READER,
            str(place / "images.npy"),
            str(place / "result.npz"),
            *(str(paths.saved) for paths in exported.values()),
        ],
        cwd=place,
        check=True,
        timeout=180,
    )
    with np.load(place / "result.npz") as result:
        return dict(result)


@pytest.fixture(scope="module")
def models(exported):
    """The final models of the runs, as Keras loads them."""
    return {
        family: keras.models.load_model(paths.run / "model.keras")
        for family, paths in exported.items()
    }


def test_a_network_of_every_kind_of_place(exported, models):
    run, saved = exported["dgn"].run, exported["dgn"].saved
    for given in (
        {"run_dir": run},
        {"run_dir": run, "which": "best"},
        {"model_path": run},
        {"model_path": run / "model.keras"},
        {"model_path": saved},
        {"saved_model": saved},
    ):
        network = Source(**given)
        network.check()
        model, step = network.load()
        # Nobody noted it of the SavedModel.
        assert step == (None if saved in given.values() else 4), given
        if given.get("which") == "best" or given == {"model_path": run}:
            continue
        np.testing.assert_equal(
            model.get_weights(), models["dgn"].get_weights()
        )


def outputs(answers, *prefix):
    """The named outputs below a prefix."""
    start = "/".join(map(str, prefix)) + "/"
    found = {
        k[len(start) :]: v for k, v in answers.items() if k.startswith(start)
    }
    assert found
    return found


VARIANTS = [
    (dtype, size, how)
    for dtype in ("float32", "uint8")
    for size in (1, 7)
    for how in ("signature", "function")
]


@ALL_RUNS
def test_signatures(family, answers):
    assert set(answers[f"{family}/signatures"]) == {
        f"{name}{suffix}"
        for name in ("serving_default", "preactivations", "gates")
        for suffix in ("", "_uint8")
    }


@ALL_RUNS
def test_logits_and_probabilities(family, answers, models, images):
    expected = models[family](images, training=False).numpy()
    probabilities = special.softmax(expected, axis=1)
    assert np.ptp(expected) > 0.01
    for dtype, size, how in VARIANTS:
        served = outputs(answers, family, dtype, size, how, "serving_default")
        assert set(served) == {"logits", "probabilities"}
        np.testing.assert_allclose(
            served["logits"], expected[:size], rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            served["probabilities"], probabilities[:size], atol=1e-5
        )


@ALL_RUNS
def test_preactivations(family, answers, models, images):
    model = models[family]
    expected = {k: v.numpy() for k, v in model.preactivations(images).items()}
    assert list(expected) == model.site_names
    for dtype, size, how in VARIANTS:
        served = outputs(answers, family, dtype, size, how, "preactivations")
        assert set(served) == set(expected)
        for site, q in expected.items():
            np.testing.assert_allclose(
                served[site], q[:size], rtol=1e-5, atol=1e-5, err_msg=site
            )


def gate(family, q):
    if family in ("dnn", "dgn"):
        return (q > 0).astype(np.float32)
    beta, factor = (4.0, 1.1) if family == "dlgn" else (10.0, 1.0)
    return factor / (1 + np.exp(-beta * q.astype(np.float64)))


@ALL_RUNS
def test_gates_follow_from_preactivations(family, answers):
    for variant in VARIANTS:
        q = outputs(answers, family, *variant, "preactivations")
        gates = outputs(answers, family, *variant, "gates")
        assert set(q) == set(gates)
        for site, values in gates.items():
            np.testing.assert_allclose(
                values, gate(family, q[site]), atol=1e-5, err_msg=site
            )
    # Some are open and some are closed.
    share = np.mean([(v > 0.5).mean() for v in gates.values()])
    assert 0.05 < share < 0.95


@ALL_RUNS
def test_variables_are_stored_once(family, exported, models):
    prefix = exported[family].saved / "variables" / "variables"
    reader = tf.train.load_checkpoint(str(prefix))
    stored = sorted(
        tuple(shape)
        for name, shape in reader.get_variable_to_shape_map().items()
        if name.endswith("VARIABLE_VALUE")
    )
    expected = sorted(tuple(v.shape) for v in models[family].weights)
    assert stored == expected


def test_size_on_disk(tmp_path):
    """Neither a second copy of the variables nor constants in the graph."""
    model = create_model("fc_dlgn", (8, 8, 1), width=256, depth=4, seed=0)
    export.export(model, str(tmp_path / "saved"))
    parameters = 4 * sum(int(np.prod(v.shape)) for v in model.weights)
    variables = tmp_path / "saved" / "variables"
    stored = sum(f.stat().st_size for f in variables.iterdir())
    assert parameters <= stored < 1.1 * parameters
    graph = (tmp_path / "saved" / "saved_model.pb").stat().st_size
    assert graph < 0.5 * parameters


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("scattering3_mini_dnn", {}),
        ("largecnn_dnn", {"width": 4, "per_image": True}),
        ("c4gap_dlgn", {"width": 4}),
    ],
)
def test_a_batch_of_no_images(name, options):
    model = create_model(name, (32, 32, 3), seed=0, **options)
    for signature in saved_model_files.SIGNATURES:
        answer = export._answer(model, signature)
        none, two = (
            answer(tf.zeros((count, 32, 32, 3), tf.uint8)) for count in (0, 2)
        )
        assert none.keys() == two.keys()
        for name, value in two.items():
            assert none[name].shape == (0, *value.shape[1:])


def test_arrays_by_keyword(answers, models, images):
    """The default signature converts what it is given."""
    expected = models["dlgn"](images, training=False).numpy()
    for dtype in ("uint8", "int64", "float64"):
        np.testing.assert_allclose(
            answers[f"dlgn/array/{dtype}"], expected, rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("kind", ["file", "full", "link to nothing"])
def test_export_dir_that_is_taken(kind, tmp_path):
    path = tmp_path / kind
    if kind == "link to nothing":
        path.symlink_to("nothing")
    elif kind == "full":
        path = tmp_path
        (path / "something").write_text("")
    else:
        path.write_text("")
    with pytest.raises(UserError, match="new or empty.*Received: "):
        export.check_export_dir(path)


@pytest.mark.parametrize("kind", ["new", "empty", "nested"])
def test_export_dir_that_is_free(kind, tmp_path):
    path = tmp_path / "a" / "b" if kind == "nested" else tmp_path / kind
    if kind == "empty":
        path.mkdir()
    export.check_export_dir(path)
    assert path.exists() == (kind == "empty")


def test_command(exported, tmp_path, in_this_process, capsys, monkeypatch):
    """`python -m dlgn_tf.export`: the newest checkpoint, in a new directory."""
    monkeypatch.chdir(tmp_path)
    run_dir = f"--run_dir={exported['dnn'].run}"
    in_this_process(export, run_dir, "--export_dir=deep/new")
    assert "resnet20_dnn at step 4" in capsys.readouterr().out
    assert (tmp_path / "deep" / "new" / "saved_model.pb").is_file()
    kept = tmp_path / "deep" / "new" / saved_model_files.MODEL
    assert trained.step_of(kept) == 4


@ALL_RUNS
def test_the_model_itself_lies_beside(family, exported, models, images):
    """Where TensorFlow has a place for files that are none of its own."""
    kept = exported[family].saved / "assets.extra" / "model.keras"
    model = keras.models.load_model(kept)
    expected = models[family](images, training=False).numpy()
    np.testing.assert_array_equal(
        model(images, training=False).numpy(), expected
    )
