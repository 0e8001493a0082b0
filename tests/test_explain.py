"""The command that explains decisions, and the function of its name."""

import importlib
import re
import types

import numpy as np
import pytest
from PIL import Image

import dlgn_tf
from dlgn_tf.data import sources
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.sites import chosen_sites

METHODS = ("contributions", "gradient_x_input")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, train_run):
    """A small DLGN trained on digits."""
    path = tmp_path_factory.mktemp("runs") / "dlgn"
    small = ("--width=6", "--depth=2", "--batch_size=64", "--train_steps=40")
    train_run(path, "c4gap_dlgn", *small, "--learning_rates=0.01")
    return path


@pytest.fixture(scope="module")
def page(run_dir, in_this_process):
    """The folder of its explanations: a test image and a picture file."""
    image = sources.load("digits", test_examples=6)[1].images[5, ..., 0]
    Image.fromarray(image).save(run_dir / "five.png")
    in_this_process(
        importlib.import_module("dlgn_tf.explain"),
        f"--run_dir={run_dir}",
        f"--images=2,{run_dir / 'five.png'}",
        f"--methods={','.join(METHODS)}",
    )
    return run_dir / "explanations"


def test_sums(page, run_dir, read_table):
    """The parts of the table sum to what the network says."""
    model = dlgn_tf.load_run(run_dir).model
    images = sources.load("digits", test_examples=6)[1].images
    rows = read_table(page / "explanations.csv")
    assert [row["image"] for row in rows] == ["Test image 2", "five.png"]
    for row, k in zip(rows, (2, 5), strict=True):
        logits = np.asarray(model(images[k : k + 1]))[0]
        lead = logits[int(row["predicted"])] - logits[int(row["rival"])]
        parts = [
            float(row[name]) for name in ("pixels", "constant_input", "biases")
        ]
        assert sum(parts) == pytest.approx(lead, abs=1e-4)
        assert int(row["predicted"]) == logits.argmax()
        assert abs(parts[0]) > 1e-3
    # A file's class is known to nobody.
    assert [bool(row["true"]) for row in rows] == [True, False]


def test_flips(page, run_dir, read_table):
    rows = read_table(page / "flips.csv")
    kinds = {row["why"] for row in rows}
    assert {"strongest", "nearest"} <= kinds
    nearest = [
        float(row["distance"])
        for row in rows
        if (row["image"], row["why"]) == ("Test image 2", "nearest")
    ]
    assert nearest == sorted(nearest) and len(nearest) == 20
    assert all(row["exact"] == "True" for row in rows)


def test_methods(page, read_table):
    rows = {row["method"]: row for row in read_table(page / "methods.csv")}
    assert list(rows) == list(METHODS)
    assert float(rows["contributions"]["gap"]) < 1e-5
    assert float(rows["gradient_x_input"]["gap"]) > 1e-3


def test_page_in_a_browser(page, tmp_path, browser):
    text = (page / "index.html").read_text()
    seen = browser.open_page(text, tmp_path)
    assert seen.failed == seen.requests == seen.console == []
    assert not seen.wide and min(seen.pictures) > 100
    # Nor is it on a phone.
    (tmp_path / "phone").mkdir()
    phone = browser.open_page(text, tmp_path / "phone", width=400)
    assert phone.width <= 500 and not phone.wide
    # Of each image its map, its gates and the methods.
    assert len(seen.pictures) == 6 == len(list(page.glob("*.png")))
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", text)
    assert "prefers-color-scheme: dark" in text


@pytest.mark.slow
def test_of_a_deep_network_few_sites_are_looked_at(
    in_this_process, read_table, tmp_path
):
    """Unless others are named; methods are compared where they are named."""
    model = dlgn_tf.create_model(
        "resnet20_dlgn", (8, 8, 1), 10, depth=26, width=2, seed=0
    )
    model.save(tmp_path / "deep.keras")
    in_this_process(
        importlib.import_module("dlgn_tf.explain"),
        f"--model_path={tmp_path / 'deep.keras'}",
        "--dataset=digits",
        "--images=1",
        f"--output_dir={tmp_path / 'out'}",
    )
    sites = model.site_names
    shown = [sites[0], sites[(len(sites) - 1) // 2], sites[-1]]
    assert len(sites) > 24
    found = {row["site"] for row in read_table(tmp_path / "out" / "flips.csv")}
    assert found <= {*shown}
    page = (tmp_path / "out" / "index.html").read_text()
    first, second, third = (f"<code>{site}</code>" for site in shown)
    assert f"The gates of {first}, {second} and {third} that matter" in page
    assert not (tmp_path / "out" / "methods.csv").exists()


def test_mistakes_end_in_one_line(run_dir, in_this_process, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    module = importlib.import_module("dlgn_tf.explain")
    for given, expected in (
        ("--images=400", "from 0 to 359, or picture files. Received: 400"),
        (f"--images={tmp_path / 'broken.png'}", "picture files.*broken.png"),
        ("--images=nowhere.png", "picture files.*nowhere.png"),
        ("--images=", "picture files. Received: none"),
        ("--sites=conv9", "a gate site.*conv9"),
        ("--methods=magic", "methods of contributions.*magic"),
    ):
        out = tmp_path / "out"
        with pytest.raises(UserError, match=expected):
            in_this_process(
                module, f"--run_dir={run_dir}", given, f"--output_dir={out}"
            )
        assert not out.exists()


def test_a_site_that_is_named_twice_counts_once():
    model = types.SimpleNamespace(site_names=[*"abcde"])
    assert chosen_sites(model, ("d", "b", "d"), 2) == ("d", "b")
    assert chosen_sites(model, (), 2) == ("a", "e")


def test_the_module_is_the_function_too(run_dir):
    """Whichever was asked for first, and both are to be had."""
    module = importlib.import_module("dlgn_tf.explain")
    function = dlgn_tf.inspection.explanations.explain
    model = dlgn_tf.load_run(run_dir).model
    images = sources.load("digits", test_examples=1)[1].images
    found = [call(model, images).maps for call in (module, function)]
    np.testing.assert_array_equal(*found)
    assert callable(dlgn_tf.explain) and "explain" in dir(dlgn_tf.calls)
    from dlgn_tf import explain

    assert explain(model, images).method == "contributions"
