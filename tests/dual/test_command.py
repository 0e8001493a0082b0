"""The command on runs of small networks, against kernels made in NumPy."""

import csv
import functools
import io

import numpy as np
import pytest
from PIL import Image

from dlgn_tf import dual
from dlgn_tf.data import sources
from dlgn_tf.data.images import ImageSet
from dlgn_tf.dual import command as entry
from dlgn_tf.dual import over_training
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model, load_model
from dlgn_tf.training import event_file

PNG = b"\x89PNG\r\n\x1a\n"
IMAGES, TEST_IMAGES = 120, 60
COUNTS = (f"--images={IMAGES}", f"--test_images={TEST_IMAGES}")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, train_run):
    folder = tmp_path_factory.mktemp("runs")
    fixed = ("--width=24", "--train_steps=120", "--learning_rates=0.003")

    def train(name, model, *arguments):
        train_run(folder / name, model, *fixed, *arguments)

    kept = ("--snapshot_every=60", "--depth=3")
    train("dlgn", "fc_dlgn", "--gate=soft", *kept)
    train("frozen", "fc_dgn", "--gate_regime=frozen_random", *kept)
    train("plain", "fc_dlgn", "--depth=2", "--train_examples=100")
    train("relu", "fc_dnn", "--train_steps=1", *kept)
    few = ("--width=2", "--depth=8", "--train_steps=1")
    train("resnet", "resnet20_dlgn", *few)
    return folder


@pytest.fixture
def command(in_this_process):
    """A function of arguments that runs the command in this process."""
    return functools.partial(in_this_process, entry)


@pytest.fixture
def measure(command, runs, tmp_path):
    """A function that measures a run, writing to the test's folder."""

    def measure(run, *arguments):
        places = f"--run_dir={runs / run}", f"--output_dir={tmp_path}"
        command(*places, *arguments)

    return measure


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def images():
    train, test = sources.load(
        "digits", train_examples=IMAGES, test_examples=TEST_IMAGES
    )
    return train, test


def snapshot(run, step):
    return load_model(run / "snapshots" / f"step-{step:08d}.keras")


def grams(model, some, others):
    """Inner products of inputs, and of the gates of each layer."""

    def features(x):
        tensors = [model.normalization(x), *model.gates(x).values()]
        arrays = [tensor.numpy().astype(np.float64) for tensor in tensors]
        return [array.reshape(len(x), -1) for array in arrays]

    pairs = zip(features(some), features(others), strict=True)
    return [a @ b.T for a, b in pairs]


def path_kernel(model, some, others):
    """Input Gram times the gate Gram of each layer, of trace n."""
    whole = np.prod(grams(model, others, others), axis=0)
    return np.prod(grams(model, some, others), axis=0) / np.diag(whole).mean()


def of_trace_n(matrix, train_matrix):
    return matrix / (np.trace(train_matrix) / len(train_matrix))


def test_kernel(runs, tmp_path, command, capsys):
    folder = tmp_path / "new" / "place"
    run = f"--run_dir={runs / 'dlgn'}"
    command(run, *COUNTS, f"--output_dir={folder}")
    train, test = images()
    model = load_model(runs / "dlgn" / "model.keras")
    expected = path_kernel(model, train.images, train.images)
    across = path_kernel(model, test.images, train.images)

    with np.load(folder / "kernel.npz") as kept:
        kernel, test_kernel = kept["kernel"], kept["test_kernel"]
        np.testing.assert_array_equal(kept["labels"], train.labels)
        np.testing.assert_array_equal(kept["test_labels"], test.labels)
        assert kept["step"] == 120
    assert kernel.dtype == np.float64
    np.testing.assert_allclose(of_trace_n(kernel, kernel), expected, rtol=1e-5)
    np.testing.assert_allclose(
        of_trace_n(test_kernel, kernel), across, rtol=1e-5
    )

    learned, random = read(folder / "kernels.csv")
    assert (learned["gates"], random["gates"]) == ("trained", "random")
    assert (learned["step"], random["step"]) == ("120", "0")
    right = model(test.images).numpy().argmax(1) == test.labels
    assert float(learned["network_accuracy"]) == pytest.approx(right.mean())
    assert random["network_accuracy"] == ""
    untrained = snapshot(runs / "dlgn", 0)
    for row, network in ((learned, model), (random, untrained)):
        check_figures(row, network, train, test)

    rows = read(folder / "spectrum.csv")
    values = np.linalg.eigvalsh(expected)[::-1]
    np.testing.assert_allclose(
        [float(row["trained"]) for row in rows],
        values / values.sum(),
        atol=1e-7,
    )
    blocks = read(folder / "heat_map.csv")
    lengths = np.sqrt(np.diag(expected))
    cosines = expected / lengths[:, None] / lengths
    pair = np.ix_(train.labels == 3, train.labels == 5)
    assert float(blocks[3]["class_5"]) == pytest.approx(cosines[pair].mean())
    for name in ("heat_map.png", "spectrum.png"):
        assert (folder / name).read_bytes().startswith(PNG)
    printed = capsys.readouterr().out
    assert f"fc_dlgn at step 120: {right.mean():.2%} of 60 test" in printed
    assert f"{float(learned['regression_accuracy']):.2%}" in printed


