"""Pages of all kinds of networks say what is true of each."""

import dataclasses
import html
from unittest import mock

import keras
import numpy as np
import pytest

from dlgn_tf import from_keras
from dlgn_tf.data import sources
from dlgn_tf.data.images import ImageSet
from dlgn_tf.inspection import report
from dlgn_tf.inspection.sections import flipping, kernel
from dlgn_tf.models.build import create_model

SHAPE = (8, 8, 1)
LOCAL, EXACT = "Where it says locally", "Distances and templates are exact"


@pytest.fixture(scope="module")
def digits():
    return sources.load("digits", test_examples=24)[1]


@pytest.fixture
def task_of(digits, inspected):
    def build(name, examples=2, **options):
        model = create_model(name, SHAPE, 10, width=4, seed=2, **options)
        return inspected(model, digits, examples=examples)

    return build


def page_of(task, folder):
    return report.write(task, folder).read_text()


@pytest.mark.usefixtures("unrendered")
def test_an_ensemble(task_of, tmp_path):
    page = page_of(task_of("c1gap_dnn", members=2), tmp_path)
    assert "An ensemble of plain networks" in page
    assert "Logits are not taken apart." in page
    assert "sum over the units of any site" not in page


def test_a_kernel_that_takes_minutes(task_of, monkeypatch):
    """It is told how long, and not computed."""
    monkeypatch.setattr(kernel, "_LONGEST", 0)
    page = mock.Mock()
    task = task_of("resnet20_dnn", depth=8)
    kernel.add(mock.Mock(task=task, page=page))
    (note,) = page.note.call_args.args
    assert "That of 10 images takes about 0 minutes here" in note


@pytest.mark.usefixtures("unrendered")
def test_a_permuted_network_names_both_sites(task_of, tmp_path, read_table):
    task = task_of("c4gap_dlgn", gate_permutation=(2, 0, 3, 1))
    page = page_of(task, tmp_path)
    assert "2, 0, 3, 1: value sites" in page and "counted from 0" in page
    assert "which gates" in page
    found = {
        r["site"]: r["gates_of"] for r in read_table(tmp_path / "templates.csv")
    }
    # Value sites conv1 and conv2 use the gates of sites 2 and 0.
    assert found == {"conv3": "conv1", "conv1": "conv2"}
    shares = {
        (row["site"], row["channel"]): float(row["on"])
        for row in read_table(tmp_path / "gate_statistics.csv")
    }
    for row in read_table(tmp_path / "templates.csv"):
        expected = shares[row["gates_of"], row["channel"]]
        assert float(row["on"]) == pytest.approx(expected)


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("name", "options", "said", "unsaid"),
    [
        (
            "fc_dgn",
            {"activation": "beta_vq", "depth": 3},
            "beta_vq, beta 0.5 to 0.5",
            "ReLU",
        ),
        (
            "fc_dnn",
            {"activation": "abs_beta_vq", "depth": 3},
            "what abs_beta_vq multiplies q by",
            "plain ReLU network",
        ),
        (
            "c1gap_dlgn",
            {"per_image": True},
            "once they are standardised one by one",
            "ReLU",
        ),
        (
            "vconv_dlgn",
            {"depth": 1, "head_width": 2},
            "a template T that holds for all images x.",
            "does not hold",
        ),
    ],
)
def test_what_is_said_is_true(task_of, name, options, said, unsaid, tmp_path):
    page = page_of(task_of(name, **options), tmp_path)
    assert said in page
    assert unsaid not in page


def test_one_example_and_paths_that_are_shut(task_of, tmp_path):
    task = task_of("fc_dgn", examples=1, gate="hard", depth=8, biases=False)
    page = page_of(task, tmp_path)
    assert "nan%" not in page
    assert len(list(tmp_path.glob("decision_*.png"))) == 1


