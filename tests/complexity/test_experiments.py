"""Experiments: what they train, keep and write."""

import csv
import dataclasses
import functools
import types

import numpy as np
import pytest

from dlgn_tf.complexity import report, tables
from dlgn_tf.complexity.experiments import (
    classification,
    compression,
    data,
    effectiveness,
    gated,
    prediction,
    samples,
    tasks,
    widths,
)
from dlgn_tf.complexity.experiments.experiment import Experiment
from dlgn_tf.complexity.experiments.settings import SCALES
from dlgn_tf.complexity.experiments.workshop import Workshop
from dlgn_tf.complexity.features import accuracy, output_feature
from dlgn_tf.complexity.prediction import columns
from dlgn_tf.complexity.reliability import ReliabilitySettings
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError
from dlgn_tf.output import markdown

TINY = dataclasses.replace(
    SCALES["minutes"],
    orders=(4, 7),
    width=1 / 32,
    epochs=2,
    draws=48,
    cycle_epochs=1,
    cycle_draws=20,
    teacher_width=4,
    teacher_steps=6,
    counts=(20, 40),
    task_depths=(2,),
    widths=(1 / 64, 1 / 32),
    compressed_count=40,
    gated_options={"depth": 8, "width": 4},
)


@pytest.fixture(scope="module")
def images():
    return data.load(train_examples=60)


@pytest.fixture(scope="module")
def first(images, tmp_path_factory):
    """A workshop that has trained a teacher and its ladder, what they are."""
    folder = tmp_path_factory.mktemp("workshop")
    workshop = Workshop(TINY, images, folder / "networks", progress=False)
    subject = workshop.teacher(8, 20, seed=0)
    return types.SimpleNamespace(
        folder=folder,
        workshop=workshop,
        subject=subject,
        ladder=workshop.ladder(subject),
        kept=sorted(folder.rglob("*.keras")),
    )


@pytest.fixture
def workshop(first):
    """What one test trains the next one reads."""
    return first.workshop


def test_scales():
    full = SCALES["full"]
    ladder = full.ladder(seed=3)
    assert (ladder.width, ladder.orders) == (1, (4, 7, 13, 25))
    sizes = [ladder.batch_size(order) for order in (4, 13, 25, 49, 97)]
    assert sizes == [128, 128, 64, 64, 32]
    training = ladder.training
    assert (training.epochs, training.draws, training.seed) == (500, 2000, 3)
    teacher = full.teacher(3, 200)
    assert (teacher.epochs, teacher.batch_size) == (300, 128)
    reliability = full.reliability(3)
    for published in (reliability, ReliabilitySettings()):
        sizes = [published.shared.batch_size(x) for x in (4, 25, 49, 97)]
        assert sizes == [64, 64, 32, 32]
        cycle = published.cycle
        assert (cycle.epochs, cycle.phases, cycle.draws) == (100, 10, 2000)
    # Table 3 and appendix G of the paper: ResNet-32 of 1,000 images.
    assert (full.compressed_depth, full.compressed_count) == (32, 1000)
    # Equal epochs on any number of images, as in the paper.
    hours = SCALES["hours"]
    assert (hours.depths, len(hours.counts)) == ((8, 14, 20), 3)
    assert {hours.teacher(0, n).epochs for n in hours.counts} == {100}
    assert (hours.orders, hours.augmentation) == ((4, 7, 13, 25), "flip_crop")
    # 640 steps: 4 batches of 100 images an epoch, 32 of 1000.
    minutes = SCALES["minutes"]
    assert minutes.teacher(0, 100).epochs == 160
    assert minutes.teacher(0, 1000).epochs == 20


class TestData:
    def test_as_many_of_each_class(self):
        labels = np.array([2, 2, 0, 1, 0, 1, 2, 0], "int32")
        pixels = np.arange(8, dtype="uint8").reshape(8, 1, 1, 1)
        found = data.Data("x", ImageSet(pixels, labels), None, 3).some(6)
        assert found.labels.tolist() == [2, 2, 0, 1, 0, 1]
        assert found.images.ravel().tolist() == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize("count", [0, 5, 9])
    def test_refuses_other_numbers(self, count):
        labels = np.array([0, 1, 2, 0, 1, 2], "int32")
        pixels = np.zeros((6, 1, 1, 1), "uint8")
        few = data.Data("x", ImageSet(pixels, labels), None, 3)
        with pytest.raises(UserError, match=f"Received: {count} of x"):
            few.some(count)

    def test_digits(self):
        found = data.load("digits", train_examples=50)
        assert found.train.images.shape == (50, 8, 8, 1)
        assert found.classes == 10


