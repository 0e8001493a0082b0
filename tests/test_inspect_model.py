"""The command that opens a network: its page, its numbers, its refusals."""

import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf import export, inspect_model
from dlgn_tf.command import fields, startup
from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import load_model
from dlgn_tf.training import runs
from dlgn_tf.training import saved_model as saved_model_files
from dlgn_tf.training.event_file import read_events

SMALL = ("--images=60", "--examples=4", "--channels=3")


@pytest.fixture(scope="module")
def trained_runs(tmp_path_factory, train_run):
    """Directory of small trained runs, one a kind of network."""
    folder = tmp_path_factory.mktemp("runs")
    fixed = ("--width=6", "--batch_size=64", "--learning_rates=0.01")
    conv = ("--depth=2", "--train_steps=120")

    train_run(folder / "dlgn", "c4gap_dlgn", *fixed, *conv)
    train_run(folder / "dgn", "fc_dgn", *fixed, "--depth=3", "--train_steps=60")
    return folder


def run_command(*arguments):
    """The command in this process."""
    words = map(str, arguments)
    inspect_model.run(fields.parse(inspect_model.Command, words))


@pytest.fixture(scope="module")
def dlgn(trained_runs):
    """The page's directory and the model of a DLGN."""
    run_dir = trained_runs / "dlgn"
    run_command(f"--run_dir={run_dir}", *SMALL, "--tensorboard")
    return run_dir / "inspection", load_model(run_dir / "model.keras")


@pytest.fixture(scope="module")
def images():
    return sources.load("digits", test_examples=60)[1]


def text(folder):
    return (folder / "index.html").read_text()


def logits(model, images):
    return np.asarray(model(images.images, training=False), "float64")


def test_page_in_a_browser(dlgn, tmp_path, browser):
    folder, _ = dlgn
    seen = browser.open_page(text(folder), tmp_path)
    assert seen.failed == seen.requests == seen.console == []
    assert not seen.wide
    # As many as lie beside it, none of them broken.
    assert len(seen.pictures) == len(list(folder.glob("*.png"))) > 6
    assert min(seen.pictures) > 100


def test_page_names_no_place_outside(dlgn):
    page = text(dlgn[0])
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page and "url(" not in page
    assert len(page) < 3_000_000
    titles = " ".join(re.findall(r"<h2[^>]*>([^<]*)", page))
    for section in ("Templates", "Gate statistics", "Decisions", "Interv"):
        assert section in titles
    # Of zero padding, too.
    assert (dlgn[0] / "kernel.png").exists()


def test_accuracy_at_the_top(dlgn, images):
    folder, model = dlgn
    right = (logits(model, images).argmax(-1) == images.labels).mean()
    assert f"<b>{100 * right:.1f} %</b>" in text(folder)
    # Trained, so that there is something to read.
    assert right > 0.5


def test_templates_give_the_preactivations(dlgn, images):
    folder, model = dlgn
    found = np.load(folder / "templates.npz")
    for site, q in model.preactivations(images.images).items():
        weights = found[f"{site}/weights"].reshape(3, -1).astype("float64")
        affine = images.images.reshape(60, -1) @ weights.T
        affine += found[f"{site}/offsets"]
        units = (*found[f"{site}/positions"].T, found[f"{site}/channels"])
        np.testing.assert_allclose(
            affine, np.asarray(q)[:, *units], rtol=1e-4, atol=1e-4
        )
        assert (found[f"{site}/positions"] == 4).all()


def test_gate_statistics(dlgn, images, read_table):
    folder, model = dlgn
    shares = {
        (row["site"], int(row["channel"])): float(row["on"])
        for row in read_table(folder / "gate_statistics.csv")
    }
    for site, q in model.preactivations(images.images).items():
        expected = (np.asarray(q) > 0).mean(axis=(0, 1, 2))
        actual = [shares[site, channel] for channel in range(6)]
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert len(shares) == 12