def test_an_earlier_page_stays_until_the_new_one_is_whole(
    task_of, tmp_path, monkeypatch
):
    page_of(task_of("c1gap_dlgn", examples=3), tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert "decision_3.png" in before

    def fail(report):
        raise KeyboardInterrupt

    again = task_of("c1gap_dgn", examples=1)
    with monkeypatch.context() as patch:
        patch.setattr(report.switched_gates, "add", fail)
        with pytest.raises(KeyboardInterrupt):
            page_of(again, tmp_path)
    assert before == {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    page_of(again, tmp_path)
    assert not (tmp_path / "decision_3.png").exists()
    # Whatever lies there goes with the next page that lacks it.
    for path in tmp_path.iterdir():
        named = any(path.match(pattern) for pattern in report.BESIDE)
        assert named or path.name == report.PAGE


def decisions_page(task, folder, **how):
    """The page of single decisions, of the fourth image."""
    task = dataclasses.replace(task, explained=(("Image 3", 3),), **how)
    made = report.write(task, folder, sections=report.DECISIONS)
    return made.read_text()


def with_max_pooling(**options):
    image = keras.Input(SHAPE)
    h = keras.layers.Conv2D(2, 3, activation="relu", name="conv1")(image)
    h = keras.layers.Flatten()(keras.layers.MaxPooling2D(3)(h))
    return from_keras(keras.Model(image, keras.layers.Dense(10)(h)), **options)


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    "name, options, said, unsaid",
    [
        (
            "c4gap_dlgn",
            {"value_input": "ones"},
            [EXACT, "sees a constant", "Drawn are those of conv1", "grey lev"],
            [LOCAL, "Blue pixels speak"],
        ),
        (
            "fc_dnn",
            {"depth": 4},
            [LOCAL, "gates of this network are its own", "`dense1` and"],
            [EXACT, "twice as far"],
        ),
        (
            "c1gap_dlgn",
            {"per_image": True},
            [EXACT, "in units of the standardised image", "twice as far"],
            ["grey levels"],
        ),
        (
            "c1gap_dnn",
            {"members": 2},
            ["Not shown. Expected", "EnsembleNetwork"],
            [EXACT, LOCAL],
        ),
    ],
)
def test_a_decision_of(task_of, name, options, said, unsaid, tmp_path):
    """Whatever kind of network it is, what is said of it is true."""
    page = decisions_page(task_of(name, **options), tmp_path)
    assert [x for x in said if html.escape(x) not in page] == []
    assert [x for x in unsaid if html.escape(x) in page] == []


@pytest.mark.usefixtures("unrendered")
def test_a_decision_of_some_sites_says_which(task_of, tmp_path, read_table):
    """And what an earlier page had of methods is gone with it."""
    task = task_of("c4gap_dlgn")
    few = {"sites": ("conv2", "conv4")}
    first = decisions_page(
        task, tmp_path, methods=("contributions", "gradient"), **few
    )
    assert (tmp_path / "methods.csv").exists() and "<td>gradient" in first
    page = decisions_page(task, tmp_path, **few)
    of_sites = "of <code>conv2</code> and <code>conv4</code>"
    assert f"The gates {of_sites} that matter most" in page
    assert f"The gate {of_sites} that is nearest" in page
    assert f"single gate {of_sites} " in page
    assert not (tmp_path / "methods.csv").exists()
    found = {row["site"] for row in read_table(tmp_path / "flips.csv")}
    assert found <= {"conv2", "conv4"}


@pytest.mark.usefixtures("unrendered")
def test_a_decision_where_distances_are_not_to_be_had(
    task_of, digits, tmp_path, inspected
):
    """For one reason or another, each of which is said."""
    task = task_of("fc_dgn", depth=3)
    page = decisions_page(task, tmp_path, sites=("dense2",))
    assert "is not known: no gate of <code>dense2</code> is a linear" in page
    flat = task_of("fc_dlgn", depth=2)
    gating = flat.model.gating_network
    gating.set_weights([(x.ndim < 2) + 0 * x for x in gating.get_weights()])
    page = decisions_page(flat, tmp_path)
    assert "No change of the image flips a gate." in page
    task = inspected(with_max_pooling(family="dgn", max_pooling="keep"), digits)
    with mock.patch.object(flipping, "_MOST_TRIED", 1):
        page = decisions_page(task, tmp_path)
    assert "What max pooling chooses responds" in page
    assert "is not tried here" in page and "takes minutes" in page
    page = decisions_page(task, tmp_path)
    assert "is not tried here" not in page


@pytest.mark.usefixtures("unrendered")
def test_a_decision_of_a_vector(tmp_path, rng, inspected):
    model = create_model("fc_dlgn", (1, 1, 7), 3, width=4, depth=3, seed=1)
    rows = rng.normal(size=(5, 1, 1, 7)).astype("float32")
    page = decisions_page(
        inspected(model, ImageSet(rows, np.arange(5, dtype="int32") % 3)),
        tmp_path,
        methods=("contributions", "occlusion", "grad_cam"),
    )
    assert "in units of the data" in page and "<td>occlusion" in page
    assert "Not shown, grad cam: Expected a network with a conv" in page


@pytest.mark.usefixtures("unrendered")
def test_memory_bounds_what_decisions_take(task_of, tmp_path):
    task = task_of("c1gap_dlgn")
    page = decisions_page(task, tmp_path, memory_gib=1e-9)
    assert "Not shown. An image in c1gap_dlgn takes" in page