def check_figures(row, network, train, test):
    """A line of kernels.csv against formulas."""
    kernel = path_kernel(network, train.images, train.images)
    across = path_kernel(network, test.images, train.images)
    one_hot = np.eye(10)[train.labels]
    shifted = kernel + float(row["ridge"]) * np.eye(IMAGES)
    predicted = (across @ np.linalg.solve(shifted, one_hot - 0.1)).argmax(1)
    assert float(row["regression_accuracy"]) == pytest.approx(
        np.mean(predicted == test.labels), abs=1.01 / TEST_IMAGES
    )
    signs = 2 * one_hot - 1
    inverse = np.linalg.inv(kernel / IMAGES + 1e-6 / IMAGES * np.eye(IMAGES))
    assert float(row["label_alignment"]) == pytest.approx(
        np.trace(signs.T @ inverse @ signs) / 10, rel=0.02
    )


def test_events_are_replaced_by_those_of_the_next_call(tmp_path, measure):
    for _ in range(2):
        measure("dlgn", "--which=best", "--images=30", "--test_images=20")
        events = event_file.read_events(tmp_path / "kernel")
        tags = [tag for _, tag, _ in events]
        assert len(tags) == len(set(tags))
        assert {"dual/heat_map", "dual/spectrum"} < set(tags)
        (learned, _) = read(tmp_path / "kernels.csv")
        (shown,) = (
            tensor.float_val[0]
            for _, tag, tensor in events
            if tag == "dual/label_alignment"
        )
        assert shown == pytest.approx(float(learned["label_alignment"]))
        (drawn,) = (t for _, tag, t in events if tag == "dual/heat_map")
        width, height, png = drawn.string_val
        with Image.open(io.BytesIO(png)) as picture:
            assert picture.size == (int(width), int(height))
            colors = picture.getcolors(maxcolors=1 << 24)
        assert len(colors) > 100
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["commands.json", "kernel", "kernel.npz", "kernels.csv"]
        + [f"{n}.{e}" for n in ("heat_map", "spectrum") for e in ("csv", "png")]
    )


def test_over_training(runs, tmp_path, measure, capsys):
    measure("dlgn", "--over_training", *COUNTS)
    rows = read(tmp_path / "over_training.csv")
    assert not list(tmp_path.glob("*partial*"))
    assert [row["step"] for row in rows] == ["0", "60", "120"]
    train, test = images()
    networks = [snapshot(runs / "dlgn", step) for step in (0, 60, 120)]
    kernels = [path_kernel(n, train.images, train.images) for n in networks]
    for row, network, kernel in zip(rows, networks, kernels, strict=True):
        check_figures(row, network, train, test)
        right = network(test.images).numpy().argmax(1) == test.labels
        assert float(row["network_accuracy"]) == pytest.approx(right.mean())
        flat, last = kernel.ravel(), kernels[-1].ravel()
        cosine = flat @ last / np.sqrt((flat @ flat) * (last @ last))
        assert float(row["distance_from_last"]) == pytest.approx(
            1 - cosine, abs=1e-6
        )
    # Gates learned something, and the network did.
    assert float(rows[0]["distance_from_last"]) > 0.01
    assert float(rows[2]["network_accuracy"]) > 0.7
    assert (tmp_path / "over_training.png").read_bytes().startswith(PNG)
    events = event_file.read_events(tmp_path / "over_training")
    steps = [s for s, tag, _ in events if tag == "dual/regression_accuracy"]
    assert steps == [0, 60, 120]
    assert "over training: snapshot 3/3" in capsys.readouterr().out