def test_decisions(dlgn, images, read_table):
    """The lead of the predicted class, for mistakes over the true one."""
    folder, model = dlgn
    values = logits(model, images)
    found = read_table(folder / "decisions.csv")
    assert [row["site"] for row in found] == ["conv1", "conv2"] * 4
    for row in found:
        image, true, predicted, rival = (
            int(row[name]) for name in ("image", "true", "predicted", "rival")
        )
        order = np.argsort(-values[image])
        assert (true, predicted) == (images.labels[image], order[0])
        assert rival == (order[1] if true == predicted else true)
        lead = values[image, predicted] - values[image, rival]
        parts = sum(float(row[name]) for name in ("units", "around", "biases"))
        assert parts == pytest.approx(lead, abs=1e-4)
    wrong = {row["image"] for row in found if row["true"] != row["predicted"]}
    mistakes = (values.argmax(-1) != images.labels).sum()
    assert len(wrong) == min(2, mistakes)


def test_interventions(dlgn, images, read_table):
    """Off at the last site leaves the head's bias: one class for all."""
    folder, model = dlgn
    found = read_table(folder / "interventions.csv")
    settings = [(row["site"], row["to"]) for row in found]
    assert settings == [
        (site, to) for site in ("conv1", "conv2") for to in ("off", "mean")
    ]
    bias = model.value_network.get_layer("logits").get_weights()[1]
    off = next(r for r in found if (r["site"], r["to"]) == ("conv2", "off"))
    expected = (images.labels == bias.argmax()).mean()
    assert float(off["accuracy"]) == pytest.approx(expected)
    right = (logits(model, images).argmax(-1) == images.labels).mean()
    assert float(off["baseline_accuracy"]) == pytest.approx(right)


def test_summaries(dlgn):
    folder, _ = dlgn
    shown = {tag for _, tag, _ in read_events(folder / "page")}
    assert shown == {f"inspection/{x.stem}" for x in folder.glob("*.png")}
    assert {step for step, *_ in read_events(folder / "page")} == {120}


def test_a_network_with_relus_in_front_of_its_gates(
    trained_runs, tmp_path, read_table
):
    """A DGN: what is local is named so, the kernel is there; chosen sites."""
    run_dir = trained_runs / "dgn"
    arguments = (f"--run_dir={run_dir}", *SMALL, f"--output_dir={tmp_path}")
    (tmp_path / "index.html").write_text("an earlier page")
    run_command(*arguments, "--which=best", "--kernel_images=40")
    page = text(tmp_path)
    assert "at 1 of 2 gate sites there is no template" in page
    assert "local linearisation at test image 0" in page
    exact = {
        row["site"]: row["exact"]
        for row in read_table(tmp_path / "templates.csv")
    }
    assert exact == {"dense1": "True", "dense2": "False"}
    means = read_table(tmp_path / "kernel_by_class.csv")
    assert len(means) == 10
    paths = read_table(tmp_path / "paths.csv")
    assert len(paths) == 40 and all(row["path"] for row in paths)

    run_command(*arguments, "--sites=dense2")
    assert {row["site"] for row in read_table(tmp_path / "templates.csv")} == {
        "dense2"
    }


