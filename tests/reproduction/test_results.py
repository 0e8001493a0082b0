import csv
import dataclasses
import pathlib
import re

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.output.origin import Origin
from dlgn_tf.reproduction import results
from dlgn_tf.training.run_directory import RunDirectory

ORIGIN = ("commit", "backend", "versions", "machine")


@pytest.fixture
def result():
    return results.Result(
        cell="cifar10_dgn_x1_permuted",
        seed=2,
        permutation="2,0,3,1",
        best_accuracy=40.91,
        last_accuracy=40.9,
        evaluations=2,
        test_images=10_000,
        steps=1875,
        seconds=81.5,
        command="python -m dlgn_tf.train --a='b c' --d=1,2",
    )


@pytest.mark.parametrize("count", [2, 3, 5])
def test_statistics_are_numpys(rng, count):
    values = rng.uniform(0, 100, count).tolist()
    found = results.summarize(values)
    assert found.n == count
    np.testing.assert_allclose(
        [found.mean, found.std], [np.mean(values), np.std(values)], rtol=1e-12
    )


def test_one_run_has_no_spread():
    assert results.summarize([3.0]) == results.Summary(1, 3.0, None)
    assert results.summarize([]) == results.Summary(0, None, None)


def test_csv_is_read_again(result, tmp_path):
    origin = Origin("abc, with changes", "jax", "python 3, keras 1", 'a "GPU"')
    noted = dataclasses.replace(result, origin=origin, permutation="")
    path = tmp_path / "results.csv"
    path.write_text(results.to_csv([noted, result]))
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert [first[name] for name in ORIGIN] == list(dataclasses.astuple(origin))
    assert [second[name] for name in ORIGIN] == ["unknown"] * 4
    assert results.from_csv(path) == [noted, result]


def test_a_file_without_origins_is_read(result, tmp_path):
    """As they were written before."""
    path = tmp_path / "results.csv"
    lines = list(csv.reader(results.to_csv([result]).splitlines()))
    assert tuple(lines[0][-4:]) == ORIGIN
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(line[:-4] for line in lines)
    assert results.from_csv(path) == [result]


def test_committed_results_are_read():
    root = pathlib.Path(__file__).parents[2]
    found = results.from_csv(root / "results/dlgn.1-minutes/results.csv")
    assert len(found) == 27
    # Whole, at one commit that nothing differed from, on one machine.
    (commit,) = {result.origin.commit for result in found}
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert len({result.origin.machine for result in found}) == 1


@pytest.mark.parametrize(
    "text", [None, "cell,seed\nx,0\n", "no table", "\0\xff"]
)
def test_another_file_is_refused(result, tmp_path, text):
    path = tmp_path / "results.csv"
    if text is not None:
        whole = results.to_csv([result])
        path.write_text(text if "," in text else whole.replace("81.5", text))
    with pytest.raises(UserError, match="results.csv"):
        results.from_csv(path)


def test_seconds_add_up_over_starts(tmp_path):
    directory = RunDirectory(tmp_path)
    assert results.seconds_so_far(directory) == 0
    results.add_seconds(directory, 1.5)
    results.add_seconds(directory, 2.25)
    assert results.seconds_so_far(directory) == 3.75