@pytest.mark.usefixtures("unrendered")
def test_frozen_gates_have_one_kernel(tmp_path, measure):
    measure("frozen", "--over_training", "--images=40", "--test_images=20")
    rows = read(tmp_path / "over_training.csv")
    assert len(rows) == 3
    for row in rows:
        assert float(row["distance_from_last"]) == pytest.approx(0, abs=1e-12)
    assert len({row["label_alignment"] for row in rows}) == 1


def test_ntk_trace(runs, tmp_path, measure):
    measure("dlgn", "--ntk_trace", "--images=12")
    rows = read(tmp_path / "ntk_trace.csv")
    assert [row["step"] for row in rows] == ["0", "60", "120"]
    some = images()[0].images[:12]
    for row in rows:
        network = snapshot(runs / "dlgn", int(row["step"]))
        parts = tangent_kernels(network, some)
        for name, matrix in {**parts, "total": sum(parts.values())}.items():
            assert float(row[f"{name}_trace"]) == pytest.approx(
                np.trace(matrix), rel=1e-4
            )
            assert float(row[f"{name}_norm"]) == pytest.approx(
                np.sqrt((matrix**2).sum()), rel=1e-4
            )
    assert (tmp_path / "ntk_trace.png").read_bytes().startswith(PNG)
    events = event_file.read_events(tmp_path / "ntk_trace")
    steps = [s for s, tag, _ in events if tag == "dual/gating_trace"]
    assert steps == [0, 60, 120]


def tangent_kernels(model, some):
    """Both parts of the NTK, of all logits, from TensorFlow's Jacobians."""
    import tensorflow as tf

    parts = {"value": model.value_network, "gating": model.gating_network}
    with tf.GradientTape(persistent=True) as tape:
        logits = model(some)
    kernels = {}
    for name, network in parts.items():
        found = tape.jacobian(
            logits, [weight.value for weight in network.trainable_variables]
        )
        flat = [j.numpy().reshape(*logits.shape, -1) for j in found]
        jacobian = np.concatenate(flat, -1).astype(np.float64)
        kernels[name] = np.einsum("icp,jcp->ij", jacobian, jacobian)
    return kernels


@pytest.mark.usefixtures("unrendered")
def test_kernel_of_a_file(runs, tmp_path, command):
    path = runs / "plain" / "model.keras"
    command(
        f"--model_path={path}",
        "--dataset=digits",
        "--images=100",
        "--test_images=20",
        f"--output_dir={tmp_path}",
    )
    train, _ = sources.load("digits", train_examples=100)
    expected = path_kernel(load_model(path), train.images, train.images)
    with np.load(tmp_path / "kernel.npz") as kept:
        kernel = kept["kernel"]
    np.testing.assert_allclose(of_trace_n(kernel, kernel), expected, rtol=1e-5)
    learned, random = read(tmp_path / "kernels.csv")
    assert learned["label_alignment"] != random["label_alignment"]


@pytest.mark.usefixtures("unrendered")
def test_frozen_gates_have_no_gating_part(tmp_path, measure):
    measure("frozen", "--ntk_trace", "--images=10")
    for row in read(tmp_path / "ntk_trace.csv"):
        assert float(row["gating_trace"]) == float(row["gating_norm"]) == 0
        assert float(row["value_trace"]) == float(row["total_trace"]) > 0


def test_a_residual_network_of_convolutions(runs, tmp_path, command, capsys):
    """Refused where memory is short, before anything is written."""
    places = f"--run_dir={runs / 'resnet'}", f"--output_dir={tmp_path / 'o'}"
    few = "--images=20", "--test_images=10"
    with pytest.raises(UserError, match="memory_gib of at least"):
        command(*places, *few, "--memory_gib=0.0001")
    assert not (tmp_path / "o").exists()
    command(*places, *few)
    assert "kernel: about" in capsys.readouterr().out
    rows = read(tmp_path / "o" / "kernels.csv")
    assert [row["gates"] for row in rows] == ["trained", "random"]