class TestWorkshop:
    def test_keeps_what_it_trains(self, images, first):
        folder = first.folder / "networks"
        kept = [p.relative_to(first.folder).as_posix() for p in first.kept]
        label = "networks/resnet8-20-seed0"
        assert kept == [
            f"{label}-ladder/order_04.keras",
            f"{label}-ladder/order_07.keras",
            f"{label}.keras",
        ]
        times = {p: p.stat().st_mtime_ns for p in first.kept}
        again = Workshop(TINY, images, folder, progress=False)
        other = again.teacher(8, 20, seed=0)
        f = first.subject.feature.trunk(images.test.images[:5])
        np.testing.assert_allclose(
            other.feature.trunk(images.test.images[:5]), f, atol=1e-6
        )
        same = again.ladder(other).outputs(images.test.images[:5])
        for order, phi in first.ladder.outputs(images.test.images[:5]).items():
            np.testing.assert_allclose(same[order], phi, atol=1e-6)
        assert times == {p: p.stat().st_mtime_ns for p in times}
        longer = dataclasses.replace(TINY, epochs=3)
        with pytest.raises(UserError, match="another epochs"):
            Workshop(longer, images, folder)

    def test_head_on_its_own_feature(self, workshop, images):
        """Classification from f itself is the network's."""
        subject = workshop.teacher(8, 20, seed=0)
        test = ImageSet(images.test.images[:50], images.test.labels[:50])
        f = subject.feature.trunk(test.images)
        right, loss = samples.scores(subject.model, test)
        assert accuracy(subject.feature, f, test) == right
        logits = np.asarray(subject.model(test.images), "float64")
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        expected = -np.log(p[np.arange(50), test.labels]).mean()
        assert loss == pytest.approx(expected, rel=1e-5)

    def test_output_in_the_place_of_a_feature(self, workshop, images):
        subject = workshop.teacher(8, 20, seed=0)
        net = workshop.ladder(subject).networks[7]
        feature = output_feature("it", net, subject.feature)
        batch = images.test.images[:6]
        phi = np.asarray(net(batch.astype("float32"), training=False))
        np.testing.assert_allclose(feature.trunk(batch), phi, rtol=1e-5)
        np.testing.assert_allclose(
            feature.head(phi, batch), subject.feature.head(phi, batch)
        )

    def test_compressed_beside_the_original(self, workshop):
        original = workshop.teacher(8, 20, seed=0)
        before = [np.array(w) for w in original.model.weights]
        smaller, what = compression.compressed(workshop, original)
        for ours, was in zip(original.model.weights, before, strict=True):
            np.testing.assert_array_equal(np.array(ours), was)
        assert 0.5 < what.zeros < 1
        assert max(what.counts.values()) <= 256
        assert what.counts["logits"] <= 32
        assert smaller.feature.shape == original.feature.shape


class TestTables:
    def test_markdown(self):
        text = markdown.table(["a", "b"], [[1, "x"]])
        assert text.splitlines() == ["| a | b |", "| --- | --- |", "| 1 | x |"]

    def test_report(self):
        long = "word " * 40
        text = report.text("Title", [long, "| a |"], {"seed": 3})
        lines = text.splitlines()
        assert (
            lines[0] == "# Title" and "| a |" in lines and "- seed: 3" in lines
        )
        assert max(map(len, lines[:6])) <= 80


def task(tmp_path, **changes):
    images = {"train_examples": 60}
    given = {"seeds": 1, "images": images, "command": "a command"}
    return Experiment(str(tmp_path), TINY, **{**given, **changes})