@pytest.fixture(scope="module")
def saved_model(trained_runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    model, _, step = runs.load_run(trained_runs / "dlgn")
    export.export(model, str(path), step)
    return path


@pytest.mark.usefixtures("unrendered")
def test_a_saved_model_is_enough(dlgn, saved_model, tmp_path):
    folder, _ = dlgn
    run_command(
        f"--saved_model={saved_model}",
        "--dataset=digits",
        f"--output_dir={tmp_path}",
        *SMALL,
    )
    assert "after 120 steps" in text(tmp_path)
    for name in ("templates", "decisions", "interventions", "sites"):
        expected = (folder / f"{name}.csv").read_text()
        assert (tmp_path / f"{name}.csv").read_text() == expected


@pytest.mark.usefixtures("unrendered")
def test_positions(dlgn, tmp_path, read_table):
    folder, _ = dlgn
    run_command(
        f"--run_dir={folder.parent}",
        f"--output_dir={tmp_path}",
        "--positions=0x0,7x2",
        "--sites=conv2",
        *SMALL,
    )
    places = [row["position"] for row in read_table(tmp_path / "templates.csv")]
    assert places == ["0:0"] * 3 + ["7:2"] * 3


def other_saved_model(path):
    module = tf.Module()
    module.double = tf.function(lambda x: 2 * x)
    spec = tf.TensorSpec((None,), tf.float32)
    signature = module.double.get_concrete_function(spec)
    tf.saved_model.save(module, str(path), {"serving_default": signature})


@pytest.fixture
def place(trained_runs, saved_model, tmp_path, monkeypatch):
    """A directory with all that can be pointed at wrongly."""
    (tmp_path / "run").symlink_to(trained_runs / "dlgn")
    (tmp_path / "empty").mkdir()
    shutil.copytree(trained_runs / "dlgn", tmp_path / "unsaved")
    shutil.rmtree(tmp_path / "unsaved" / "checkpoints")
    (tmp_path / "unsaved" / "model.keras").unlink()
    (tmp_path / "saved").symlink_to(saved_model)
    shutil.copytree(saved_model, tmp_path / "old")
    shutil.rmtree(tmp_path / "old" / "assets.extra")
    shutil.copytree(saved_model, tmp_path / "cut")
    kept = tmp_path / "cut" / saved_model_files.MODEL
    kept.write_bytes(kept.read_bytes()[:1000])
    shutil.copytree(tmp_path / "old", tmp_path / "damaged")
    (tmp_path / "damaged" / "saved_model.pb").write_bytes(b"\xff\xff")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/nonexistent/home")
    return tmp_path


OURS = "--dataset=digits --output_dir=out --saved_model"
# Answered before Keras is there.
EARLY = {
    "": "--saved_model=DIR or --model_path=PATH. Received: none",
    "--run_dir=run --saved_model=saved": "Received: run_dir and saved_model",
    "--run_dir=run --model=resnet32_dnn": "no effect with --run_dir",
    "--model_path=saved --dataset=digits": "--output_dir with --model_path",
    "--model_path=empty --dataset=digits --output_dir=out": "neither",
    "--run_dir=nowhere": "nowhere.*no flags.txt",
    "--run_dir=unsaved": "unsaved.*no checkpoints",
    "--run_dir=run --dataset=digits": "no effect with --run_dir",
    "--saved_model=saved": "--dataset with --saved_model",
    "--saved_model=saved --dataset=digits": "--output_dir with --saved_model",
    f"{OURS}=saved --which=best": "no effect with --saved_model",
    f"{OURS}=empty": "no saved_model.pb",
    f"{OURS}=cut": "whole .keras file.*assets.extra",
    f"--run_dir=run --positions={'9' * 5000}x0": "such as 16x16",
    "--run_dir=run --positions=3": "such as 16x16.*Received: 3",
    "--run_dir=run --positions=3x": "such as 16x16.*Received: 3x",
    "--run_dir=run --memory_gib=0": "number > 0",
    "--saved_model=saved --output_dir=out --dataset=cifar10": "not at hand",
    "--run_dir=run --output_dir=old/saved_model.pb": "is a file",
}
LATE = {
    f"{OURS}=old": "assets.extra/model.keras.*export the run again",
    f"{OURS}=damaged": "saved_model.pb is damaged",
    f"{OURS}=other": "without signatures preactivations, gates",
    "--run_dir=run --sites=conv9": "conv1, conv2. Received: conv9",
    "--run_dir=run --positions=3x8": "rows below 8.*Received: 3x8",
}


@pytest.mark.parametrize("arguments", [*EARLY, *LATE])
def test_refusals(place, monkeypatch, arguments):
    if "=other" in arguments:
        other_saved_model(place / "other")
    if arguments in EARLY:

        def refuse():
            raise AssertionError("Keras was about to be imported")

        monkeypatch.setattr(startup, "import_keras", refuse)
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    with pytest.raises(UserError, match={**EARLY, **LATE}[arguments]) as caught:
        run_command(*arguments.split())
    assert "Received" in str(caught.value) and "\n" not in str(caught.value)
    after = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert after == before


def test_images_of_another_size(place):
    """A data set is at hand, but of images that the model does not take."""
    from dlgn_tf.models.build import create_model

    export.export(create_model("c1gap_dlgn", (9, 9, 1), width=2), "nine")
    with pytest.raises(UserError, match="9x9x1.*Received: --dataset=digits"):
        run_command(*f"{OURS}=nine".split())
