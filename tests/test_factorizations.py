"""Factorisations where NumPy's drivers do not converge."""

import pathlib
import re

import numpy as np
import pytest

import dlgn_tf
from dlgn_tf import factorizations
from dlgn_tf.errors import UserError
from dlgn_tf.locality.constructions import affine_loss
from dlgn_tf.rainbow import alignment
from dlgn_tf.rainbow.covariance import operator_norm_error
from dlgn_tf.rainbow.drawn_weights import draw_weights


def give_up(*args, **kwargs):
    raise np.linalg.LinAlgError("SVD did not converge")


@pytest.fixture(params=[True, False], ids=["as usual", "no convergence"])
def drivers(request, monkeypatch):
    """NumPy's drivers, and such as never converge."""
    if not request.param:
        for name in ("svd", "eigh", "eigvalsh", "pinv", "lstsq"):
            monkeypatch.setattr(np.linalg, name, give_up)


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (3, 6)])
def test_svd(drivers, rng, shape):
    matrix = rng.normal(size=shape)
    left, values, right = factorizations.svd(matrix)
    least = min(shape)
    np.testing.assert_allclose(left * values @ right, matrix, atol=1e-13)
    np.testing.assert_allclose(left.T @ left, np.eye(least), atol=1e-13)
    np.testing.assert_allclose(right @ right.T, np.eye(least), atol=1e-13)
    assert np.all(np.diff(values) <= 0)
    np.testing.assert_allclose(factorizations.singular_values(matrix), values)


def test_eigh(drivers, rng):
    matrix = rng.normal(size=(6, 6))
    matrix = matrix + matrix.T
    values, vectors = factorizations.eigh(matrix)
    np.testing.assert_allclose(vectors * values @ vectors.T, matrix, atol=1e-13)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(6), atol=1e-13)
    assert np.all(np.diff(values) >= 0)
    np.testing.assert_allclose(factorizations.eigvalsh(matrix), values)


def test_pinv(drivers, rng):
    """Penrose's four conditions, of a matrix of rank 2."""
    a = rng.normal(size=(5, 2)) @ rng.normal(size=(2, 4))
    b = factorizations.pinv(a, 1e-12)
    np.testing.assert_allclose(a @ b @ a, a, atol=1e-12)
    np.testing.assert_allclose(b @ a @ b, b, atol=1e-12)
    np.testing.assert_allclose(a @ b, (a @ b).T, atol=1e-12)
    np.testing.assert_allclose(b @ a, (b @ a).T, atol=1e-12)
    # A share of one half of the first singular value leaves it alone.
    np.testing.assert_allclose(
        factorizations.pinv(np.diag([3.0, 1.0]), 0.5), np.diag([1 / 3, 0.0])
    )
    assert not factorizations.pinv(np.zeros((3, 2)), 1e-12).any()


def test_what_is_built_on_them(drivers, rng):
    """Alignments, drawn weights and losses as by hand."""
    angle = 0.4
    turn = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    moment = np.diag([4.0, 1.0])
    found = alignment.align(moment @ turn)
    np.testing.assert_allclose(found.matrix, turn, atol=1e-14)
    rows = draw_weights(moment, 2, rng, orthogonal=True)
    np.testing.assert_allclose(rows.T @ rows / 2, moment, atol=1e-12)
    assert operator_norm_error(np.diag([3.0, 5.0]), moment) == pytest.approx(1)
    # Three points on a line: affine functions reach two of three dimensions.
    assert affine_loss(np.array([[0.0], [1.0], [2.0]])) == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    "factorize",
    [factorizations.svd, factorizations.eigh, factorizations.eigvalsh],
)
def test_numbers_that_are_not_finite(factorize, bad):
    matrix = np.eye(3)
    matrix[1, 1] = bad
    with pytest.raises(UserError, match="finite numbers. Received: 1 of 9"):
        factorize(matrix)


def test_no_other_module_calls_the_drivers():
    names = "svd|eigh|eigvalsh|pinv|lstsq|matrix_rank|cond|svdvals"
    pattern = re.compile(
        rf"linalg\.({names})\(|linalg\.norm\([^\n]*, (2|\"nuc\")\)"
    )
    root = pathlib.Path(dlgn_tf.__file__).parent
    found = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if pattern.search(path.read_text())
    ]
    assert not set(found) - {"factorizations.py"}