def check_report(folder, *names):
    text = (folder / "report.md").read_text()
    assert "How to read the shares" in text and "a command" in text
    assert "r = 0.03125, 2 epochs of 48 images" in text
    for name in names:
        assert f"({name}.png)" in text
        content = (folder / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG")


def test_tasks(tmp_path, read_table):
    tasks.run(task(tmp_path))
    check_report(tmp_path, "tasks")
    rows = read_table(tmp_path / "tasks.csv")
    assert [(r["task"], r["order"]) for r in rows] == [("2", "4"), ("2", "7")]


@pytest.mark.slow
def test_widths(tmp_path, read_table):
    widths.run(task(tmp_path))
    check_report(tmp_path, "widths")
    rows = read_table(tmp_path / "widths.csv")
    assert [(r["r"], r["order"]) for r in rows] == [
        (r, order) for r in ("0.015625", "0.03125") for order in "47"
    ]
    narrow, wide = (
        np.array([float(r["significance"]) for r in part])
        for part in (rows[:2], rows[2:])
    )
    profiles = narrow / narrow.sum(), wide / wide.sum()
    expected = np.abs(profiles[0] - profiles[1]).sum() / 2
    assert float(rows[0]["total_variation"]) == pytest.approx(
        expected, rel=1e-3
    )
    assert float(rows[2]["total_variation"]) == 0


@pytest.mark.slow
def test_classification(tmp_path, read_table):
    classification.run(task(tmp_path))
    check_report(tmp_path)
    assert "**Confound.**" in (tmp_path / "report.md").read_text()
    rows = read_table(tmp_path / "classification.csv")
    # Images, regimes and orders.
    assert len(rows) == 2 * 2 * 2
    for row in rows:
        gain = float(row["accuracy"]) - float(row["accuracy_of_feature"])
        assert float(row["gain"]) == pytest.approx(gain, abs=0.011)


@pytest.mark.slow
def test_samples(tmp_path, read_table):
    samples.run(task(tmp_path))
    check_report(tmp_path, "significance", "reliability")
    assert len(read_table(tmp_path / "significance.csv")) == 2 * 2
    assert len(read_table(tmp_path / "reliability.csv")) == 2 * 2 * 3
    (first, _) = read_table(tmp_path / "networks.csv")
    assert list(first) == ["model", *columns((4, 7))]
    assert first["model"] == "resnet8" and first["n_train"] == "20"


@pytest.mark.slow
def test_effectiveness(tmp_path, read_table):
    effectiveness.run(task(tmp_path))
    check_report(tmp_path, "effectiveness")
    for row in read_table(tmp_path / "effectiveness.csv"):
        both = float(row["phi_train"]) - float(row["phi_test"])
        assert float(row["phi_overfit"]) == pytest.approx(both, abs=1e-3)


def test_the_compressed_network_has_its_own_depth(tmp_path, monkeypatch):
    scale = dataclasses.replace(TINY, depths=(8, 14), compressed_depth=8)
    monkeypatch.setattr(compression.samples, "exemplary", lambda _: [])

    def stop(workshop, depth, count, *_):
        raise InterruptedError(depth, count)

    monkeypatch.setattr(compression, "measure", stop)
    with pytest.raises(InterruptedError) as error:
        compression.run(dataclasses.replace(task(tmp_path), scale=scale))
    assert error.value.args == (8, 40)


@pytest.mark.parametrize(
    "experiment", [samples, effectiveness, classification, compression]
)
def test_a_wrong_number_of_images_is_told_before_all_training(
    experiment, tmp_path, monkeypatch
):
    monkeypatch.setattr(Workshop, "teacher", lambda *_: pytest.fail("trains"))
    wrong = dataclasses.replace(TINY, counts=(20, 25), compressed_count=25)
    with pytest.raises(UserError, match="Received: 25 of shapes"):
        experiment.run(dataclasses.replace(task(tmp_path), scale=wrong))


@pytest.mark.parametrize(
    "wrong", [{"depths": (8, 9)}, {"compressed_depth": 9}, {"orders": (4, 5)}]
)
def test_a_scale_has_networks_that_there_are(wrong):
    with pytest.raises(UserError, match="Expected.*Received: (depth=9|.*5)"):
        dataclasses.replace(TINY, **wrong)


@pytest.mark.parametrize("resamples", [0, 20])
def test_intervals_are_explained_where_there_are_some(resamples):
    shares = {"a": [[0.5, 0.3, 0.2]]}
    table, *explained = tables.summary(shares, (4, 7), resamples)
    assert "| a | 0.500 | 0.300 | 0.200 |" in table
    assert ["NAME_low" in text for text in explained] == [True] * bool(
        resamples
    )


def test_a_reliability_above_one_is_remarked():
    assert tables.shown_reliability([0.5, 0.25]) == "0.500, 0.250"
    assert "above 1 is no share" in tables.shown_reliability([1.25, 0.5])


@pytest.mark.slow
def test_compression(tmp_path, read_table):
    compression.run(task(tmp_path))
    check_report(tmp_path, "significance", "effectiveness", "reliability")
    rows = read_table(tmp_path / "compression.csv")
    assert [r["network"] for r in rows[::2]] == list(compression.KINDS)
    found = samples.prediction.read_networks(tmp_path / "networks.csv")
    of = ("resnet8-40", "compressed-resnet8-40", "distilled-resnet8-40")
    assert tuple(found.names) == of
    # Rows of the one are columns of the other.
    parts = ("reliable_component", "unreliable_component")
    shares = [[float(r[part]) for part in parts] for r in rows]
    np.testing.assert_allclose(found.descriptors, np.reshape(shares, (3, 4)))
    accuracies = [float(r["accuracy"]) for r in rows[::2]]
    np.testing.assert_allclose(found.accuracies, accuracies, atol=6e-3)


@pytest.mark.slow
def test_gated(tmp_path, read_table):
    gated.run(task(tmp_path))
    check_report(tmp_path, "gated")
    rows = read_table(tmp_path / "gated.csv")
    found = ", ".join(r["feature"] for r in rows[::2])
    assert found == "DNN, DGN value, DGN gating, DLGN value, DLGN gating"
    # Two features of a network have its accuracy.
    assert rows[2]["accuracy"] == rows[4]["accuracy"]


@pytest.fixture
def few_splits(monkeypatch):
    few = functools.partial(prediction.prediction.errors, repeats=20)
    monkeypatch.setattr(prediction.prediction, "errors", few)


@pytest.mark.usefixtures("few_splits")
def test_prediction(tmp_path, rng, read_table):
    nets, others = tmp_path / "nets.csv", tmp_path / "others.csv"
    write_networks(nets, rng, (4, 7), [f"m{k}" for k in range(12)])
    kinds = ["compressed-m", "distilled-m"]
    write_networks(others, rng, (4, 7), kinds, higher=1.5)
    out = tmp_path / "out"
    given = {"networks": str(nets), "compressed": str(others)}
    prediction.run(task(out, **given))
    rows = read_table(out / "prediction.csv")
    assert [r["from"][0] for r in rows] == ["4", "4", "2", "2"]
    for row in rows:
        exact = row["from"].startswith("4")
        assert (float(row["test"]) < 1e-6) == exact
    text = (out / "report.md").read_text()
    assert "(plane_accuracy.png)" in text and "(plane_loss.png)" in text
    weights = read_table(out / "weights.csv")
    planted = [*[1] * 4, 0, 1, 2, 3, 4, 0]
    for column in ("weight", "least", "most"):
        found = [float(row[column]) for row in weights]
        np.testing.assert_allclose(found, planted, atol=1e-3)
    assert weights[5]["number"] == "rho_reli_4"
    # What is planted of the others is not what the fit knows.
    rows = read_table(out / "compressed.csv")
    assert [row["network"] for row in rows] == [
        "compressed-m-0",
        "distilled-m-1",
    ]
    for row in rows:
        assert float(row["error_accuracy"]) == pytest.approx(-1.5, abs=2e-3)
        assert float(row["error_loss"]) == pytest.approx(0, abs=2e-3)
    assert "compressed 1.50, distilled 1.50" in text


def write_networks(path, rng, orders, labels, higher=0.0):
    """Networks of planted accuracies and losses; the former so much higher."""
    names = columns(orders)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["model", *names])
        for k, label in enumerate(labels):
            numbers = rng.normal(size=len(names) - 3)
            accuracy, loss = numbers[:4].sum(), numbers[:4] @ [1, 2, 3, 4]
            writer.writerow([label, k, accuracy + higher, loss, *numbers])


@pytest.mark.usefixtures("few_splits")
@pytest.mark.parametrize(
    "others, said",
    [("others.csv", r"\(4, 7\).*Received: \(4, 13\)"), ("no.csv", "no.csv")],
)
def test_nothing_is_written_if_others_cannot_be_predicted(
    others, said, tmp_path, rng
):
    for name, orders in (("nets.csv", (4, 7)), ("others.csv", (4, 13))):
        write_networks(tmp_path / name, rng, orders, "abcdef")
    given = {"networks": "nets.csv", "compressed": others}
    given = {name: str(tmp_path / path) for name, path in given.items()}
    with pytest.raises(UserError, match=said):
        prediction.run(task(tmp_path / "out", **given))
    assert not (tmp_path / "out").exists()
