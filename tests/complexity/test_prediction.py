"""Linear predictions, against NumPy's least squares and closed forms."""

import csv
import os
import pathlib

import numpy as np
import pytest

from dlgn_tf.complexity import prediction
from dlgn_tf.errors import UserError

AUTHORS = pathlib.Path(
    os.environ.get("DLGN_TF_COMPLEXITY_CSV", prediction.AUTHORS_FILE)
)


@pytest.fixture
def table(rng):
    x = rng.normal(size=(20, 3))
    y = x @ [1.0, -2.0, 3.0] + 5 + 0.3 * rng.normal(size=20)
    return x, y


def with_ones(x):
    return np.hstack([x, np.ones((len(x), 1))])


def test_fit_is_that_of_numpy(table):
    x, y = table
    found = prediction.errors(x, y, repeats=20)
    solution = np.linalg.lstsq(with_ones(x), y, rcond=None)[0]
    residuals = y - with_ones(x) @ solution
    assert found.rmse == pytest.approx(np.sqrt(np.mean(residuals**2)))
    assert found.r2 == pytest.approx(1 - residuals.var() / y.var())


def test_weights_without_each_network(table):
    """(A'A)^-1 a e / (1 - h) is what a network adds to the weights."""
    x, y = table
    a = with_ones(x)
    inverse = np.linalg.inv(a.T @ a)
    whole = inverse @ a.T @ y
    residuals = y - a @ whole
    leverage = np.einsum("ni,ij,nj->n", a, inverse, a)
    expected = whole - a @ inverse * (residuals / (1 - leverage))[:, None]
    found = prediction.fits_in_turn(x, y)
    np.testing.assert_allclose([f.coef_ for f in found], expected[:, :-1])
    np.testing.assert_allclose([f.intercept_ for f in found], expected[:, -1])


def test_left_out_one_by_one(table):
    """The residual of one left out is e / (1 - h) of the whole fit."""
    x, y = table
    a = with_ones(x)
    hat = a @ np.linalg.pinv(a)
    left_out = (y - hat @ y) / (1 - np.diag(hat))
    found = prediction.errors(x, y, repeats=20)
    assert found.leave_one_out == pytest.approx(np.abs(left_out).mean())


def test_errors_on_networks_left_out(table, rng):
    x, y = table
    exact = prediction.errors(x, x @ [1.0, 2.0, 3.0] - 4, repeats=50)
    assert exact.test < 1e-9 and exact.train < 1e-9
    assert exact.shuffled > exact.mean > 1
    noisy = prediction.errors(x, y, repeats=200)
    assert noisy.train < noisy.test < 0.5 < noisy.mean
    # Numbers that say nothing are worse than the mean.
    useless = prediction.errors(rng.normal(size=(20, 10)), y, repeats=50)
    assert useless.test > useless.mean


def test_errors_follow_from_the_seed(table):
    first, again, other = (
        prediction.errors(*table, repeats=20, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first.test != other.test


@pytest.mark.parametrize(
    "fits, few", [(prediction.fit, 8), (prediction.errors, 13)]
)
def test_too_few_networks(fits, few, rng):
    with pytest.raises(UserError, match=f"more than {few} .*Received: {few}"):
        fits(rng.normal(size=(few, 8)), rng.normal(size=few))


def test_plane(table):
    x, y = table
    fit = prediction.plane(x, y)
    centred = x - x.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    scores = centred @ axes[:2].T
    np.testing.assert_allclose(np.abs(fit.scores), np.abs(scores), atol=1e-9)
    np.testing.assert_allclose(fit.kept, (sizes**2 / (sizes**2).sum())[:2])
    solution = np.linalg.lstsq(with_ones(fit.scores), y, rcond=None)[0]
    np.testing.assert_allclose(
        fit.at(fit.scores), with_ones(fit.scores) @ solution
    )


def write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_reads_networks_of_any_orders(tmp_path):
    names = prediction.columns((4, 13))
    assert " ".join(names[3:]) == (
        "rho_reli_4 rho_unreli_4 rho_reli_13 rho_unreli_13 rho_c_4 rho_c_13"
    )
    rows = [
        {"model": f"m{k}", "other": "x"}
        | {name: 10 * k + place for place, name in enumerate(names)}
        for k in range(3)
    ]
    write(tmp_path / "networks.csv", rows)
    found = prediction.read_networks(tmp_path / "networks.csv")
    assert found.orders == (4, 13)
    assert found.names == ["m0-0", "m1-10", "m2-20"]
    np.testing.assert_array_equal(found.accuracies, [1, 11, 21])
    np.testing.assert_array_equal(found.losses, [2, 12, 22])
    np.testing.assert_array_equal(found.descriptors[1], [13, 14, 15, 16])
    np.testing.assert_array_equal(found.significances[2], [27, 28])


@pytest.fixture
def plain(tmp_path):
    """A table with commas and points, of three networks."""
    names = prediction.columns((4,))
    rows = [
        {"model": f"m{k}"} | {name: f"{k}.{i}5" for i, name in enumerate(names)}
        for k in range(3)
    ]
    write(tmp_path / "networks.csv", rows)
    return tmp_path / "networks.csv"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("fields", [",.", ";.", ";,", "\t,"])
def test_tables_of_spreadsheets(mark, end, fields, plain):
    expected = prediction.read_networks(plain)
    assert expected.losses[2] == 2.25
    delimiter, point = fields
    text = plain.read_text().replace(",", delimiter).replace(".", point)
    text = mark + text.replace("\n", end)
    plain.write_bytes(text.encode())
    found = prediction.read_networks(plain)
    np.testing.assert_array_equal(found.descriptors, expected.descriptors)
    np.testing.assert_array_equal(found.losses, expected.losses)
    assert found.orders == (4,)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "", "2,25", "none"])
def test_numbers_that_are_none(number, plain):
    """With a decimal comma and commas between fields there is one too many."""
    text = plain.read_text()
    assert text.count("2.25") == 1
    plain.write_text(text.replace("2.25", number))
    with pytest.raises(UserError, match="Received: .*networks.csv, "):
        prediction.read_networks(plain)


@pytest.mark.parametrize("text", [None, "model,test_acc\n", "rho_unreli_4"])
def test_refuses_other_tables(plain, text):
    """No file, no row, and a table without one of its columns."""
    if text is None:
        plain.unlink()
    else:
        other = plain.read_text().replace(text, "column")
        plain.write_text(text if "," in text else other)
    with pytest.raises(UserError, match="Expected a CSV file .*Received: "):
        prediction.read_networks(plain)


@pytest.mark.skipif(not AUTHORS.is_file(), reason="no table of the authors")
def test_figures_of_the_authors():
    networks = prediction.read_networks(AUTHORS)
    assert networks.descriptors.shape == (25, 8)
    accuracy = prediction.errors(
        networks.descriptors, networks.accuracies, repeats=300
    )
    assert 2.5 <= accuracy.test <= 3.0
    assert accuracy.r2 == pytest.approx(0.982, abs=1e-3)
    assert accuracy.rmse == pytest.approx(1.82, abs=0.01)
    fit = prediction.plane(networks.descriptors, networks.accuracies)
    np.testing.assert_allclose(fit.kept, [0.66, 0.15], atol=5e-3)
    assert fit.r2 == pytest.approx(0.73, abs=5e-3)
