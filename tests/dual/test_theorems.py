"""The command: tables, pictures and mistakes."""

import csv
import os

import numpy as np
import pytest

from dlgn_tf.command import fields
from dlgn_tf.dual import theorems
from dlgn_tf.dual.random_networks import FullyConnected
from dlgn_tf.dual.theorems import __main__ as entry
from dlgn_tf.errors import UserError


@pytest.fixture
def results(rng):
    networks = {
        "narrow": theorems.Setting("narrow", "2.1", FullyConnected(depth=2)),
        "deep": theorems.Setting("deep", "A.1", FullyConnected(), holds=False),
    }
    return [
        theorems.measure(s, rng, draws=3, widths=(4, 8), bias_draws=5)
        for s in networks.values()
    ]


def test_tables_hold_every_draw(results, tmp_path):
    names = theorems.write(results, tmp_path)
    with open(tmp_path / "errors.csv") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 2 * 3
    of_deep = [
        float(x["error"])
        for x in lines
        if (x["setting"], x["width"]) == ("deep", "8")
    ]
    np.testing.assert_allclose(of_deep, results[1].errors[1], rtol=1e-5)
    with open(tmp_path / "summary.csv") as file:
        summary = {line["setting"]: line for line in csv.DictReader(file)}
    assert list(summary) == ["narrow", "deep"]
    rise = np.log(np.mean(of_deep)) - np.log(results[1].errors[0].mean())
    assert float(summary["deep"]["slope"]) == pytest.approx(
        rise / np.log(2), abs=1e-3
    )
    assert set(names) == set(os.listdir(tmp_path))
    for name in ("theorem-2.1.png", "theorem-A.1.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_picture_shows_the_errors_and_the_law(results):
    (axes,) = theorems.figure(results).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    narrow, deep, law = axes.get_lines()
    np.testing.assert_allclose(narrow.get_ydata(), results[0].means)
    np.testing.assert_allclose(deep.get_ydata(), results[1].means)
    assert deep.get_linestyle() == ":"
    first, last = law.get_ydata()
    assert last / first == pytest.approx(2**-0.5)


@pytest.mark.parametrize("words", [[], ["--output_dir=/dev/null/x"]])
def test_results_that_could_not_be_written(words):
    with pytest.raises(UserError, match="Expected --output_dir"):
        entry.check(fields.parse(entry.Command, words))
