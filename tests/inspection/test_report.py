"""Pages of all kinds of networks say what is true of each."""

from unittest import mock

import pytest

from dlgn_tf.data import catalog, sources
from dlgn_tf.inspection import report
from dlgn_tf.inspection.sections import kernel
from dlgn_tf.models.build import create_model

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return sources.load("digits", test_examples=24)[1]


def task_of(name, digits, examples=2, **options):
    model = create_model(name, SHAPE, 10, width=4, seed=2, **options)
    return report.InspectedNetwork(
        model=model,
        family=name.partition("_")[2],
        step=None,
        origin="a test",
        dataset=catalog.get("digits"),
        images=digits,
        sites=tuple(model.site_names[:2]),
        channels=2,
        examples=examples,
        kernel_images=10,
    )


def page_of(task, folder):
    return report.write(task, folder).read_text()


@pytest.mark.usefixtures("unrendered")
def test_an_ensemble(digits, tmp_path):
    page = page_of(task_of("c1gap_dnn", digits, members=2), tmp_path)
    assert "An ensemble of plain networks" in page
    assert "Logits are not taken apart." in page
    assert "sum over the units of any site" not in page


def test_a_kernel_that_takes_minutes(digits, monkeypatch):
    """It is told how long, and not computed."""
    monkeypatch.setattr(kernel, "_LONGEST", 0)
    page = mock.Mock()
    task = task_of("resnet20_dnn", digits, depth=8)
    kernel.add(mock.Mock(task=task, page=page))
    (note,) = page.note.call_args.args
    assert "That of 10 images takes about 0 minutes here" in note


@pytest.mark.usefixtures("unrendered")
def test_a_permuted_network_names_both_sites(digits, tmp_path, read_table):
    task = task_of("c4gap_dlgn", digits, gate_permutation=(2, 0, 3, 1))
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
def test_what_is_said_is_true(name, options, said, unsaid, digits, tmp_path):
    page = page_of(task_of(name, digits, **options), tmp_path)
    assert said in page
    assert unsaid not in page


def test_one_example_and_paths_that_are_shut(digits, tmp_path):
    task = task_of(
        "fc_dgn", digits, examples=1, gate="hard", depth=8, biases=False
    )
    page = page_of(task, tmp_path)
    assert "nan%" not in page
    assert len(list(tmp_path.glob("decision_*.png"))) == 1


def test_an_earlier_page_stays_until_the_new_one_is_whole(
    digits, tmp_path, monkeypatch
):
    page_of(task_of("c1gap_dlgn", digits, examples=3), tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert "decision_3.png" in before

    def fail(report):
        raise KeyboardInterrupt

    again = task_of("c1gap_dgn", digits, examples=1)
    with monkeypatch.context() as patch:
        patch.setattr(report.switched_gates, "add", fail)
        with pytest.raises(KeyboardInterrupt):
            page_of(again, tmp_path)
    assert before == {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    page_of(again, tmp_path)
    assert not (tmp_path / "decision_3.png").exists()