def test_layers_of_convolutions_are_refused(runs, tmp_path, command):
    places = f"--run_dir={runs / 'resnet'}", f"--output_dir={tmp_path / 'o'}"
    with pytest.raises(UserError, match="dense layers.*Received: resnet20"):
        command(*places, "--layers", "--images=10", "--test_images=10")
    assert not (tmp_path / "o").exists()


def test_features(runs, tmp_path, command):
    """As the functions have it."""
    options = "--images=200", "--test_images=100"
    command(
        f"--run_dir={runs / 'dlgn'}",
        f"--output_dir={tmp_path}",
        "--draws=3",
        "--biases",
        *options,
    )
    trained, random = read(tmp_path / "features.csv")
    assert (trained["gates"], random["gates"]) == ("trained", "random")
    train, test = sources.load("digits", train_examples=200, test_examples=100)
    model = load_model(runs / "dlgn" / "model.keras")
    of_sets = [
        dual.path_features(model, x.images, 3, biases=True)
        for x in (train, test)
    ]
    found = dual.feature_regression(
        of_sets[0], train.labels, of_sets[1], test.labels, 10
    )
    assert float(trained["regression_accuracy"]) == found.accuracy > 0.5
    # The last layer has a bias, a path of its own: those of its outputs.
    assert int(trained["features"]) == 3 * 10


def test_layers(runs, tmp_path, command):
    """Products and sums of Gram matrices, fitted by linear algebra."""
    places = f"--run_dir={runs / 'dlgn'}", f"--output_dir={tmp_path}"
    command(*places, "--layers", *COUNTS)
    rows = read(tmp_path / "layers.csv")
    kinds = [("product", "1"), ("product", "2"), ("sum", "2")]
    assert [
        (row["gates"], row["combination"], row["layers"]) for row in rows
    ] == [(gates, *kind) for gates in ("trained", "random") for kind in kinds]
    train, test = images()
    networks = {
        "trained": load_model(runs / "dlgn" / "model.keras"),
        "random": snapshot(runs / "dlgn", 0),
    }
    for row in rows:
        network, layers = networks[row["gates"]], int(row["layers"])
        combine = {"product": np.prod, "sum": np.sum}[row["combination"]]
        kernel, across = (
            pixels * combine(of_gates[:layers], axis=0)
            for pixels, *of_gates in (
                grams(network, some, train.images)
                for some in (train.images, test.images)
            )
        )
        scale = float(row["ridge"]) * np.trace(kernel) / IMAGES
        solved = np.linalg.solve(
            kernel + scale * np.eye(IMAGES), np.eye(10)[train.labels] - 0.1
        )
        predicted = (across @ solved).argmax(1)
        assert float(row["regression_accuracy"]) == pytest.approx(
            np.mean(predicted == test.labels), abs=1.01 / TEST_IMAGES
        )
    assert (tmp_path / "layers.png").read_bytes().startswith(PNG)


# Missing, contradicting or impossible: answered before TensorFlow is there.
REFUSALS = {
    "": "Expected --run_dir",
    "--run_dir=nowhere": "nowhere.*no flags.txt",
    "--run_dir=plain --images=101": "at most 100.*101",
    "--run_dir=plain --test_images=361": "at most 360.*361",
    "--run_dir=plain --over_training": "--snapshot_every=STEPS.*plain",
    "--run_dir=plain --ntk_trace": "--snapshot_every=STEPS.*plain",
    "--run_dir=dlgn --ntk_trace --over_training": "Received: both",
    "--run_dir=dlgn --over_training --which=best": "which has no effect",
    "--run_dir=dlgn --ntk_trace --test_images=9": "no effect with --ntk_trace",
    "--run_dir=dlgn --over_training --draws=2": "draws.*no effect",
    "--run_dir=dlgn --draws=2 --single": "single.*no effect with --draws",
    "--run_dir=dlgn --ntk_trace --biases": "biases.*no effect",
    "--run_dir=dlgn --draws=2 --scheduler=x": "scheduler.*no effect",
    "--run_dir=dlgn --layers --biases": "biases.*no effect with --layers",
    "--run_dir=dlgn --draws=2 --layers": "layers.*no effect with --draws",
    "--run_dir=relu --ntk_trace": "gated network.*Received: one of fc_dnn",
    "--run_dir=dlgn --memory_gib=0": "memory_gib.*> 0",
    "--run_dir=dlgn --memory_gib=nan": "memory_gib.*finite",
    "--run_dir=dlgn --output_dir=file": "output_dir.*file is a file",
    "--run_dir=nobest --which=best": "which=best.*best.keras",
    "--run_dir=dlgn --dataset=digits": "no effect with --run_dir",
    "--model_path=dlgn": "Expected --dataset with --model_path",
    "--model_path=dlgn --dataset=digits --output_dir=o --ntk_trace": (
        "--run_dir with --ntk_trace"
    ),
}


