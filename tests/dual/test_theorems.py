"""The command: tables, pictures and mistakes."""

import csv
import os
import subprocess
import sys

import numpy as np
import pytest

import dlgn_tf
from dlgn_tf.dual import theorems
from dlgn_tf.dual.random_networks import FullyConnected


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


def test_settings_are_those_of_the_theorems():
    by_theorem = {}
    for setting in theorems.SETTINGS:
        by_theorem.setdefault(setting.theorem, []).append(setting.holds)
    assert by_theorem == {
        "2.1": [True] * 4 + [False],
        "A.1": [True] * 2,
        "B.1": [True] * 3,
    }


@pytest.mark.parametrize(
    "flags, text",
    [
        ((), "output_dir"),
        (("--output_dir=/dev/null/x",), "Expected --output_dir"),
        (("--output_dir=x", "--draws=1"), "draws"),
    ],
)
def test_a_wrong_flag_ends_in_one_line(flags, text, tmp_path):
    finished = subprocess.run(
        [sys.executable, "-m", "dlgn_tf.dual.theorems", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.path.dirname(os.path.dirname(dlgn_tf.__file__)),
        },
    )
    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    assert line.startswith("dlgn_tf.dual.theorems: ")
    assert text in line
    assert not os.listdir(tmp_path)