@pytest.mark.parametrize("arguments", REFUSALS)
def test_refusals(runs, tmp_path, command, monkeypatch, arguments):
    for name in ("dlgn", "plain", "relu"):
        (tmp_path / name).symlink_to(runs / name)
    (tmp_path / "nobest").mkdir()
    for name in ("flags.txt", "checkpoints"):
        (tmp_path / "nobest" / name).symlink_to(runs / "plain" / name)
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)

    def refuse():
        raise AssertionError("Keras was about to be imported")

    monkeypatch.setattr(entry.startup, "import_keras", refuse)
    with pytest.raises(UserError, match=REFUSALS[arguments]) as caught:
        command(*arguments.split())
    assert "Received" in str(caught.value) and "\n" not in str(caught.value)
    assert not (runs / "dlgn" / "dual").exists()


def test_a_kernel_that_no_memory_holds(runs, tmp_path, command, monkeypatch):
    monkeypatch.setattr(entry.os, "sysconf", lambda name: 100)
    with pytest.raises(UserError, match="fit into memory.*--images=50"):
        command(f"--run_dir={runs / 'dlgn'}", "--images=50")


def test_kernels_that_cannot_be_described():
    labels = np.array([0, 1, 1, 0])
    some = ImageSet(np.zeros((4, 2, 2, 1), np.uint8), labels)
    flat = np.ones((4, 4))
    with pytest.raises(UserError, match="singular. Received: 0"):
        over_training.describe(flat, flat, some, some, 2, ridge=0.0)
    with pytest.raises(UserError, match="not 0. Received: .*shut"):
        over_training.describe(0 * flat, flat, some, some, 2, ridge=0.0)


@pytest.fixture
def other_snapshot(runs, tmp_path):
    """A run in which the snapshot of a step can be replaced."""
    run = tmp_path / "run"
    run.mkdir()
    for path in (runs / "frozen").iterdir():
        (run / path.name).symlink_to(path)
    kept = run / "snapshots"
    sources = list((runs / "frozen" / "snapshots").iterdir())
    kept.unlink()
    kept.mkdir()
    for source in sources:
        (kept / source.name).symlink_to(source)

    def replace(step, content):
        path = kept / f"step-{step:08}.keras"
        path.unlink()
        path.write_bytes(content)
        return run

    return replace


def test_a_damaged_snapshot(runs, other_snapshot, command):
    source = runs / "frozen" / "snapshots" / "step-00000060.keras"
    whole = source.read_bytes()
    run = other_snapshot(60, whole[: len(whole) // 2])
    (run / "dual").mkdir()
    (run / "dual" / "over_training.csv").write_text("of an earlier call")
    arguments = ("--over_training", "--images=20", "--test_images=10")
    with pytest.raises(UserError, match="step-00000060.keras"):
        command(f"--run_dir={run}", *arguments)
    # What was there stays; what was measured before is there as well.
    earlier = (run / "dual" / "over_training.csv").read_text()
    assert earlier == "of an earlier call"
    rows = read(run / "dual" / "over_training.partial.csv")
    assert [row["step"] for row in rows] == ["0"]
    assert (rows[0]["images"], rows[0]["test_images"]) == ("20", "10")


def test_a_snapshot_of_another_network(other_snapshot, command, tmp_path):
    path = tmp_path / "other.keras"
    create_model("fcresnet_dlgn", (8, 8, 1), width=2, seed=0).save(path)
    run = other_snapshot(60, path.read_bytes())
    with pytest.raises(UserError, match="fc_dgn.*step-00000060.*fcresnet"):
        command(f"--run_dir={run}", "--over_training", "--images=20")
